"""Encoding: raw values put into the payload of a frame, as `agent.decode.decoders` takes them out of one."""

from __future__ import annotations

from typing import Literal

from agent.databases.layouts import SignalLayout
from contract.configuration import nearest


def with_raw(data: bytes, signal: SignalLayout, raw: int) -> bytes:
    """`data` with a signal's bits replaced. Raises ValueError where it ends before the signal, or `raw` needs more bits
    than the signal has."""
    low = -(1 << (signal.length - 1)) if signal.signed else 0
    if not low <= raw < low + (1 << signal.length):
        raise ValueError(f"{raw} does not fit into the {signal.length} bits of {signal.name}")
    if len(data) < signal.payload_bytes:
        raise ValueError(f"{len(data)} bytes end before {signal.name}")
    order: Literal["little", "big"] = "little" if signal.little_endian else "big"
    shift = signal.start
    if order == "big":
        shift = 8 * len(data) - (signal.start // 8 * 8 + 7 - signal.start % 8) - signal.length
    mask = ((1 << signal.length) - 1) << shift
    return (int.from_bytes(data, order) & ~mask | raw << shift & mask).to_bytes(len(data), order)


def raw_of(signal: SignalLayout, value: float | str) -> int:
    """The raw value of a physical one, or of a value's name. Raises ValueError for a name that there is not, and for a
    number that the signal cannot say."""
    if isinstance(value, str):
        for raw, name in signal.choices.items():
            if name == value:
                return raw
        raise ValueError(f"{signal.name} has no value {value!r}{nearest(value, signal.choices.values())}")
    raw = round((value - signal.offset) / signal.scale)
    low = -(1 << (signal.length - 1)) if signal.signed else 0
    high = low + (1 << signal.length) - 1
    if not low <= raw <= high:
        least, most = sorted(end * signal.scale + signal.offset for end in (low, high))
        raise ValueError(f"{signal.name} takes {least:g} to {most:g}, found {value:g}")
    return raw
