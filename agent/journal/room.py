"""Room in a journal that is full: thinning before dropping, and what is worth least first.

History is thinned (`agent.journal.thinning`): the least thinned segment first, of those the oldest, so that a longer
outage is told more coarsely from end to end. Only when all is thinned as far as it goes are uploads evicted: history,
then states, then events, always the oldest first. Each is named (`agent.journal.evictions`).
"""

from __future__ import annotations

from collections.abc import Callable

from agent.journal.evictions import Eviction
from agent.journal.folder import Rewritten
from agent.journal.holdings import Holdings
from agent.journal.pending import Segment
from agent.journal.segments import Key, Priority
from agent.journal.thinning import MOST

FULL = "the journal was full"
REFUSED = "the disk refused writes"
_CROWDED = 7 / 8
"""Thinning ahead begins at this part of the limit."""

Thinner = Callable[[bytes], tuple[bytes, int] | None]
"""A payload with less in it, and how many samples that cost; None when there is nothing to gain."""


class Room:
    """All but `thin` is called with the journal's lock held."""

    def __init__(self, holdings: Holdings, max_bytes: int, memory_bytes: int, thinner: Thinner | None) -> None:
        self.thinned_samples = 0
        """Left out since the start."""
        self._holdings = holdings
        self._max_bytes = max_bytes
        self._memory_bytes = memory_bytes
        self._thinner = thinner

    def crowded(self) -> bool:
        """Whether it is time to thin ahead, and there is something to thin."""
        return (
            self._holdings.size_bytes > self._holdings.folder.limit(self._max_bytes) * _CROWDED
            and self._least_thinned()[1] < MOST
        )

    def make(self, size: int) -> None:
        """For so many bytes of a record in memory."""
        holdings = self._holdings
        while holdings.size_bytes + size > holdings.folder.limit(self._max_bytes):
            if not (self.thin() or any(self._drop_oldest(priority) for priority in reversed(Priority))):
                break
        while holdings.memory and holdings.memory_bytes + size > self._memory_bytes:
            if not (holdings.flush() or self._thin_memory() or self._drop_oldest(Priority.HISTORY)):
                dearest = max(entry.priority for entry in holdings.memory.values())
                oldest = next(key for key, entry in holdings.memory.items() if entry.priority is dearest)
                holdings.evict([oldest], REFUSED)

    def thin(self) -> bool:
        """Thins the history of one segment; False when there is none that could be. May take a second."""
        with self._holdings.changed:
            segment, level = self._least_thinned()
            if self._thinner is None or segment is None or level >= MOST:
                return False
            held = self._holdings.records_of(segment)
        shorter: dict[Key, tuple[bytes, int] | None] = {
            key: self._thinner(payload)
            for key, entry, payload in held
            if entry.priority is Priority.HISTORY and entry.thinned == level
        }
        with self._holdings.changed:
            if segment not in self._holdings.folder.segments:
                return True  # Gone or rewritten meanwhile.
            records = []
            samples = 0
            for key, entry, payload in held:
                if entry.segment is not segment or key not in self._holdings.pending:
                    continue
                found = shorter.get(key)
                if found is not None:
                    samples += found[1]
                    records.append(Rewritten(key, entry, found[0], level + 1))
                else:
                    records.append(Rewritten(key, entry, payload, MOST if key in shorter else entry.thinned))
            if not self._holdings.replaced(segment, records):
                return False
            self.thinned_samples += samples
            return True

    def _least_thinned(self) -> tuple[Segment | None, int]:
        """The segment to thin next, and how often its history was thinned at least."""
        levels: dict[Segment, int] = {}
        for _, entry in self._holdings.pending:
            segment = entry.segment
            if entry.priority is Priority.HISTORY and segment is not None and not segment.newer:
                levels[segment] = min(levels.get(segment, MOST), entry.thinned)
        if self._holdings.folder.active is not None:
            levels.pop(self._holdings.folder.active, None)
        found = min(levels, key=lambda segment: (levels[segment], segment.path), default=None)
        return (None, MOST) if found is None else (found, levels[found])

    def _drop_oldest(self, priority: Priority) -> bool:
        """Evicts everything of this priority in the oldest segment that has some; False when there is none."""
        segment = next(
            (
                entry.segment
                for _, entry in self._holdings.pending
                if entry.priority is priority and entry.segment is not None and not entry.segment.newer
            ),
            None,
        )
        if segment is None or not self._holdings.folder.lets_go:
            return False
        held = self._holdings.records_of(segment)
        dropped = [key for key, entry, _ in held if entry.priority is priority]
        kept = [Rewritten(key, e, payload, e.thinned) for key, e, payload in held if e.priority is not priority]
        # The file says it first: a power cut in between must not leave a loss without its name.
        self._holdings.save_evictions([Eviction(key.boot, key.sequence, key.sequence, FULL) for key in dropped])
        if kept and not self._holdings.replaced(segment, kept):
            return False
        before = self._holdings.folder.size_bytes
        self._holdings.evict(dropped, FULL)
        return bool(kept) or self._holdings.folder.size_bytes < before

    def _thin_memory(self) -> bool:
        """Thins the least thinned history in memory; False when there is none."""
        history = [entry for entry in self._holdings.memory.values() if entry.priority is Priority.HISTORY]
        entry = min(history, key=lambda each: each.thinned, default=None)
        if self._thinner is None or entry is None or entry.thinned >= MOST:
            return False
        found = self._thinner(entry.payload or b"")
        entry.thinned = MOST if found is None else entry.thinned + 1
        if found is not None:
            self._holdings.set_in_memory(entry, found[0])
            self.thinned_samples += found[1]
        return True
