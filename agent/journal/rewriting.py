"""Giving what is pending another content, as privacy does when it sets in.

What is on the disk is replaced segment by segment: a power cut leaves each of them wholly old or wholly new. What else
was still in a segment, receipted, goes with its old content.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.journal.folder import Rewritten
from agent.journal.holdings import Holdings
from agent.journal.pending import Segment
from agent.journal.segments import Key

Transform = Callable[[Key, bytes], bytes | None]
"""Another payload for an upload; None for none at all."""


class Rewriting:
    """Of what a journal holds: all of it on demand, and again what comes from a disk that was not there then."""

    def __init__(self, holdings: Holdings) -> None:
        self.under_way = False
        """Whether what is pending may be of before a rewrite."""
        self._holdings = holdings
        self._last: tuple[Transform, str] | None = None
        holdings.came = self._rewrite_what_came

    def rewrite(self, transform: Transform, reason: str) -> None:
        """What is left nothing, and what the disk does not let us rewrite, is named as evicted for `reason`.

        Takes the lock anew for each segment, so that others get their turn.
        """
        self.under_way = True
        self._last = transform, reason
        try:
            with self._holdings.changed:
                _rewrite_memory(self._holdings, transform, reason)
            _rewrite_disk(self._holdings, transform, reason)
        finally:
            self.under_way = False

    def _rewrite_what_came(self) -> None:
        """It is older than what is in memory."""
        if self._last is not None:
            _rewrite_disk(self._holdings, *self._last)


def _rewrite_disk(holdings: Holdings, transform: Transform, reason: str) -> None:
    with holdings.changed:
        last = holdings.folder.segments[-1] if holdings.folder.segments else None
    done: set[Path] = set()
    while last is not None:
        with holdings.changed:
            left = [each for each in holdings.folder.segments if each.path not in done and each.pending > 0]
            if not left or left[0].path > last.path:
                return
            done.add(left[0].path)
            _rewrite_segment(holdings, left[0], transform, reason)


def _rewrite_memory(holdings: Holdings, transform: Transform, reason: str) -> None:
    for key, entry in list(holdings.memory.items()):
        payload = transform(key, entry.payload or b"")
        if payload is None:
            holdings.evict([key], reason)
        else:
            holdings.set_in_memory(entry, payload)


def _rewrite_segment(holdings: Holdings, segment: Segment, transform: Transform, reason: str) -> None:
    records = holdings.records_of(segment)
    transformed = [(key, entry, transform(key, payload)) for key, entry, payload in records]
    kept = [Rewritten(key, entry, new, entry.thinned) for key, entry, new in transformed if new is not None]
    as_it_is = [each.payload for each in kept] == [payload for _, _, payload in records]
    if as_it_is and segment.size == sum(entry.size for _, entry, _ in records):
        return
    if segment.newer or (kept and not holdings.replaced(segment, kept)):
        holdings.evict([key for key, _, _ in records], reason)
    else:
        holdings.evict([key for key, _, new in transformed if new is None], reason)
