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
    """`clock` gives monotonic seconds. `bytes_per_day` None: there is no limit. Asking changes nothing, so that any
    thread may."""

    def __init__(self, clock: Callable[[], float], bytes_per_day: int | None = None) -> None:
        self.written_bytes = 0
        """Since the start, as estimated."""
        self.bytes_per_day = bytes_per_day
        self.block_bytes = PAGE
        self._clock = clock
        self._per_s = None if bytes_per_day is None else bytes_per_day / DAY_S
        self._left = 0.0 if self._per_s is None else self._per_s * _AT_START_S
        self._began_s = self._at_s = clock()
        self._before_today = (0, 0)
        """The day of the newest write, counted from the start, and what was written before that day."""

    def look_at(self, folder: Path) -> None:
        """What is written is written there. Raises OSError."""
        self.block_bytes = min(os.statvfs(folder).f_bsize, PAGE) or PAGE

    def wrote(self, size: int, offset: int = 0) -> None:
        """So many bytes were written and synced, from this offset of a file."""
        blocks = -(-(offset + size) // self.block_bytes) - offset // self.block_bytes
        written = (blocks + OVERHEAD_BLOCKS) * self.block_bytes
        today = self._today()
        if today != self._before_today[0]:
            self._before_today = today, self.written_bytes
        self.written_bytes += written
        self._left, self._at_s = self._filled() - written, self._clock()

    @property
    def spent(self) -> bool:
        """Whether what can wait should."""
        return self._per_s is not None and self._filled() <= 0

    @property
    def day_bytes(self) -> int:
        """Written today; days begin with the start."""
        day, before = self._before_today
        return self.written_bytes - before if self._today() == day else 0

    def _today(self) -> int:
        return int((self._clock() - self._began_s) // DAY_S)

    def _filled(self) -> float:
        """What is left of the budget by now."""
        if self._per_s is None:
            return 0.0
        return min(self._left + (self._clock() - self._at_s) * self._per_s, self._per_s * DAY_S)
