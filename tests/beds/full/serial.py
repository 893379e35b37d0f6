"""What is plugged into the box's USB, played by the test: each is a serial adapter, there while we are connected to
its socket, gone when we are not.
"""

from __future__ import annotations

import gzip
import select
import socket
import threading
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Self

from tests.agent.modem.responder import Modem
from tests.beds.box.tree import DRIVE


def port(name: str) -> str:
    """Of a plugged in device, whatever else is plugged in (/dev/serial/by-id)."""
    return f"/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_{name}-if00-port0"


def _plugged(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(path))
    return line


def _drain(line: socket.socket, wait_s: float) -> bytes:
    """What the box said meanwhile. It has to be read: QEMU stands still while a serial line does not take its bytes."""
    if select.select([line], [], [], min(wait_s, 0.1))[0]:
        return line.recv(1000)
    return b""


class Receiver:
    """A GNSS receiver that says where it is every second while it is plugged in. `utc_s`: the time that it says. `with`
    plugs it in."""

    def __init__(self, path: Path, utc_s: Callable[[], float] = time.time) -> None:
        self._path = path
        self._utc_s = utc_s
        self._unplugged = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def plug(self) -> None:
        self._unplugged.clear()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        if self._thread is not None:
            self._unplugged.set()
            self._thread.join()
            self._thread = None

    def _speak(self) -> None:
        with _plugged(self._path) as line:
            second = int(self._utc_s()) + 1
            while not self._unplugged.is_set():
                _drain(line, max(0.0, second - self._utc_s()))
                if self._utc_s() >= second:
                    line.sendall(sentences(second))
                    second += 1


def sentences(utc_s: int) -> bytes:
    """A fix in Paris (NMEA 0183: RMC and GGA)."""
    moment = time.gmtime(utc_s)
    clock, date = time.strftime("%H%M%S.00", moment), time.strftime("%d%m%y", moment)
    place = "4851.5000,N,00217.7000,E"
    bodies = (f"GPRMC,{clock},A,{place},000.0,000.0,{date},,,A", f"GPGGA,{clock},{place},1,08,1.0,35.0,M,47.0,M,,")
    return "".join(f"${body}*{_checksum(body):02X}\r\n" for body in bodies).encode()


def _checksum(body: str) -> int:
    found = 0
    for byte in body.encode():
        found ^= byte
    return found


class UsbModem(Modem):
    """That of the modem's own tests, in USB. `with` plugs it in."""

    def plug(self) -> None:
        self._line = _plugged(self.link)
        self._ours = self._line.fileno()

    def unplug(self) -> None:
        self._ours = -1
        self._line.close()


_TURN_S = 0.1
_FRAMES = 5
_ERRORS = b"sp135000\re3fsc\r"
"""The receiver's counter has passed 127 errors: passive; form, stuffing and checksum."""
_BUS_OFF = b"sb000256\r"


class Adapter:
    """A CAN adapter on a serial line (slcan), on a bus whose bit rate is `bus_rate`: at another one it understands
    nothing and says which errors it meets, as a controller does. `with` plugs it in.
    """

    RATES = (10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000)
    """In bits per second, by the digit of the command S."""

    def __init__(self, path: Path, bus_rate: int) -> None:
        self._path = path
        self._bus_rate = bus_rate
        self.rate: int | None = None
        """That it was told, while it is open."""
        self._unplugged = threading.Event()
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._unplugged.set()
        self._thread.join()

    def leave(self) -> None:
        """Too many errors: it leaves the bus, until it is opened again."""
        self._leaves.set()

    def _live(self) -> None:
        frames, heard, rate = cycle(_drive()), b"", 0
        with _plugged(self._path) as line:
            while not self._unplugged.is_set():
                heard += _drain(line, _TURN_S)
                while b"\r" in heard:
                    command, _, heard = heard.partition(b"\r")
                    if command[:1] == b"S":
                        rate = self.RATES[int(command[1:])]
                    elif command in (b"O", b"L", b"C"):  # Open; open to listen only; close.
                        self.rate = None if command == b"C" else rate
                if self.rate is not None and self._leaves.is_set():
                    self._leaves.clear()
                    self.rate = None
                    line.sendall(_BUS_OFF)
                if self.rate is not None:
                    understood = self.rate == self._bus_rate
                    line.sendall(b"".join(islice(frames, _FRAMES)) if understood else _ERRORS)


def _drive() -> list[bytes]:
    """The beginning of the demo's drive, as the adapter says it."""
    with gzip.open(DRIVE, "rt") as log:
        messages = [line.split()[2].split("#") for line in islice(log, 2000)]
    return [f"t{number}{len(data) // 2}{data}\r".encode() for number, data in messages]
