"""Fixes: what a GNSS receiver says about one instant, and the frame that carries it to the sampler.

A fix is the device message `GNSS` (`agent.devices.messages`) with one thing more behind its signals: the UTC in Unix
milliseconds, 64 bits, signed, the least number where it is not known. A receiver without a fix says so: every value is
absent then, and no position is ever made of zeros.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from agent.bus.frame import Frame
from agent.devices.messages import frame
from contract.profile.devices import RECEIVER, RECEIVER_SIGNALS

BUS = RECEIVER
_UTC = struct.Struct("<q")
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
    return frame(fix.at_ms, BUS, values, _UTC.pack(_ABSENT_UTC if fix.utc_ms is None else fix.utc_ms))


def utc_ms(payload: bytes) -> int | None:
    value: int = _UTC.unpack_from(payload, 4 * len(RECEIVER_SIGNALS))[0]
    return None if value == _ABSENT_UTC else value


def _raw(value: float | None, per_unit: float) -> int | None:
    return None if value is None else round(value * per_unit)
