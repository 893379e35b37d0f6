"""The car of `bench.push`: on a serial CAN adapter, which is a pseudo terminal."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path

import cantools

ROOT = Path(__file__).resolve().parent.parent
SLOW, FAST = 40.0, 60.0
"""km/h"""
_PATIENCE_S = 60.0


class Car:
    """A car on a serial adapter, which says twenty times a second that it is awake and how fast it is."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._ours)
        self.port = os.ttyname(self._theirs)
        database = cantools.database.can.Database()
        database.add_dbc_file(ROOT / "dbc" / "demo_car.dbc")
        self._messages = {name: database.get_message_by_name(name) for name in ("VehicleState", "Motion")}
        self._kmh = SLOW
        self._said_ms: dict[float, int] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._talk, self._listen)]
        for thread in self._threads:
            thread.start()

    def goes(self, kmh: float) -> int:
        """It has another speed; when it first said so, in milliseconds of Unix time."""
        self._said_ms.clear()
        self._kmh = kmh
        until_s = time.monotonic() + _PATIENCE_S
        while kmh not in self._said_ms:
            if time.monotonic() > until_s:
                raise TimeoutError(f"the car said nothing within {_PATIENCE_S:g} s")
            time.sleep(0.001)
        return self._said_ms[kmh]

    def close(self) -> None:
        self._stop.set()
        self._threads[0].join()
        os.close(self._theirs)
        self._threads[1].join()
        os.close(self._ours)

    def _talk(self) -> None:
        while not self._stop.wait(0.05):
            kmh = self._kmh
            for name, said in (("VehicleState", {"NetworkState": "Awake"}), ("Motion", {"VehicleSpeed": kmh})):
                message = self._messages[name]
                zeros = {signal.name: signal.minimum or 0 for signal in message.signals}
                data = message.encode({**zeros, **said}, strict=False)
                if name == "Motion":
                    self._said_ms.setdefault(kmh, time.time_ns() // 1_000_000)
                os.write(self._ours, f"t{message.frame_id:03X}{len(data)}{data.hex()}\r".encode())

    def _listen(self) -> None:
        # What the agent writes (it sets the bit rate and opens the channel) is read, or it would wait for room.
        with suppress(OSError):
            while os.read(self._ours, 4096):
                continue
