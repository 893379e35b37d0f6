"""The bridge's own clock, and when vehicles may be told the time by it."""

from __future__ import annotations

import time
from collections.abc import Callable

from contract.kernel_time import synchronised_error_ms
from contract.receipt import UTC_ERROR_MS


def clock_ms() -> int:
    """Unix milliseconds (UTC)."""
    return time.time_ns() // 1_000_000


def steady_clock() -> Callable[[], float]:
    """Unix seconds, as they were known when it was made, of a clock that is never set afterwards."""
    ahead_s = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead_s


def told_ms(
    trusted: bool,
    error_ms: Callable[[], int | None] = synchronised_error_ms,
    now_ms: Callable[[], int] = clock_ms,
) -> int | None:
    """The time as receipts say it: None while the kernel does not know it to be right within `UTC_ERROR_MS`, unless the
    settings say that it is `trusted`."""
    if trusted:
        return now_ms()
    largest_ms = error_ms()
    return now_ms() if largest_ms is not None and largest_ms <= UTC_ERROR_MS else None
