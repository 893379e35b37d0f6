"""Checksums: whether a frame is what its sender meant to send.

Many makers put a checksum into messages that matter; a frame whose checksum is wrong was damaged or made up. It is a
field of the payload, and covers all other bytes of it in their order, those after it too. A field that is not one whole
byte counts as zero bits in its own byte.

    crc8-j1850     CRC-8 of SAE J1850: polynomial 0x1D, most significant bit first, from `initial`
    byte-sum       `initial` and all bytes, added
    byte-xor       `initial` and all bytes, exclusive or
    nibble-sum     `initial` and all half bytes, added
    nibble-xor     `initial` and all half bytes, exclusive or

Of the result, exclusive or `final_xor`, the field holds as many low bits as it is wide. Makers who store the negative
of a sum are covered too: initial - sum = ~(sum + ~initial), so `final_xor` is all ones and `initial` theirs inverted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import NamedTuple

from agent.databases.layouts import SignalLayout

Checker = Callable[[bytes], bool]
"""Whether a payload's checksum is right. False too for a payload that ends before it."""

J1850_POLYNOMIAL = 0x1D


def _crc8_table(polynomial: int) -> bytes:
    table = bytearray(256)
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = (register << 1 ^ polynomial if register & 0x80 else register << 1) & 0xFF
        table[byte] = register
    return bytes(table)


J1850_TABLE = _crc8_table(J1850_POLYNOMIAL)


def crc8_j1850(data: bytes, initial: int = 0xFF) -> int:
    """CRC-8 of SAE J1850 before its final exclusive or (0xFF in the standard)."""
    table = J1850_TABLE
    register = initial
    for byte in data:
        register = table[register ^ byte]
    return register


def _nibbles(data: bytes) -> list[int]:
    return [half for byte in data for half in (byte >> 4, byte & 0xF)]


KINDS: dict[str, tuple[Callable[[bytes, int], int], int, int]] = {
    "crc8-j1850": (crc8_j1850, 0xFF, 0xFF),
    "byte-sum": (lambda data, initial: initial + sum(data), 0, 0),
    "byte-xor": (lambda data, initial: reduce(xor, data, initial), 0, 0),
    "nibble-sum": (lambda data, initial: initial + sum(_nibbles(data)), 0, 0),
    "nibble-xor": (lambda data, initial: reduce(xor, _nibbles(data), initial), 0, 0),
}
"""By name: the sum over bytes from an initial value, and the defaults of `initial` and `final_xor`."""


def checksum_checker(
    kind: str, checksum: SignalLayout, initial: int | None = None, final_xor: int | None = None
) -> Checker:
    """A function that says whether a payload's checksum is right.

    `checksum` is the signal that holds it. Raises ValueError for an unknown kind or a signal that cannot hold it.
    """
    field = _Field.of(kind, checksum, initial, final_xor)
    at, start, last, calculate = field.at, field.initial, field.final_xor, field.calculate
    if checksum.length == 8:

        def whole_byte(data: bytes) -> bool:
            return len(data) > at and (calculate(data[:at] + data[at + 1 :], start) ^ last) & 0xFF == data[at]

        return whole_byte
    kept, mask, shift = field.kept, field.mask, field.shift

    def part_of_a_byte(data: bytes) -> bool:
        if len(data) <= at:
            return False
        rest = data[:at] + bytes((data[at] & kept,)) + data[at + 1 :]
        return (calculate(rest, start) ^ last) & mask == data[at] >> shift & mask

    return part_of_a_byte


def checksum_filler(
    kind: str, checksum: SignalLayout, initial: int | None = None, final_xor: int | None = None
) -> Callable[[bytes], bytes]:
    """A function that gives a payload with its checksum put right; as `checksum_checker`. The payload must hold it."""
    field = _Field.of(kind, checksum, initial, final_xor)

    def fill(data: bytes) -> bytes:
        rest = data[: field.at] + (b"" if checksum.length == 8 else bytes((data[field.at] & field.kept,)))
        result = (field.calculate(rest + data[field.at + 1 :], field.initial) ^ field.final_xor) & field.mask
        return data[: field.at] + bytes((data[field.at] & field.kept | result << field.shift,)) + data[field.at + 1 :]

    return fill


class _Field(NamedTuple):
    """Where a checksum is, and what it is made by."""

    at: int
    """Its byte."""
    shift: int
    mask: int
    calculate: Callable[[bytes, int], int]
    initial: int
    final_xor: int

    @property
    def kept(self) -> int:
        """The other bits of its byte."""
        return ~(self.mask << self.shift) & 0xFF

    @classmethod
    def of(cls, kind: str, checksum: SignalLayout, initial: int | None, final_xor: int | None) -> _Field:
        if kind not in KINDS:
            raise ValueError(f"checksum kind {kind} is unknown; known are {', '.join(KINDS)}")
        calculate, default_initial, default_xor = KINDS[kind]
        start = default_initial if initial is None else initial
        last = default_xor if final_xor is None else final_xor
        lowest_bit = (checksum.bits & -checksum.bits).bit_length() - 1
        at, shift = divmod(lowest_bit, 8)
        if checksum.payload_bytes != at + 1 or checksum.length > 8 or not 0 <= start <= 0xFF:
            text = f"signal {checksum.name} cannot hold a {kind}: expected 1 to 8 bits within one byte"
            raise ValueError(text)
        return cls(at, shift, (1 << checksum.length) - 1, calculate, start, last)
