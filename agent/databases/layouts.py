"""Layouts: where the signals of a CAN message lie in its payload, as a database says it.

A layout is plain data, so a plan can keep it and a vehicle need not read its databases at every start.
`start` counts as DBC files do: bit `8 * byte + n`, n = 0 the least significant bit of its byte. It names the least
significant bit of a little-endian (Intel) signal and the most significant bit of a big-endian (Motorola) one.
"""

from __future__ import annotations

import msgspec

UNSENT_ID = 0x4000_0000
"""The id of the message in which Vector's tools park signals that no frame carries; ids on a bus end at 29 bits."""

Multiplexer = tuple[tuple[str, tuple[int, ...]], ...]
"""The selectors that must hold one of their values for a signal to be there, outermost first."""


class SignalLayout(msgspec.Struct, frozen=True):
    """One signal. `physical = raw * scale + offset`, in `unit` as the database spells it."""

    name: str
    start: int
    length: int
    """Bits, 1 to 64 as a rule; text and keys of more than 64 bits exist and are read as integers."""
    little_endian: bool = True
    signed: bool = False
    is_float: bool = False
    """The bits are an IEEE 754 number of 16, 32 or 64 bits; the raw value is its bit pattern."""
    scale: int | float = 1
    offset: int | float = 0
    minimum: int | float | None = None
    """Physical, as is `maximum`. None: the database does not say."""
    maximum: int | float | None = None
    unit: str = ""
    choices: dict[int, str] = msgspec.field(default_factory=dict)
    """Value names by raw value."""
    multiplexer: Multiplexer | None = None
    """None: in every frame of the message."""
    is_multiplexer: bool = False

    @property
    def payload_bytes(self) -> int:
        """The shortest payload that carries the whole signal, in bytes."""
        if self.little_endian:
            return (self.start + self.length + 7) // 8
        return (self.start // 8 * 8 + (7 - self.start % 8) + self.length + 7) // 8

    @property
    def bits(self) -> int:
        """The bits that it takes, as a set: bit `8 * byte + n` of the result for bit n of a byte."""
        if self.little_endian:
            return ((1 << self.length) - 1) << self.start
        position = self.start // 8 * 8 + 7 - self.start % 8
        return sum(1 << (bit // 8 * 8 + 7 - bit % 8) for bit in range(position, position + self.length))


class MessageLayout(msgspec.Struct, frozen=True):
    """One message. Signals keep the order of the database reader (by position in the payload)."""

    name: str
    id: int
    extended: bool
    fd: bool
    length: int
    """Bytes of the payload, as declared; a frame may be shorter or longer."""
    cycle_ms: int | None
    signals: tuple[SignalLayout, ...]

    def signal(self, name: str) -> SignalLayout:
        """Raises KeyError when the message has no such signal."""
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise KeyError(name)


def overlapping(message: MessageLayout) -> list[tuple[SignalLayout, SignalLayout]]:
    """Pairs of signals that share bits in one frame. Signals on different multiplexer pages are never in one frame."""
    placed = [(signal, signal.bits) for signal in message.signals]
    return [
        (one, other)
        for number, (other, bits) in enumerate(placed)
        for one, its_bits in placed[:number]
        if its_bits & bits and _together(one, other)
    ]


def _together(one: SignalLayout, other: SignalLayout) -> bool:
    pages = dict(one.multiplexer or ())
    return all(not set(ids).isdisjoint(pages.get(selector, ids)) for selector, ids in other.multiplexer or ())
