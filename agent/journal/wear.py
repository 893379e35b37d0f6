"""Wear: how many bytes the disk is made to write, and how many it may be in a day.

What is counted is what reaches the device, as near as a program can know: the blocks that the data touch, and for each
write `OVERHEAD_BLOCKS` more for the file system's own journal and inodes (as measured on ext4 by `bench/journal.py`).
How large a block is the file system says.

The budget is a bucket that fills evenly, to a day's worth at most; a start begins with an hour's. When it is empty,
flushes that can wait do wait: nothing is lost by it but the shelter from a power cut. What cannot wait is written, and
the bucket goes below empty for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

PAGE = 4096
"""What is written at once where the file system allocates in larger units, and where it is not known yet."""
OVERHEAD_BLOCKS = 5
DAY_S = 86_400.0
_AT_START_S = 3600.0


class Wear:
    """`clock` gives monotonic seconds. `bytes_per_day` None: there is no limit."""

    def __init__(self, clock: Callable[[], float], bytes_per_day: int | None = None) -> None:
        self.written_bytes = 0
        """Since the start, as estimated."""
        self.block_bytes = PAGE
        self._clock = clock
        self._per_s = None if bytes_per_day is None else bytes_per_day / DAY_S
        self._left = 0.0 if self._per_s is None else self._per_s * _AT_START_S
        self._at_s = clock()

    def look_at(self, folder: Path) -> None:
        """What is written is written there. Raises OSError."""
        self.block_bytes = min(os.statvfs(folder).f_bsize, PAGE) or PAGE

    def wrote(self, size: int, offset: int = 0) -> None:
        """So many bytes were written and synced, from this offset of a file."""
        blocks = -(-(offset + size) // self.block_bytes) - offset // self.block_bytes
        written = (blocks + OVERHEAD_BLOCKS) * self.block_bytes
        self.written_bytes += written
        self._refill()
        self._left -= written

    @property
    def spent(self) -> bool:
        """Whether what can wait should."""
        self._refill()
        return self._per_s is not None and self._left <= 0

    def _refill(self) -> None:
        now_s = self._clock()
        if self._per_s is not None:
            self._left = min(self._left + (now_s - self._at_s) * self._per_s, self._per_s * DAY_S)
        self._at_s = now_s
