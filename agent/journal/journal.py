"""The journal: uploads on their way, until the bridge has receipted them.

A folder of segments (`agent.journal.segments` says how the bytes lie) and the newest uploads in memory.

* `append` takes an upload into memory. It is written at the next flush, `flush_every_s` later, or at once when it is
  an event or a state; a flush is one write and one fdatasync. What was flushed survives a kill and a power cut. What is
  receipted before its flush is never written at all: while the uplink works, the disk rests.
* Acknowledged is deleted: a segment is unlinked once every record in it is acknowledged. Acknowledgements themselves
  are not stored, so after a crash those segments that still held something pending come back whole. When receipts come
  in order, that is one segment. The bridge ignores what it already holds.
* Records on disk and in memory together never exceed `max_bytes`. When full, the oldest segment goes first, and each
  upload so lost is named by `take_evicted` for the ledger of a coming upload.
* Opening reads every segment. Damage costs what it hit and is listed in `damage`; the segments of earlier starts are
  never written to again. Opening never fails because of what a file contains.
* A disk that refuses writes (full, worn out) costs nothing while memory lasts, `segment_bytes * 2` of it; then the
  oldest uploads in memory are evicted. Refusals are logged and counted in `refused_writes`.

One process at a time holds a journal (`lock`). All methods may be called from any thread.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from agent.journal.durable import append_durably, replace_durably
from agent.journal.pending import Entry, Pending, Segment
from agent.journal.segments import (
    HEAD_BYTES,
    Contents,
    Key,
    Priority,
    Record,
    Skipped,
    encode_record,
    read_record,
    read_segment,
    segment_files,
    segment_number,
    segment_path,
)
from contract.receipt import Receipt

log = logging.getLogger(__name__)

MAX_BYTES = 64 << 20
SEGMENT_BYTES = 256 << 10
FLUSH_EVERY_S = 10.0
FULL = "the journal was full"
DAMAGED = "the journal was damaged"
REFUSED = "the disk refused writes"


class JournalError(Exception):
    """The journal cannot be used; the text says what to do."""


class Damage(NamedTuple):
    file: Path
    offset: int
    size: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.size} bytes lost at offset {self.offset}: {self.what}"


class Eviction(NamedTuple):
    """Uploads of one boot that were deleted before a receipt came: first to last, both included."""

    boot: bytes
    first: int
    last: int
    reason: str


class Stored(NamedTuple):
    key: Key
    payload: bytes


class Journal:
    """`clock` gives monotonic seconds; it decides when a flush is due and nothing else."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        *,
        max_bytes: int = MAX_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        flush_every_s: float = FLUSH_EVERY_S,
        newest_first: bool = False,
    ) -> None:
        """`newest_first` after an outage, as a live vehicle should: `agent.journal.pending` has the order.

        Raises JournalError when the folder cannot be used or another process holds it."""
        self.folder = folder
        self.damage: list[Damage] = []
        self.refused_writes = 0
        self.newer = 0
        """Uploads on disk that a newer version of canlift has written. They are left alone."""
        self._clock = clock
        self._newest_first = newest_first
        self._max_bytes = max_bytes
        # Four segments at least, so that evicting one leaves most of what there is.
        self._segment_bytes = min(segment_bytes, max_bytes // 4)
        self._flush_every_s = flush_every_s
        self._changed = threading.Condition(threading.RLock())
        self._pending = Pending()
        self._segments: list[Segment] = []
        self._active: Segment | None = None
        self._memory: dict[Key, Entry] = {}
        self._memory_bytes = 0
        self._memory_since: float | None = None
        self._evicted: list[Eviction] = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(folder)
            self._open()
        except OSError as error:
            raise JournalError(f"{folder}: the journal cannot be opened: {error.strerror}") from error

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
    def size_bytes(self) -> int:
        """Bytes on disk and in memory."""
        return sum(segment.size for segment in self._segments) + self._memory_bytes

    def __contains__(self, key: Key) -> bool:
        with self._changed:
            return key in self._pending

    def pending(self, count: int, *, max_bytes: int | None = None, skip: Container[Key] = ()) -> list[Stored]:
        """What is to go next (`agent.journal.pending` has the order) but for those in `skip`.

        At most `count` uploads, and at most `max_bytes` of payload: where the next one does not fit, the list ends.
        """
        found: list[Stored] = []
        unreadable: list[Key] = []
        with self._changed:
            for key, entry in self._pending.in_order(newest_first=self._newest_first):
                if len(found) >= count:
                    break
                if key in skip:
                    continue
                if max_bytes is not None:
                    max_bytes -= entry.payload_bytes
                    if max_bytes < 0:
                        break
                payload = self._payload(key, entry)
                if payload is None:
                    unreadable.append(key)
                else:
                    found.append(Stored(key, payload))
            self._evict(unreadable, DAMAGED)
        return found

    def get(self, key: Key) -> bytes | None:
        """A pending upload; None when it is not pending (any more)."""
        with self._changed:
            entry = self._pending.get(key)
            payload = self._payload(key, entry) if entry is not None else None
            if entry is not None and payload is None:
                self._evict([key], DAMAGED)
            return payload

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
                self._note_evicted(key, "larger than the journal may be")
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
            if self._memory_since is not None and self._clock() - self._memory_since >= self._flush_every_s:
                self.flush()

    def flush(self) -> bool:
        """Writes what is in memory, durably. False when the disk refused: it stays in memory until the next flush."""
        with self._changed:
            if not self._memory:
                return True
            self._memory_since = self._clock()
            try:
                self._write()
            except OSError as error:
                self.refused_writes += 1
                kept = len(self._memory)
                log.error("%s: cannot write: %s; %d uploads stay in memory", self.folder, error.strerror, kept)
                return False
            self._memory_since = None
            return True

    def acknowledge(self, receipt: Receipt) -> int:
        """Deletes what a receipt covers; how many uploads that were."""
        with self._changed:
            return self._delete(self._pending.held_by(receipt))

    def discard(self, keys: Iterable[Key]) -> int:
        """Deletes uploads that the bridge refused, and therefore also holds; how many that were."""
        with self._changed:
            return self._delete(keys)

    def rewrite(self, transform: Callable[[Key, bytes], bytes | None], reason: str) -> bool:
        """Gives every pending upload another content; None evicts it for `reason`. False when the disk refused.

        Each segment is replaced as a whole, by one without whatever else was still in it, before this returns: a power
        cut leaves some of them with the old content and none with half of it. A segment that the disk refuses to
        replace is deleted. Segments with uploads of a newer version are left alone.
        """
        with self._changed:
            gone: list[Key] = []
            refused = self.refused_writes
            for segment in [None, *self._segments]:
                entries = [(key, entry) for key, entry in self._pending if entry.segment is segment]
                contents: list[tuple[Key, Entry, bytes]] = []
                for key, entry in entries:
                    payload = self._payload(key, entry)
                    changed = None if payload is None else transform(key, payload)
                    if changed is None:
                        gone.append(key)
                    else:
                        contents.append((key, entry, changed))
                if segment is None:
                    self._rewrite_memory(contents)
                elif not segment.newer:
                    gone += self._replace(segment, contents)
            self._evict(gone, reason)
            return self.refused_writes == refused

    def take_evicted(self) -> tuple[Eviction, ...]:
        """What was evicted since the last call, as ranges."""
        with self._changed:
            evicted, self._evicted = tuple(self._evicted), []
            return evicted

    def close(self) -> None:
        """Flushes and lets go of the folder."""
        with self._changed:
            if self._lock >= 0:
                self.flush()
                os.close(self._lock)
                self._lock = -1

    # Inside

    def _open(self) -> None:
        for path in segment_files(self.folder):
            segment = Segment(path, path.stat().st_size)
            try:
                contents = read_segment(path.read_bytes())
            except OSError as error:  # A bad block: the file is lost, the others are not.
                contents = Contents((), (Skipped(0, segment.size, f"cannot be read: {error.strerror}"),))
            self.damage += [Damage(path, *skipped) for skipped in contents.skipped]
            segment.newer = contents.newer
            for record in contents.records:
                if record.key not in self._pending:
                    segment.pending += 1
                    self._pending.add(record.key, _on_disk(record, segment))
            self._segments.append(segment)
        self._last_number = segment_number(self._segments[-1].path) if self._segments else 0
        for damage in self.damage:
            log.warning("%s", damage)
        newer = [segment for segment in self._segments if segment.newer]
        self.newer = sum(segment.newer for segment in newer)
        if newer:
            log.error(
                "%s: %d uploads in %d segments were written by a newer version of canlift and are left alone: "
                "install that version again to send them, or delete the segments to give them up: %s",
                self.folder,
                self.newer,
                len(newer),
                ", ".join(segment.path.name for segment in newer),
            )
        for segment in [segment for segment in self._segments if segment.pending == 0]:
            self._unlink(segment)

    def _payload(self, key: Key, entry: Entry) -> bytes | None:
        """None when the record cannot be read any more."""
        if entry.payload is not None or entry.segment is None:
            return entry.payload
        path = entry.segment.path
        try:
            with path.open("rb") as file:
                file.seek(entry.offset)
                data = file.read(entry.size)
            found = read_record(data, 0)
        except OSError as error:
            found = f"cannot be read: {error.strerror}"
        if isinstance(found, Record) and found.key == key:
            return found.payload(data)
        damage = Damage(path, entry.offset, entry.size, found if isinstance(found, str) else "another record is there")
        self.damage.append(damage)
        log.warning("%s", damage)
        return None

    def _write(self) -> None:
        """One write of all that is in memory to the active segment. Raises OSError; then nothing has changed."""
        segment = self._active
        if segment is None:
            self._last_number += 1
            segment = Segment(segment_path(self.folder, self._last_number))
        try:
            records = [
                encode_record(key, entry.payload or b"", entry.priority, entry.thinned)
                for key, entry in self._memory.items()
            ]
            append_durably(segment.path, segment.size, b"".join(records))
        except OSError:
            self._active = None  # Its tail is of no known state: the next flush begins a new one.
            if segment not in self._segments:
                segment.path.unlink(missing_ok=True)
            raise
        if segment not in self._segments:
            self._segments.append(segment)
        for entry in self._memory.values():
            entry.segment, entry.offset, entry.payload = segment, segment.size, None
            segment.size += entry.size
            segment.pending += 1
        self._memory.clear()
        self._memory_bytes = 0
        self._active = segment if segment.size < self._segment_bytes else None

    def _rewrite_memory(self, contents: Iterable[tuple[Key, Entry, bytes]]) -> None:
        for _, entry, payload in contents:
            before = entry.size
            entry.payload, entry.payload_bytes, entry.size = payload, len(payload), HEAD_BYTES + len(payload)
            self._memory_bytes += entry.size - before

    def _replace(self, segment: Segment, contents: Sequence[tuple[Key, Entry, bytes]]) -> list[Key]:
        """Gives a segment these records and no others; the keys of those that the disk refused."""
        if segment is self._active:
            self._active = None
        records = [encode_record(key, payload, entry.priority, entry.thinned) for key, entry, payload in contents]
        try:
            replace_durably(segment.path, b"".join(records))
        except OSError as error:
            self.refused_writes += 1
            log.error("%s: cannot be replaced: %s; it is deleted", segment.path, error.strerror)
            return [key for key, _, _ in contents]
        segment.size = 0
        for (_, entry, payload), record in zip(contents, records, strict=True):
            entry.offset, entry.size, entry.payload_bytes = segment.size, len(record), len(payload)
            segment.size += len(record)
        return []

    def _delete(self, keys: Iterable[Key]) -> int:
        deleted = 0
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
            if entry.segment.pending == 0:
                self._unlink(entry.segment)
        if deleted:
            self._changed.notify_all()
        return deleted

    def _unlink(self, segment: Segment) -> None:
        self._segments.remove(segment)
        if segment.newer:
            return
        if segment is self._active:
            self._active = None
        try:
            segment.path.unlink(missing_ok=True)
        except OSError as error:
            log.error("%s: cannot delete it: %s; its uploads will be sent again", segment.path, error.strerror)

    def _make_room(self, size: int) -> None:
        while self._segments and self.size_bytes + size > self._max_bytes:
            oldest = self._segments[0]
            self._evict([key for key, entry in self._pending if entry.segment is oldest], FULL)
        memory_limit = min(self._max_bytes, 2 * self._segment_bytes)
        while self._memory and self._memory_bytes + size > memory_limit:
            if not self.flush():
                self._evict([next(iter(self._memory))], REFUSED)

    def _evict(self, keys: list[Key], reason: str) -> None:
        for key in keys:
            self._note_evicted(key, reason)
        self._delete(keys)

    def _note_evicted(self, key: Key, reason: str) -> None:
        last = self._evicted[-1] if self._evicted else None
        if last is not None and (last.boot, last.last + 1, last.reason) == (key.boot, key.sequence, reason):
            self._evicted[-1] = last._replace(last=key.sequence)
        else:
            self._evicted.append(Eviction(key.boot, key.sequence, key.sequence, reason))
            log.warning("upload %d of boot %s is evicted: %s", key.sequence, key.boot.hex(), reason)


def _on_disk(record: Record, segment: Segment) -> Entry:
    return Entry(record.priority, record.payload_bytes, record.size, None, segment, record.offset, record.thinned)


def _lock(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        advice = "another agent uses this journal; stop it or choose another state folder"
        raise JournalError(f"{folder}: {advice}") from error
    return descriptor
