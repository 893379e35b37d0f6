"""What a journal holds, in memory and on disk, and what becomes of it upload by upload.

Whoever calls holds the lock (`changed`), and decides what is kept: `agent.journal.journal`, `agent.journal.room` and
`agent.journal.rewriting`.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterable

from agent.journal.evictions import Eviction, Evictions
from agent.journal.folder import Folder, HeldError, Rewritten
from agent.journal.pending import Entry, Pending, Segment
from agent.journal.segments import HEAD_BYTES, Key

log = logging.getLogger(__name__)

DAMAGED = "the journal was damaged"


class Holdings:
    def __init__(self, folder: Folder, pending: Pending, clock: Callable[[], float]) -> None:
        self.path = folder.path
        self.folder = folder
        self.pending = pending
        self.evictions = Evictions()
        self.memory: dict[Key, Entry] = {}
        self.memory_bytes = 0
        self.memory_since: float | None = None
        """Since when there is something in memory, or since the last try to write it."""
        self.changed = threading.Condition(threading.RLock())
        """Notified when there is more or less of it."""
        self.came: Callable[[], None] = lambda: None
        """Called when uploads were found on the disk."""
        self._clock = clock

    @property
    def size_bytes(self) -> int:
        return self.folder.size_bytes + self.memory_bytes

    def open_folder(self) -> None:
        """Takes in what is on the disk, unless that was done. Raises HeldError."""
        newest = self.pending.newest
        found = self.folder.open()
        for key, entry in found:
            if key not in self.pending:
                self.pending.add(key, entry)
            elif entry.segment is not None:
                entry.segment.pending -= 1
        if newest is not None:
            self.pending.newest = newest
        if not self.evictions.loaded and self.path.is_dir():
            self._load_evictions()
        if found:
            self.came()

    def add(self, key: Key, entry: Entry) -> None:
        """Takes an upload into memory."""
        self.pending.add(key, entry)
        self.memory[key] = entry
        self.memory_bytes += entry.size
        if self.memory_since is None:
            self.memory_since = self._clock()
        self.changed.notify_all()

    def flush(self) -> bool:
        """Writes what is in memory, durably. False when the disk refused: it stays in memory until the next flush."""
        before = self.folder.trouble
        try:
            if self.memory:
                self.memory_since = self._clock()
                self.open_folder()
                if not self.folder.held:
                    raise OSError(errno.EROFS, self.folder.trouble)
                self.folder.write(self.memory)
                self.memory.clear()
                self.memory_bytes = 0
                self.memory_since = None
            if not self.evictions.saved and self.folder.held:
                self.evictions.save(self.path)
        except (OSError, HeldError) as error:
            text = error.strerror if isinstance(error, OSError) else "another agent uses this journal"
            if before is None or not self.folder.held:
                log.error("%s: cannot write: %s; uploads stay in memory", self.path, text)
            return False
        if before is not None:
            log.warning("%s: the disk takes writes again", self.path)
        return True

    def payload(self, key: Key, entry: Entry) -> bytes | None:
        """None when the record cannot be read any more."""
        return entry.payload if entry.segment is None else self.folder.payload(key, entry, entry.segment)

    def set_in_memory(self, entry: Entry, payload: bytes) -> None:
        """Another payload for an upload in memory."""
        self.memory_bytes += len(payload) - entry.payload_bytes
        entry.payload, entry.payload_bytes, entry.size = payload, len(payload), HEAD_BYTES + len(payload)

    def records_of(self, segment: Segment) -> list[tuple[Key, Entry, bytes]]:
        """What is pending in a segment; what cannot be read is evicted."""
        held: list[tuple[Key, Entry, bytes]] = []
        for key, entry in [(key, entry) for key, entry in self.pending if entry.segment is segment]:
            payload = self.folder.payload(key, entry, segment)
            if payload is None:
                self.evict([key], DAMAGED)
            else:
                held.append((key, entry, payload))
        return held

    def replaced(self, segment: Segment, records: list[Rewritten]) -> bool:
        """Gives a segment another content; False when the disk refuses."""
        try:
            self.folder.replace(segment, records)
        except OSError as error:
            log.error("%s: cannot rewrite it: %s", segment.path, error.strerror)
            return False
        return True

    def delete(self, keys: Iterable[Key]) -> int:
        """Lets go of those that are pending; how many that were."""
        deleted = 0
        emptied = False
        for key in keys:
            entry = self.pending.pop(key)
            if entry is None:
                continue
            deleted += 1
            if entry.segment is None:
                del self.memory[key]
                self.memory_bytes -= entry.size
                if not self.memory:
                    self.memory_since = None
                continue
            entry.segment.pending -= 1
            emptied |= entry.segment.pending == 0
        if emptied:
            self.folder.sweep()
        if deleted:
            self.changed.notify_all()
        return deleted

    def evict(self, keys: list[Key], reason: str) -> None:
        """Deletes, and names as evicted."""
        for key in keys:
            self.evictions.note(key, reason)
        self.delete(keys)

    def save_evictions(self, also: Iterable[Eviction]) -> None:
        """`also` what is about to be evicted."""
        try:
            self.evictions.save(self.path, also)
        except OSError as error:
            log.warning("%s: what is evicted cannot be noted yet: %s", self.path, error.strerror)

    def _load_evictions(self) -> None:
        try:
            damaged = self.evictions.load(self.path, (key for key, _ in self.pending))
        except OSError as error:
            log.error("%s: what was evicted cannot be read: %s", self.path, error.strerror)
        else:
            if damaged:
                log.warning("%s: %d damaged lines of what was evicted", self.path, damaged)
