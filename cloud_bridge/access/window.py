"""A sliding window of time: how many requests it has, and when it will have room again.

It counts in slots, so that it takes the same room however many requests there are. A request counts until as many whole
slots have passed as the window is long: at least the window's length, at most a slot more. So no stretch of that length
ever has more than was allowed, wherever it begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping


class SlidingWindow:
    """Slots are numbered by time; those asked about never go back by more than clocks of several threads do."""

    __slots__ = ("_counts", "_length", "_total")

    def __init__(self, length: int) -> None:
        """`length` in slots."""
        self._length = length
        self._counts: deque[list[int]] = deque()
        """[slot, requests], ascending."""
        self._total = 0

    def count(self, slot: int) -> int:
        """Requests that count at `slot`."""
        counts, first = self._counts, slot - self._length
        while counts and counts[0][0] < first:
            self._total -= counts.popleft()[1]
        return self._total

    def add(self, slot: int) -> None:
        counts = self._counts
        if counts and counts[-1][0] >= slot:
            counts[-1][1] += 1
        else:
            counts.append([slot, 1])
        self._total += 1

    def room_at(self, limit: int) -> int:
        """The first slot at which fewer than `limit` requests count, if none is added until then."""
        left = self._total
        for slot, requests in self._counts:
            left -= requests
            if left < limit:
                return slot + self._length + 1
        return 0

    def replace(self, since: int, counts: Mapping[int, int]) -> None:
        """Puts these counts in the place of those of `since` and later; what they have of earlier slots is left out."""
        while self._counts and self._counts[-1][0] >= since:
            self._total -= self._counts.pop()[1]
        for slot in sorted(counts):
            if slot >= since:
                self._counts.append([slot, counts[slot]])
                self._total += counts[slot]
