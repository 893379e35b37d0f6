"""[buses.<name>]: the interface of a bus."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from contract.configuration import Keys


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A python-can interface."""

    channel: str
    interface: str = "socketcan"
    bitrate: int | None = None
    """Bits per second, for adapters that set it; SocketCAN's is set by the system."""
    fd: bool = False

    throttle: bool = False
    """Have the kernel hand over only what changed, and no oftener than it is sampled (SocketCAN)."""

    @property
    def direct(self) -> bool:
        """Whether the agent reads it itself: SocketCAN on a kernel whose structures are laid out as it expects."""
        return self.interface == "socketcan" and sys.byteorder == "little" and sys.maxsize > 1 << 32

    def options(self) -> dict[str, int | bool]:
        """What python-can takes besides interface and channel."""
        options: dict[str, int | bool] = {}
        if self.bitrate is not None:
            options["bitrate"] = self.bitrate
        if self.fd:
            options["fd"] = True
        return options

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below the bus."""
        if self.throttle and not self.direct:
            text = "only SocketCAN, on a little-endian 64-bit system, is read by the agent itself"
            yield ("throttle",), f"{text}: {self.interface} is read by python-can, which throttles nothing"
