"""From a database's signal to what is sent: raw integers, with what makes them physical values again.

An integer signal is sent as it is in the payload, with the database's scale and offset. A floating-point signal has no
useful raw integer (its bits compress badly and compare wrongly), so it is sent as a fixed-point number: a millionth of
its unit is one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from agent.databases.layouts import SignalLayout
from agent.decode.decoders import FLOAT_CODES
from contract.evaluation import Value
from contract.manifest import Signal
from contract.wire import INTEGER_MAXIMUM, INTEGER_MINIMUM

FLOAT_SCALE = 1e-6
UNLIMITED = 1 << 70
"""Beyond every raw value."""
# A limit that is a multiple of the scale counts as reached whatever the rounding of their quotient.
_ROUNDING = 1e-6


def manifest_signal(name: str, layout: SignalLayout) -> Signal:
    if layout.is_float:
        return Signal(name, FLOAT_SCALE, 0, layout.unit)
    return Signal(name, layout.scale, layout.offset, layout.unit, dict(layout.choices))


def bounds(scale: float, offset: float, minimum: float | None, maximum: float | None) -> tuple[int, int]:
    """The raw values between physical limits, both included."""
    if scale == 0:
        return -UNLIMITED, UNLIMITED
    low = None if minimum is None else (minimum - offset) / scale
    high = None if maximum is None else (maximum - offset) / scale
    if scale < 0:
        low, high = high, low
    return (
        -UNLIMITED if low is None or not math.isfinite(low) else math.ceil(low - _ROUNDING),
        UNLIMITED if high is None or not math.isfinite(high) else math.floor(high + _ROUNDING),
    )


def reader(signal: Signal) -> Callable[[int], Value]:
    """How conditions read a raw value: by its name if it has one, else as the physical value."""
    scale, offset, choices = signal.scale, signal.offset, signal.choices

    def read(raw: int) -> Value:
        name = choices.get(raw)
        return raw * scale + offset if name is None else name

    return read


def fixed_point(layout: SignalLayout, scale: float, invalid: frozenset[int]) -> Callable[[int], int | None]:
    """From the bits of a floating-point number to multiples of `scale`; None for `invalid` bits and for no number."""
    unpack = struct.Struct(FLOAT_CODES[layout.length]).unpack
    size = layout.length // 8

    def fixed(bits: int) -> int | None:
        if bits in invalid:
            return None
        (number,) = unpack(bits.to_bytes(size, "little"))
        physical = number * layout.scale + layout.offset
        if not math.isfinite(physical):
            return None
        value = round(physical / scale)
        return value if INTEGER_MINIMUM <= value <= INTEGER_MAXIMUM else None

    return fixed
