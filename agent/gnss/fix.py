"""Fixes: what a GNSS receiver says about one instant, and the frame that carries it to the sampler.

A fix goes the way of every other value: as a frame of a bus called `GNSS`, with the signals of
`contract.profile.RECEIVER_SIGNALS`, decoded, checked, sampled and sent like those of a CAN bus. The payload,
little-endian:

    i32 longitude, i32 latitude (1e-7 degrees), i32 altitude (0.1 m), i32 heading (0.1 degrees), i32 satellites,
    i32 fix (2 or 3), i32 speed (0.01 km/h), i64 UTC (Unix milliseconds)

The least number of each width stands for "not available". A receiver without a fix says so: every value is absent then,
and no position is ever made of zeros.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from agent.bus.frame import Frame

BUS = "GNSS"
_PAYLOAD = struct.Struct("<7iq")
_ABSENT = -(1 << 31)
_ABSENT_UTC = -(1 << 63)


class Fix(NamedTuple):
    """WGS 84. Each value is None where the receiver did not give it; all are (but perhaps satellites) without a fix."""

    at_ms: int
    """On the boot's monotonic clock: when the receiver began to say it."""
    utc_ms: int | None = None
    """Unix milliseconds; only while the receiver holds its time for valid."""
    longitude: float | None = None
    latitude: float | None = None
    altitude_m: float | None = None
    """Above mean sea level; only with a 3D fix."""
    heading: float | None = None
    """Degrees from true north, 0 ≤ heading < 360."""
    satellites: int | None = None
    fix: Literal[2, 3] | None = None
    """Dimensions; None without a fix."""
    speed_kmh: float | None = None


def to_frame(fix: Fix) -> Frame:
    values = (
        _raw(fix.longitude, 1e7),
        _raw(fix.latitude, 1e7),
        _raw(fix.altitude_m, 10),
        None if fix.heading is None else round(fix.heading * 10) % 3600,
        fix.satellites,
        fix.fix,
        _raw(fix.speed_kmh, 100),
    )
    utc_ms = _ABSENT_UTC if fix.utc_ms is None else fix.utc_ms
    return Frame(fix.at_ms, BUS, 0, False, _PAYLOAD.pack(*(_ABSENT if v is None else v for v in values), utc_ms))


def raw_values(payload: bytes) -> tuple[int | None, ...]:
    """The raw values of `RECEIVER_SIGNALS`, in their order."""
    return tuple(None if value == _ABSENT else value for value in _PAYLOAD.unpack(payload)[:-1])


def utc_ms(payload: bytes) -> int | None:
    value: int = _PAYLOAD.unpack(payload)[-1]
    return None if value == _ABSENT_UTC else value


def _raw(value: float | None, per_unit: float) -> int | None:
    return None if value is None else round(value * per_unit)
