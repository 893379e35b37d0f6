"""The box's clocks: the boot's monotonic one, and UTC where the kernel holds it for synchronised.

A box without a battery-backed clock wakes up in some other year. So the system's time is an anchor only while the
kernel's clock discipline (`adjtimex`, fed by chrony, ntpd or systemd-timesyncd) says that it is synchronised, and then
with the error bound that it keeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from contract.kernel_time import synchronised_error_ms
from contract.upload import Anchor, AnchorSource

# CLOCK_BOOTTIME goes on while the box is suspended, which CLOCK_MONOTONIC does not: an anchor holds over a sleep.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic_ms() -> int:
    """Milliseconds since the boot."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000


def utc_ms() -> int:
    """Unix milliseconds by the system's clock, right or not."""
    return time.time_ns() // 1_000_000


def system_anchor(
    error_ms: Callable[[], int | None] = synchronised_error_ms,
    boot_ms: Callable[[], int] = monotonic_ms,
    system_ms: Callable[[], int] = utc_ms,
) -> Anchor | None:
    """Now, on both clocks; None while the system's time is not to be believed, or somebody sets it just now."""
    before_ms = boot_ms()
    largest_ms = error_ms()
    now_ms = system_ms()
    at_ms = boot_ms()
    if largest_ms is None or error_ms() is None:
        return None
    return Anchor(at_ms, now_ms, largest_ms + at_ms - before_ms, AnchorSource.SYSTEM)
