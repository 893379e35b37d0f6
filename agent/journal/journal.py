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
* When full, history is thinned (`agent.journal.thinning`): the least thinned segment first, of those the oldest, so
  that a longer outage is told more coarsely from end to end. Only when all is thinned as far as it goes are uploads
  evicted: history, then states, then events, always the oldest first. Each is named (`agent.journal.evictions`).
* Opening reads every segment. Damage costs what it hit and is listed in `damage`. Opening never fails because of what a
  file contains, or because the disk is read-only or absent: then the journal works from memory, `memory_bytes` of it,
  says so in `trouble`, and writes as soon as the disk takes writes again.

One process at a time holds a journal (`lock`). All methods may be called from any thread.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from agent.journal.evictions import Eviction, Evictions
from agent.journal.folder import Damage, Folder, HeldError, Rewritten
from agent.journal.pending import Entry, Pending, Segment
from agent.journal.segments import HEAD_BYTES, Key, Priority
from agent.journal.thinning import MOST
from agent.journal.wear import Wear
from contract.receipt import Receipt

log = logging.getLogger(__name__)

MAX_BYTES = 64 << 20
SEGMENT_BYTES = 256 << 10
MEMORY_BYTES = 2 << 20
FLUSH_EVERY_S = 10.0
FULL = "the journal was full"
DAMAGED = "the journal was damaged"
REFUSED = "the disk refused writes"
_CROWDED = 7 / 8
"""Thinning ahead begins at this part of the limit."""

Thinner = Callable[[bytes], tuple[bytes, int] | None]
"""A payload with less in it, and how many samples that cost; None when there is nothing to gain."""


class JournalError(Exception):
    """The journal cannot be used; the text says what to do."""


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

        `hold_s` holds only where it is more than `flush_every_s`. Raises JournalError when another process holds the
        folder.
        """
        self.path = path
        self.thinned_samples = 0
        """Left out since the start."""
        self.wear = Wear(clock, wear_bytes_per_day)
        self._clock = clock
        self._newest_first = newest_first
        self._max_bytes = max_bytes
        # Four segments at least, so that evicting one leaves most of what there is.
        self._segment_bytes = min(segment_bytes, max_bytes // 4)
        self._memory_limit = min(max_bytes, max(memory_bytes, self._segment_bytes))
        self._flush_every_s = flush_every_s
        self._hold_s = max(hold_s, flush_every_s)
        self._in_time = False
        """Whether receipts come before their uploads are written."""
        self._thinner = thinner
        self._changed = threading.Condition(threading.RLock())
        self._pending = Pending()
        self._folder = Folder(path, self._segment_bytes, reserve_bytes, disk_share, self.wear)
        self._memory: dict[Key, Entry] = {}
        self._memory_bytes = 0
        self._memory_since: float | None = None
        self._evictions = Evictions()
        self._closed = False
        self._rewriting = False
        """Whether what is pending may be of before a rewrite that is under way."""
        try:
            self._open_folder()
        except HeldError as held:
            raise JournalError(
                f"{held}: another agent uses this journal; stop it or choose another state folder"
            ) from held
        if not self._folder.held:
            log.error("%s: cannot be used: %s; uploads are kept in memory only", path, self._folder.trouble)

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
        return self._pending.count

    @property
    def by_priority(self) -> dict[Priority, int]:
        """Uploads pending."""
        with self._changed:
            return self._pending.by_priority()

    @property
    def size_bytes(self) -> int:
        """Bytes on disk and in memory."""
        return self._folder.size_bytes + self._memory_bytes

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at present; None when it can."""
        return self._folder.trouble

    @property
    def refused_writes(self) -> int:
        return self._folder.refused

    @property
    def damage(self) -> list[Damage]:
        return self._folder.damage

    @property
    def newer(self) -> int:
        """Uploads on disk that a newer version of canlift has written. They are left alone."""
        return self._folder.newer

    @property
    def evicted(self) -> int:
        """Uploads evicted since the start."""
        return self._evictions.count

    def __contains__(self, key: Key) -> bool:
        with self._changed:
            return key in self._pending

    def pending(
        self,
        count: int,
        *,
        max_bytes: int | None = None,
        skip: Container[Key] = (),
        least: Priority = Priority.HISTORY,
    ) -> list[Stored]:
        """What is to go next (`agent.journal.pending` has the order) but for those in `skip`.

        At most `count` uploads of the priority `least` or a higher one, and at most `max_bytes` of payload: where the
        next one does not fit, the list ends. While the journal is rewritten nothing is to go.
        """
        found: list[Stored] = []
        unreadable: list[Key] = []
        with self._changed:
            if self._rewriting:
                return []
            for key, entry in self._pending.in_order(newest_first=self._newest_first):
                if len(found) >= count:
                    break
                if key in skip:
                    continue
                priority = self._pending.goes_as(key, entry, newest_first=self._newest_first)
                if priority > least:
                    if self._newest_first or least is Priority.EVENT:
                        break
                    continue
                if max_bytes is not None:
                    max_bytes -= entry.payload_bytes
                    if max_bytes < 0:
                        break
                payload = self._payload(key, entry)
                if payload is None:
                    unreadable.append(key)
                else:
                    found.append(Stored(key, payload, priority))
            self._evict(unreadable, DAMAGED)
        return found

    def get(self, key: Key) -> bytes | None:
        """A pending upload; None when it is not pending (any more), or while the journal is rewritten."""
        with self._changed:
            entry = None if self._rewriting else self._pending.get(key)
            payload = self._payload(key, entry) if entry is not None else None
            if entry is not None and payload is None:
                self._evict([key], DAMAGED)
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
            return self._changed.wait_for(lambda: self._pending.count <= depth, timeout_s)

    # What changes it

    def append(self, key: Key, payload: bytes, priority: Priority = Priority.HISTORY) -> None:
        """Takes an upload. What is not history is written at once.

        One that is already pending is left as it is; one larger than the journal is evicted.
        """
        with self._changed:
            if key in self._pending:
                return
            entry = Entry(priority, len(payload), HEAD_BYTES + len(payload), payload)
            if entry.size > self._max_bytes:
                self._evictions.note(key, "larger than the journal may be")
                return
            self._make_room(entry.size)
            self._pending.add(key, entry)
            self._memory[key] = entry
            self._memory_bytes += entry.size
            if self._memory_since is None:
                self._memory_since = self._clock()
            if priority is not Priority.HISTORY or self._memory_bytes >= self._segment_bytes:
                self.flush()
            self._changed.notify_all()

    def tick(self) -> None:
        """Flushes when a flush is due. Call it once a second or so."""
        with self._changed:
            if self._memory_since is None:
                return
            patience_s = self._hold_s if self._in_time else self._flush_every_s
            if self._clock() - self._memory_since >= patience_s and not self.wear.spent:
                self._in_time = False
                self.flush()

    def flush(self) -> bool:
        """Writes what is in memory, durably. False when the disk refused: it stays in memory until the next flush."""
        with self._changed:
            before = self._folder.trouble
            try:
                if self._memory:
                    self._memory_since = self._clock()
                    self._open_folder()
                    if not self._folder.held:
                        raise OSError(errno.EROFS, self._folder.trouble)
                    self._folder.write(self._memory)
                    self._memory.clear()
                    self._memory_bytes = 0
                    self._memory_since = None
                if not self._evictions.saved and self._folder.held:
                    self._evictions.save(self.path)
            except (OSError, HeldError) as error:
                text = error.strerror if isinstance(error, OSError) else "another agent uses this journal"
                if before is None or not self._folder.held:
                    log.error("%s: cannot write: %s; uploads stay in memory", self.path, text)
                return False
            if before is not None:
                log.warning("%s: the disk takes writes again", self.path)
            return True

    def acknowledge(self, receipt: Receipt) -> int:
        """Deletes what a receipt covers; how many uploads that were."""
        with self._changed:
            keys = self._pending.held_by(receipt)
            self._in_time |= any(key in self._memory for key in keys)
            self._evictions.receipted(keys)
            return self._delete(keys)

    def discard(self, keys: Iterable[Key]) -> int:
        """Deletes uploads that the bridge refused, and therefore also holds; how many that were.

        Nobody read what they named as evicted: a coming upload names it again.
        """
        with self._changed:
            refused = list(keys)
            self._evictions.name_again(refused)
            return self._delete(refused)

    def lose(self, key: Key, reason: str) -> None:
        """An upload that was given a number and will never be appended."""
        with self._changed:
            self._evictions.note(key, reason)

    def take_evicted(self, by: Key, most: int = 256) -> tuple[Eviction, ...]:
        """What upload `by` is to name as evicted, of any boot; it is named again until `by` is receipted."""
        with self._changed:
            return self._evictions.take(by, most)

    def thin(self) -> bool:
        """Thins the history of one segment; False when there is none that could be. May take a second."""
        with self._changed:
            segment, level = self._least_thinned()
            if self._thinner is None or segment is None or level >= MOST:
                return False
            held = self._records_of(segment)
        shorter: dict[Key, tuple[bytes, int] | None] = {
            key: self._thinner(payload)
            for key, entry, payload in held
            if entry.priority is Priority.HISTORY and entry.thinned == level
        }
        with self._changed:
            if segment not in self._folder.segments:
                return True  # Gone or rewritten meanwhile.
            records = []
            samples = 0
            for key, entry, payload in held:
                if entry.segment is not segment or key not in self._pending:
                    continue
                found = shorter.get(key)
                if found is not None:
                    samples += found[1]
                    records.append(Rewritten(key, entry, found[0], level + 1))
                else:
                    records.append(Rewritten(key, entry, payload, MOST if key in shorter else entry.thinned))
            if not self._replaced(segment, records):
                return False
            self.thinned_samples += samples
            return True

    def rewrite(self, transform: Callable[[Key, bytes], bytes | None], reason: str) -> bool:
        """Gives each pending upload another payload, durably; None deletes it, and it is named as evicted for `reason`.

        What else was still in its segment, receipted, goes from the disk too, and so does what the disk did not let go
        of before. A power cut leaves each segment wholly old or wholly new: call it again after a start. Until it
        returns, nothing is to go. What the disk does not let us rewrite is not sent any more, and named; then the
        answer is that of `let_go`.
        """
        with self._changed:
            self._rewriting = True
            last = self._folder.segments[-1] if self._folder.segments else None
        try:
            with self._changed:
                for key, entry in list(self._memory.items()):
                    payload = transform(key, entry.payload or b"")
                    if payload is None:
                        self._evict([key], reason)
                    else:
                        self._set_in_memory(entry, payload)
            done: set[Path] = set()
            while last is not None:
                with self._changed:
                    left = [each for each in self._folder.segments if each.path not in done and each.pending > 0]
                    if not left or left[0].path > last.path:
                        break
                    done.add(left[0].path)
                    self._rewrite(left[0], transform, reason)
        finally:
            self._rewriting = False
        return self.let_go()

    def let_go(self) -> bool:
        """Deletes what nothing is pending in any more, durably; False when the disk does not let it go: try it again.

        False as well where a newer version of canlift has left uploads: nobody here can say what is in them.
        """
        with self._changed:
            return self._folder.let_go()

    def close(self) -> None:
        """Flushes and lets go of the folder."""
        with self._changed:
            if not self._closed:
                self.flush()
                self._folder.close()
                self._closed = True
                self._changed.notify_all()

    def thin_ahead(self) -> None:
        """Thins whenever the journal is nearly full, until it is closed: for a thread of its own."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._crowded())
                if self._closed:
                    return
            if not self.thin():
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, 60)

    # Inside

    def _open_folder(self) -> None:
        newest = self._pending.newest
        found = self._folder.open()
        for key, entry in found:
            if key not in self._pending:
                self._pending.add(key, entry)
            elif entry.segment is not None:
                entry.segment.pending -= 1
        if newest is not None:
            self._pending.newest = newest
        if not self._evictions.loaded and self.path.is_dir():
            self._load_evictions()

    def _load_evictions(self) -> None:
        try:
            damaged = self._evictions.load(self.path, (key for key, _ in self._pending))
        except OSError as error:
            log.error("%s: what was evicted cannot be read: %s", self.path, error.strerror)
        else:
            if damaged:
                log.warning("%s: %d damaged lines of what was evicted", self.path, damaged)

    def _payload(self, key: Key, entry: Entry) -> bytes | None:
        """None when the record cannot be read any more."""
        return entry.payload if entry.segment is None else self._folder.payload(key, entry, entry.segment)

    def _set_in_memory(self, entry: Entry, payload: bytes) -> None:
        self._memory_bytes += len(payload) - entry.payload_bytes
        entry.payload, entry.payload_bytes, entry.size = payload, len(payload), HEAD_BYTES + len(payload)

    def _records_of(self, segment: Segment) -> list[tuple[Key, Entry, bytes]]:
        """What is pending in a segment; what cannot be read is evicted."""
        held: list[tuple[Key, Entry, bytes]] = []
        for key, entry in [(key, entry) for key, entry in self._pending if entry.segment is segment]:
            payload = self._folder.payload(key, entry, segment)
            if payload is None:
                self._evict([key], DAMAGED)
            else:
                held.append((key, entry, payload))
        return held

    def _replaced(self, segment: Segment, records: list[Rewritten]) -> bool:
        try:
            self._folder.replace(segment, records)
        except OSError as error:
            log.error("%s: cannot rewrite it: %s", segment.path, error.strerror)
            return False
        return True

    def _rewrite(self, segment: Segment, transform: Callable[[Key, bytes], bytes | None], reason: str) -> None:
        """What cannot be rewritten is evicted."""
        held = self._records_of(segment)
        transformed = [(key, entry, transform(key, payload)) for key, entry, payload in held]
        kept = [Rewritten(key, entry, new, entry.thinned) for key, entry, new in transformed if new is not None]
        as_it_is = [each.payload for each in kept] == [payload for _, _, payload in held]
        if as_it_is and segment.size == sum(entry.size for _, entry, _ in held):
            return
        if segment.newer or (kept and not self._replaced(segment, kept)):
            self._evict([key for key, _, _ in held], reason)
        else:
            self._evict([key for key, _, new in transformed if new is None], reason)

    def _delete(self, keys: Iterable[Key]) -> int:
        deleted = 0
        emptied = False
        for key in keys:
            entry = self._pending.pop(key)
            if entry is None:
                continue
            deleted += 1
            if entry.segment is None:
                del self._memory[key]
                self._memory_bytes -= entry.size
                if not self._memory:
                    self._memory_since = None
                continue
            entry.segment.pending -= 1
            emptied |= entry.segment.pending == 0
        if emptied:
            self._folder.sweep()
        if deleted:
            self._changed.notify_all()
        return deleted

    def _evict(self, keys: list[Key], reason: str) -> None:
        for key in keys:
            self._evictions.note(key, reason)
        self._delete(keys)

    # Room

    def _crowded(self) -> bool:
        return self.size_bytes > self._folder.limit(self._max_bytes) * _CROWDED and self._least_thinned()[1] < MOST

    def _make_room(self, size: int) -> None:
        while self.size_bytes + size > self._folder.limit(self._max_bytes):
            if not (self.thin() or any(self._drop_oldest(priority) for priority in reversed(Priority))):
                break
        while self._memory and self._memory_bytes + size > self._memory_limit:
            if not (self.flush() or self._thin_memory() or self._drop_oldest(Priority.HISTORY)):
                dearest = max(entry.priority for entry in self._memory.values())
                self._evict([next(key for key, entry in self._memory.items() if entry.priority is dearest)], REFUSED)

    def _least_thinned(self) -> tuple[Segment | None, int]:
        """The segment to thin next, and how often its history was thinned at least."""
        levels: dict[Segment, int] = {}
        for _, entry in self._pending:
            segment = entry.segment
            if entry.priority is Priority.HISTORY and segment is not None and not segment.newer:
                levels[segment] = min(levels.get(segment, MOST), entry.thinned)
        if self._folder.active is not None:
            levels.pop(self._folder.active, None)
        found = min(levels, key=lambda segment: (levels[segment], segment.path), default=None)
        return (None, MOST) if found is None else (found, levels[found])

    def _drop_oldest(self, priority: Priority) -> bool:
        """Evicts everything of this priority in the oldest segment that has some; False when there is none."""
        segment = next(
            (
                entry.segment
                for _, entry in self._pending
                if entry.priority is priority and entry.segment is not None and not entry.segment.newer
            ),
            None,
        )
        if segment is None or not self._folder.lets_go:
            return False
        held = self._records_of(segment)
        dropped = [key for key, entry, _ in held if entry.priority is priority]
        kept = [Rewritten(key, e, payload, e.thinned) for key, e, payload in held if e.priority is not priority]
        # The file says it first: a power cut in between must not leave a loss without its name.
        self._save_evictions([Eviction(key.boot, key.sequence, key.sequence, FULL) for key in dropped])
        if kept and not self._replaced(segment, kept):
            return False
        before = self._folder.size_bytes
        self._evict(dropped, FULL)
        return bool(kept) or self._folder.size_bytes < before

    def _save_evictions(self, also: Iterable[Eviction]) -> None:
        try:
            self._evictions.save(self.path, also)
        except OSError as error:
            log.warning("%s: what is evicted cannot be noted yet: %s", self.path, error.strerror)

    def _thin_memory(self) -> bool:
        """Thins the least thinned history in memory; False when there is none."""
        history = [entry for entry in self._memory.values() if entry.priority is Priority.HISTORY]
        entry = min(history, key=lambda each: each.thinned, default=None)
        if self._thinner is None or entry is None or entry.thinned >= MOST:
            return False
        found = self._thinner(entry.payload or b"")
        entry.thinned = MOST if found is None else entry.thinned + 1
        if found is not None:
            self._set_in_memory(entry, found[0])
            self.thinned_samples += found[1]
        return True
