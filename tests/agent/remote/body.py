"""A body controller on a bus of python-can: it says how it is, and does what it is told if the checksum fits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import can

from agent.decode.checksums import crc8_j1850

CYCLE_S = 0.02
LOCK, HORN = 0x300, 0x301
REQUEST, ANSWER = 0x744, 0x764


class Body:
    """Speaks and listens from a thread of its own until closed."""

    def __init__(self, open_bus: Callable[[], can.BusABC]) -> None:
        self.speed_kmh = 0.0
        self.door_open = False
        self.locks = 2
        self.horn = False
        self.heating = False
        self.obeys = True
        """Whether it does what it is told."""
        self.speaks = True
        self.wakes_by: int | None = None
        """An id that wakes it when it does not speak."""
        self.sends_horn = False
        """Whether somebody else sends the horn's message too, with a counter of its own."""
        self.busy = 0
        """How often it says that it is busy, or needs longer, before it answers."""
        self.refuses: int | None = None
        """The reason that it refuses routines with."""
        self.silent = False
        """Whether it answers no requests."""
        self.heard: list[can.Message] = []
        self.requests: list[bytes] = []
        self.wrong: list[bytes] = []
        """Frames of the horn whose checksum was not right."""
        self._counter: int | None = None
        self._bus = open_bus()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._bus.shutdown()

    def sent(self, number: int) -> list[bytes]:
        """What was heard on an id."""
        return [bytes(message.data) for message in self.heard if message.arbitration_id == number]

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._closed.is_set():
            message = self._bus.recv(max(0.0, due_s - time.monotonic()))
            if message is not None:
                self._hear(message)
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + CYCLE_S
                if self.speaks:
                    self._speak()

    def _speak(self) -> None:
        speed = round(self.speed_kmh * 100)
        self._send(0x100, speed.to_bytes(2, "little") + bytes((self.door_open, 0, 0, 0, 0, 0)))
        self._send(0x200, bytes((self.locks | self.horn << 2 | self.heating << 3, 0, 0, 0, 0, 0, 0, 0)))
        if self.sends_horn:
            self._counter = ((self._counter or 0) + 1) % 16
            data = bytes((0b100, 0x44, self._counter << 4))
            self._send(HORN, data + bytes((crc8_j1850(data) ^ 0xFF,)))

    def _send(self, number: int, data: bytes) -> None:
        self._bus.send(can.Message(arbitration_id=number, data=data, is_extended_id=False))

    def _hear(self, message: can.Message) -> None:
        self.heard.append(message)
        number, data = message.arbitration_id, bytes(message.data)
        if number == self.wakes_by:
            self.speaks = True
        if number == LOCK and self.obeys:
            self.locks = data[0] >> 4
        elif number == HORN:
            self._hoot(data)
        elif number == REQUEST and data[0] >> 4 == 0 and not self.silent:
            self._asked(data[1 : 1 + data[0]])

    def _hoot(self, data: bytes) -> None:
        if data[3] != crc8_j1850(data[:3]) ^ 0xFF:
            self.wrong.append(data)
        elif self.obeys and data[2] >> 4 != self._counter:
            self.horn = data[0] & 3 == 1
        self._counter = data[2] >> 4

    def _asked(self, request: bytes) -> None:
        self.requests.append(request)
        if self.busy:
            self.busy -= 1
            self._answer(bytes((0x7F, request[0], 0x21)))
            return
        self._answer(bytes((0x7F, request[0], 0x78)))  # It needs longer, always.
        if self.refuses is not None and request[0] == 0x31:
            self._answer(bytes((0x7F, request[0], self.refuses)))
            return
        self.heating = self.heating or (self.obeys and request[:4] == bytes.fromhex("3101f010"))
        echoed = {0x10: 2, 0x2E: 3, 0x31: 4}[request[0]]
        self._answer(bytes((request[0] + 0x40,)) + request[1:echoed])

    def _answer(self, message: bytes) -> None:
        self._send(ANSWER, (bytes((len(message),)) + message).ljust(8, b"\x55"))
