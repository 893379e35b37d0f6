"""Numbering: a name for each upload that is never given twice.

A boot is 16 bytes: 8 that name the kernel's boot, hence the monotonic clock that all times are on, and 8 that are new
at every start of the agent. Sequence numbers count from 0 within it and live in memory only: there is no counter file
that could be lost, damaged or restored from a backup.
"""

from __future__ import annotations

import hashlib
import os
from itertools import count
from pathlib import Path

from agent.disk.small import read_small

BOOT_BYTES = 16
_HALF = BOOT_BYTES // 2
KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Numbering:
    """The numbers of one start of the agent."""

    def __init__(self, boot: bytes) -> None:
        if len(boot) != BOOT_BYTES:
            raise ValueError(f"a boot has {BOOT_BYTES} bytes, got {len(boot)}")
        self.boot = boot
        self._sequences = count()

    def next(self) -> int:
        return next(self._sequences)


def boot_of_this_start(kernel_boot_id: Path = KERNEL_BOOT_ID) -> bytes:
    """A boot for a live agent. A system that does not name its boots counts as booted anew at each start."""
    try:
        kernel = read_small(kernel_boot_id).strip()
    except (OSError, ValueError):
        kernel = b""
    clock = hashlib.sha256(kernel).digest()[:_HALF] if kernel else os.urandom(_HALF)
    return clock + os.urandom(_HALF)


def boot_of_a_recording() -> bytes:
    """A boot for a replay: no kernel's clock is involved."""
    return os.urandom(BOOT_BYTES)
