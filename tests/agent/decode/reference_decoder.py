"""The slowest decoder that can be right: one bit at a time, from the definition of a DBC file's bit numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from agent.databases.layouts import MessageLayout, SignalLayout

Value = int | float | None


def bit_numbers(signal: SignalLayout) -> Iterator[int]:
    """Of a little-endian signal from the least significant bit up, of a big-endian one from the most significant."""
    number = signal.start
    for _ in range(signal.length):
        yield number
        if signal.little_endian:
            number += 1
        else:
            number = number - 1 if number % 8 else number + 15


def raw_value(signal: SignalLayout, data: bytes) -> int | None:
    """None: the payload ends before the signal does."""
    bits = list(bit_numbers(signal))
    if max(bits) >= 8 * len(data):
        return None
    values = [data[number // 8] >> number % 8 & 1 for number in bits]
    if not signal.little_endian:
        values.reverse()
    raw = sum(bit << place for place, bit in enumerate(values))
    if signal.signed and not signal.is_float and values[-1]:
        raw -= 1 << signal.length
    return raw


def with_raw(signal: SignalLayout, data: bytes, raw: int) -> bytes:
    """`data` with the signal's bits set to `raw`."""
    changed = bytearray(data)
    numbers = list(bit_numbers(signal))
    if not signal.little_endian:
        numbers.reverse()
    for place, number in enumerate(numbers):
        changed[number // 8] = changed[number // 8] & ~(1 << number % 8) | (raw >> place & 1) << number % 8
    return bytes(changed)


def raw_values(message: MessageLayout, data: bytes) -> dict[str, int | None]:
    """None: not on the multiplexer page that the payload shows, or outside the payload."""
    raw = {signal.name: raw_value(signal, data) for signal in message.signals}
    return {
        signal.name: raw[signal.name] if all(raw[name] in ids for name, ids in signal.multiplexer or ()) else None
        for signal in message.signals
    }


def physical_values(message: MessageLayout, raw: dict[str, int | None]) -> dict[str, Value]:
    return {signal.name: physical_value(signal, raw[signal.name]) for signal in message.signals}


def physical_value(signal: SignalLayout, raw: int | None) -> Value:
    if raw is None:
        return None
    if signal.is_float:
        code = {16: "e", 32: "f", 64: "d"}[signal.length]
        number: float = struct.unpack(f"<{code}", raw.to_bytes(signal.length // 8, "little"))[0]
        return number if signal.scale == 1 and signal.offset == 0 else number * signal.scale + signal.offset
    if signal.scale == int(signal.scale) and signal.offset == int(signal.offset):
        return raw * int(signal.scale) + int(signal.offset)
    return raw * signal.scale + signal.offset


def same(one: object, other: object) -> bool:
    """Equal, or both not a number."""
    return one == other or (one != one and other != other)
