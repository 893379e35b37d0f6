"""The bed's buses: interfaces that come and go, somebody who talks on them, and the agent's reader."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.bus import socket_bus
from agent.bus.socketcan.buses import Buses
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Listening, Sampled

CLASSIC = struct.Struct("=IB3x8s")
FD = struct.Struct("=IBB2x64s")
EXTENDED = 0x8000_0000
REMOTE = 0x4000_0000
ERROR = 0x2000_0000
PATIENCE_S = 60


def ip(*words: str) -> None:
    subprocess.run(["ip", "link", *words], check=True)


@contextmanager
def talker(channel: str) -> Iterator[socket.socket]:
    """A socket to send on."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sock:
        sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        sock.bind((channel,))
        yield sock


def say(sock: socket.socket, number: int, data: bytes) -> None:
    sock.send(CLASSIC.pack(number, len(data), data))


class Hearing:
    """The agent's reader, and all that it has handed on."""

    def __init__(self, *channels: str, fd: bool = False, listening: Listening | None = None) -> None:
        self.losses = Losses()
        self.stamps = Stamps()
        self.frames: list[Frame] = []
        plain = {
            channel: Listening(channel, frozenset({(0x100, False), (0x18FEDF00, True)}), {}, frozenset(), 100)
            for channel in channels
        }
        self.buses = Buses(
            [socket_bus(listening or plain[channel], channel, self.losses, self.stamps, fd=fd) for channel in channels],
            self.stamps,
        )

    def __enter__(self) -> Hearing:
        self.frames += self.buses.read(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.buses.close()

    def until(self, condition: Callable[[], bool]) -> bool:
        """Reads until the condition holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            self.frames += self.buses.read(0.2)
        return True


def all_newest(numbers: dict[int, int]) -> dict[tuple[int, bool], Sampled]:
    """Messages of which all bits are sampled; intervals in milliseconds by id."""
    return {(number, False): Sampled((1 << 64) - 1, 8, interval_ms, False) for number, interval_ms in numbers.items()}
