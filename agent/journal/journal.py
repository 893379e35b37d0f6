"""The journal: uploads on their way, until the bridge has receipted them.

A folder of segments (`agent.journal.segments` says how the bytes lie) and the newest uploads in memory.

* `append` takes an upload into memory. Events and states are written at once, history `flush_every_s` later; while
  receipts come in time it is held for `hold_s` instead. A flush is one write and one fdatasync. What was flushed
  survives a kill and a power cut. What is receipted before its flush is never written at all: while the uplink works,
  the disk rests. When the day's wear is spent (`agent.journal.wear`), history waits until a segment is full.
* Acknowledged is deleted: a segment is unlinked once every record in it is acknowledged. Acknowledgements themselves
  are not stored, so after a crash those segments that still held something pending come back whole. When receipts come
  in order, that is one segment. The bridge ignores what it already holds.
* Records on disk and in memory together never exceed `max_bytes`, nor those on disk their share of it; a reserve stays
  free for others. While one segment is rewritten, its new copy stands beside it.
* When full, history is thinned, and only then are uploads evicted (`agent.journal.room`). Each is named
  (`agent.journal.evictions`).
* Opening reads every segment. Damage costs what it hit and is listed in `damage`. Opening never fails because of what a
  file contains, or because the disk is read-only or absent: then the journal works from memory, `memory_bytes` of it,
  says so in `trouble`, and writes as soon as the disk takes writes again.

One process at a time holds a journal (`lock`). All methods may be called from any thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from agent.journal.evictions import Eviction
from agent.journal.folder import Damage, Folder
from agent.journal.holdings import DAMAGED, Holdings
from agent.journal.pending import Entry, Pending
from agent.journal.rewriting import Rewriting, Transform
from agent.journal.room import Room, Thinner
from agent.journal.segments import HEAD_BYTES, Key, Priority
from agent.journal.wear import Wear
from contract.receipt import Receipt

log = logging.getLogger(__name__)

MAX_BYTES = 64 << 20
SEGMENT_BYTES = 256 << 10
MEMORY_BYTES = 2 << 20
FLUSH_EVERY_S = 10.0
MOST_NAMED = 256
"""Stretches of evicted uploads that one upload names."""


class Stored(NamedTuple):
    key: Key
    payload: bytes
    priority: Priority = Priority.HISTORY
    """With which it goes: the newest upload is a state, whatever it was stored as."""


class Journal:
    """`clock` gives monotonic seconds; it decides when a flush is due and nothing else."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        *,
        max_bytes: int = MAX_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        memory_bytes: int = MEMORY_BYTES,
        disk_share: float = 1.0,
        reserve_bytes: int = 0,
        flush_every_s: float = FLUSH_EVERY_S,
        hold_s: float = 0.0,
        wear_bytes_per_day: int | None = None,
        newest_first: bool = False,
        thinner: Thinner | None = None,
    ) -> None:
        """`newest_first` after an outage, as a live vehicle should: `agent.journal.pending` has the order.

        `hold_s` holds only where it is more than `flush_every_s`. Raises HeldError when another process has the folder.
        """
        self.path = path
        self.wear = Wear(clock, wear_bytes_per_day)
        self._clock = clock
        self._max_bytes = max_bytes
        # Four segments at least, so that evicting one leaves most of what there is.
        self._segment_bytes = min(segment_bytes, max_bytes // 4)
        self._flush_every_s = flush_every_s
        self._hold_s = max(hold_s, flush_every_s)
        self._in_time = False
        """Whether receipts come before their uploads are written."""
        folder = Folder(path, self._segment_bytes, reserve_bytes, disk_share, self.wear)
        self._holdings = Holdings(folder, Pending(newest_first=newest_first), clock)
        self._changed = self._holdings.changed
        memory_limit = min(max_bytes, max(memory_bytes, self._segment_bytes))
        self._room = Room(self._holdings, max_bytes, memory_limit, thinner)
        self._closed = False
        self._rewriting = Rewriting(self._holdings)
        self._holdings.open_folder()
        if not folder.held:
            log.error("%s: cannot be used: %s; uploads are kept in memory only", path, folder.trouble)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What is in it

    @property
    def depth(self) -> int:
        """Uploads pending."""
        return self._holdings.pending.count

    @property
    def by_priority(self) -> dict[Priority, int]:
        """Uploads pending."""
        with self._changed:
            return self._holdings.pending.by_priority()

    @property
    def size_bytes(self) -> int:
        """Bytes on disk and in memory."""
        return self._holdings.size_bytes

    @property
    def thinned_samples(self) -> int:
        """Left out since the start."""
        return self._room.thinned_samples

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at present; None when it can."""
        return self._holdings.folder.trouble

    @property
    def refused_writes(self) -> int:
        return self._holdings.folder.refused

    @property
    def damage(self) -> list[Damage]:
        return self._holdings.folder.damage

    @property
    def newer(self) -> int:
        """Uploads on disk that a newer version of canlift has written. They are left alone."""
        return self._holdings.folder.newer

    @property
    def evicted(self) -> int:
        """Uploads evicted since the start."""
        return self._holdings.evictions.count

    def __contains__(self, key: Key) -> bool:
        with self._changed:
            return key in self._holdings.pending

    def pending(
        self,
        count: int,
        *,
        max_bytes: int | None = None,
        skip: Callable[[Key], bool] = lambda _: False,
        least: Priority = Priority.HISTORY,
    ) -> list[Stored]:
        """What is to go next (`agent.journal.pending` has the order) but for those to `skip`.

        At most `count` uploads of the priority `least` or a higher one, and at most `max_bytes` of payload: where the
        next one does not fit, the list ends. While the journal is rewritten nothing is to go.
        """
        found: list[Stored] = []
        unreadable: list[Key] = []
        with self._changed:
            if self._rewriting.under_way:
                return []
            for key, entry, priority in self._holdings.pending.in_order(least):
                if len(found) >= count:
                    break
                if skip(key):
                    continue
                if max_bytes is not None:
                    max_bytes -= entry.payload_bytes
                    if max_bytes < 0:
                        break
                payload = self._holdings.payload(key, entry)
                if payload is None:
                    unreadable.append(key)
                else:
                    found.append(Stored(key, payload, priority))
            self._holdings.evict(unreadable, DAMAGED)
        return found

    def get(self, key: Key) -> bytes | None:
        """A pending upload; None when it is not pending (any more), or while the journal is rewritten."""
        with self._changed:
            entry = None if self._rewriting.under_way else self._holdings.pending.get(key)
            payload = self._holdings.payload(key, entry) if entry is not None else None
            if entry is not None and payload is None:
                self._holdings.evict([key], DAMAGED)
            return payload

    def hand_over(self, key: Key, payload: bytes, give: Callable[[], None]) -> bool:
        """Calls `give` if an upload is still pending with this payload, and lets no other thread change that meanwhile.

        What a rewrite has taken out of an upload cannot leave after it, from whoever read it before. `give` must not
        wait. False when it was not called.
        """
        with self._changed:
            if self.get(key) != payload:
                return False
            give()
            return True

    def wait_until_at_most(self, depth: int, timeout_s: float) -> bool:
        """Waits until no more than `depth` uploads are pending; False when they still are after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._holdings.pending.count <= depth, timeout_s)

    # What changes it

    def append(self, key: Key, payload: bytes, priority: Priority = Priority.HISTORY) -> None:
        """Takes an upload. What is not history is written at once.

        One that is already pending is left as it is; one larger than the journal is evicted.
        """
        with self._changed:
            if key in self._holdings.pending:
                return
            entry = Entry(priority, len(payload), HEAD_BYTES + len(payload), payload)
            if entry.size > self._max_bytes:
                self._holdings.evictions.note(key, "larger than the journal may be")
                return
            self._room.make(entry.size)
            self._holdings.add(key, entry)
            if priority is not Priority.HISTORY or self._holdings.memory_bytes >= self._segment_bytes:
                self.flush()

    def tick(self) -> None:
        """Flushes when a flush is due. Call it once a second or so."""
        with self._changed:
            if self._holdings.memory_since is None:
                return
            patience_s = self._hold_s if self._in_time else self._flush_every_s
            if self._clock() - self._holdings.memory_since >= patience_s and not self.wear.spent:
                self._in_time = False
                self.flush()

    def flush(self) -> bool:
        """Writes what is in memory, durably. False when the disk refused: it stays in memory until the next flush."""
        with self._changed:
            return self._holdings.flush()

    def acknowledge(self, receipt: Receipt) -> int:
        """Deletes what a receipt covers; how many uploads that were."""
        with self._changed:
            keys = self._holdings.pending.held_by(receipt)
            self._in_time |= any(key in self._holdings.memory for key in keys)
            self._holdings.evictions.receipted(keys)
            return self._holdings.delete(keys)

    def discard(self, keys: Iterable[Key]) -> int:
        """Deletes uploads that the bridge refused, and therefore also holds; how many that were.

        Nobody read what they named as evicted: a coming upload names it again.
        """
        with self._changed:
            refused = list(keys)
            self._holdings.evictions.name_again(refused)
            return self._holdings.delete(refused)

    def lose(self, key: Key, reason: str) -> None:
        """An upload that was given a number and will never be appended."""
        with self._changed:
            self._holdings.evictions.note(key, reason)

    def take_evicted(self, by: Key) -> tuple[Eviction, ...]:
        """What upload `by` is to name as evicted, of any boot; it is named again until `by` is receipted."""
        with self._changed:
            return self._holdings.evictions.take(by, MOST_NAMED)

    def thin(self) -> bool:
        """Thins the history of one segment; False when there is none that could be. May take a second."""
        return self._room.thin()

    def rewrite(self, transform: Transform, reason: str) -> bool:
        """Gives each pending upload another payload, durably; None deletes it, and it is named as evicted for `reason`.

        What else was still in its segment, receipted, goes from the disk too, and so does what the disk did not let go
        of before. A power cut leaves each segment wholly old or wholly new: call it again after a start. Until it
        returns, nothing is to go. A disk that is there only later is rewritten when it comes. What the disk does not
        let us rewrite is not sent any more, and named; then the answer is that of `let_go`.
        """
        self._rewriting.rewrite(transform, reason)
        return self.let_go()

    def let_go(self) -> bool:
        """Deletes what nothing is pending in any more, durably; False when the disk does not let it go: try it again.

        False as well where a newer version of canlift has left uploads: nobody here can say what is in them.
        """
        with self._changed:
            return self._holdings.folder.let_go()

    def close(self) -> None:
        """Flushes and lets go of the folder."""
        with self._changed:
            if not self._closed:
                self.flush()
                self._holdings.folder.close()
                self._closed = True
                self._changed.notify_all()

    def thin_ahead(self) -> None:
        """Thins whenever the journal is nearly full, until it is closed: for a thread of its own."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._room.crowded())
                if self._closed:
                    return
            if not self.thin():
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, 60)
