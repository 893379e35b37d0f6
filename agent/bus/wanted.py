"""What is wanted of a bus: of some messages each frame, of others only the newest when a sample is due."""

from __future__ import annotations

import msgspec

Ident = tuple[int, bool]
"""Id and whether it has 29 bits."""


class Sampled(msgspec.Struct, frozen=True):
    """A message of which the newest frame is enough."""

    bits: int
    """The bits of its wanted signals: bit `8 * byte + n` for bit n of a byte."""
    length: int
    """Bytes of the payload that hold them."""
    interval_ms: int
    """How often it is sampled."""
    fd: bool


class Listening(msgspec.Struct, frozen=True):
    """What is wanted of one bus."""

    bus: str
    each: frozenset[Ident]
    sampled: dict[Ident, Sampled]
    masked: frozenset[tuple[int, int]]
    """Each frame is wanted whose id has 29 bits and is the first of two numbers in the bits of the second."""
    step_ms: int
    """Between two multiples of this, both on the boot's clock, no sample is due."""

    def wanted(self, ident: Ident) -> bool:
        if ident in self.each or ident in self.sampled:
            return True
        return ident[1] and any(ident[0] & mask == number for number, mask in self.masked)
