"""The box's clocks: the boot's monotonic one, and UTC where the kernel holds it for synchronised.

A box without a battery-backed clock wakes up in some other year. So the system's time is an anchor only while the
kernel's clock discipline (`adjtimex`, fed by chrony, ntpd or systemd-timesyncd) says that it is synchronised, and then
with the error bound that it keeps.
"""

from __future__ import annotations

import ctypes
import struct
import time

from contract.upload import Anchor, AnchorSource

# CLOCK_BOOTTIME goes on while the box is suspended, which CLOCK_MONOTONIC does not: an anchor holds over a sleep.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TIME_ERROR = 5
_TIMEX_BYTES = 256
"""More than any kernel's `struct timex` has."""
_MODES_OFFSET_FREQUENCY_MAXERROR = struct.Struct("@illl")


def monotonic_ms() -> int:
    """Milliseconds since the boot."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000


def synchronised_error_ms() -> int | None:
    """By how much the system's UTC may be wrong at most; None when nothing keeps it right."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = libc.adjtimex(buffer)
    if state < 0 or state == _TIME_ERROR:
        return None
    *_, largest_error_us = _MODES_OFFSET_FREQUENCY_MAXERROR.unpack_from(buffer.raw)
    return max(1, int(largest_error_us) // 1000)


def system_anchor() -> Anchor | None:
    """Now, on both clocks; None while the system's time is not to be believed."""
    error_ms = synchronised_error_ms()
    if error_ms is None:
        return None
    at_ms = monotonic_ms()
    return Anchor(at_ms, time.time_ns() // 1_000_000, error_ms, AnchorSource.SYSTEM)
