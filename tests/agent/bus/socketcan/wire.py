"""A bus for a machine without CAN: datagrams on loopback that are `struct can_frame`.

Like a bus they never wait for who reads, and the kernel stamps them, and counts those that it has no room for.
"""

from __future__ import annotations

import socket
import struct
import time
from types import TracebackType
from typing import Self

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.bus import SocketBus
from agent.bus.socketcan.packets import ask_for_times
from agent.bus.socketcan.sockets import make_roomy
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Listening, Sampled

EXTENDED = 0x8000_0000
_CLASSIC = struct.Struct("=IB3x8s")
_FD = struct.Struct("=IBB2x64s")
_STAMP = struct.Struct("=qq")
_HELD_S = 0.002


def packed(number: int, data: bytes, *, extended: bool = False, fd: bool = False) -> bytes:
    ident = number | EXTENDED if extended else number
    if fd:
        return _FD.pack(ident, len(data), 0x04, data)
    return _CLASSIC.pack(ident, len(data), data)


def sampled(bits: int = (1 << 64) - 1, length: int = 8, interval_ms: int = 1000, *, fd: bool = False) -> Sampled:
    return Sampled(bits, length, interval_ms, fd)


class Wire:
    """One bus, `can0`: what is sent is what the reader reads. `room`: bytes of its queue."""

    def __init__(
        self, listening: Listening, *, fd: bool = False, stamps: Stamps | None = None, room: int | None = None
    ) -> None:
        self.losses = Losses()
        self.stamps = stamps if stamps is not None else Stamps()
        self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ask_for_times(self._receiver)
        if room is None:
            make_roomy(self._receiver)
        else:
            self._receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self._receiver.bind(("127.0.0.1", 0))
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.connect(self._receiver.getsockname())
        self._await_stamps()
        self.bus = SocketBus(listening, "pair", lambda _: self._receiver, self.losses, self.stamps, fd=fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bus.close()
        self._sender.close()
        self._receiver.close()

    def _await_stamps(self) -> None:
        """The kernel begins to stamp what arrives a little after the first socket asks for that; until then it stamps
        what is read."""
        until_s = time.monotonic() + 60
        age_s = 0.0
        while age_s < _HELD_S / 2:
            assert time.monotonic() < until_s
            self._sender.send(b"\0")
            time.sleep(_HELD_S)
            _, ((_, _, stamp),), _, _ = self._receiver.recvmsg(1, 64)
            seconds, nanoseconds = _STAMP.unpack(stamp)
            age_s = time.time() - seconds - nanoseconds / 1e9

    def send(self, *packets: bytes) -> None:
        for packet in packets:
            self._sender.send(packet)

    def read(self) -> list[Frame]:
        self.stamps.begin()
        self.bus.try_to_open()
        return self.bus.read()
