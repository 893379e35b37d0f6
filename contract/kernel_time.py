"""Whether the system's clock is right, as the kernel knows it: both sides ask before they say what time it is.

The kernel's clock discipline (`adjtimex`) is fed by chrony, ntpd or systemd-timesyncd. It keeps the largest error that
the clock may have, which grows between two corrections, and forgets both when somebody sets the clock by hand.
"""

from __future__ import annotations

import ctypes
import struct

_TIME_ERROR = 5
_TIMEX_BYTES = 256
"""More than any kernel's `struct timex` has."""
_MODES_OFFSET_FREQUENCY_MAXERROR = struct.Struct("@illl")


def synchronised_error_ms() -> int | None:
    """By how much the system's UTC may be wrong at most; None when nothing keeps it right."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = libc.adjtimex(buffer)
    if state < 0 or state == _TIME_ERROR:
        return None
    *_, largest_error_us = _MODES_OFFSET_FREQUENCY_MAXERROR.unpack_from(buffer.raw)
    return max(1, int(largest_error_us) // 1000)
