"""The journal's folder: its segments, on a disk that may be full, read-only, failing or not there at all.

Nothing here decides what is kept. Whatever the disk refuses is raised as OSError and has changed nothing; `trouble`
says why the last write was refused, until one succeeds. A folder that cannot be made or locked is tried again at each
write.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agent.disk.durable import UNFINISHED, NotDurableError, append_durably, make_private, replace_durably, sync_folder
from agent.journal.pending import Entry, Segment
from agent.journal.segments import (
    Contents,
    Key,
    Record,
    Skipped,
    encode_record,
    read_record,
    read_segment,
    segment_files,
    segment_number,
    segment_path,
)
from agent.journal.wear import Wear

log = logging.getLogger(__name__)


class HeldError(Exception):
    """Another process holds the folder; the text says what to do."""


class Damage(NamedTuple):
    file: Path
    offset: int
    size: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.size} bytes lost at offset {self.offset}: {self.what}"


class Rewritten(NamedTuple):
    """A record as it is to be from now on."""

    key: Key
    entry: Entry
    payload: bytes
    thinned: int


class Folder:
    def __init__(self, path: Path, segment_bytes: int, reserve_bytes: int, disk_share: float, wear: Wear) -> None:
        self.path = path
        self.segments: list[Segment] = []
        """Oldest first."""
        self.damage: list[Damage] = []
        self.newer = 0
        self.refused = 0
        self.trouble: str | None = None
        self.active: Segment | None = None
        """The one that is appended to."""
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._disk_share = disk_share
        self._wear = wear
        self._is_full = False
        self._lock: int | None = None
        self._read = False
        self._unsynced = False
        """Whether a power cut could bring back what was deleted or rewritten."""
        self._last_number = 0

    @property
    def size_bytes(self) -> int:
        return sum(segment.size for segment in self.segments)

    def limit(self, max_bytes: int) -> int:
        """How many bytes all segments may have: no more than `max_bytes`, nor than their share of the disk."""
        try:
            disk = os.statvfs(self.path)
        except OSError:
            return max_bytes
        return min(max_bytes, int(disk.f_blocks * disk.f_frsize * self._disk_share))

    @property
    def lets_go(self) -> bool:
        """Whether deleting is any use: not while the disk refuses writes for another reason than being full."""
        return self.trouble is None or self._is_full

    def open(self) -> list[tuple[Key, Entry]]:
        """Takes hold of the folder and reads what is in it, unless that was done; the records.

        Raises HeldError, and OSError when it cannot be done yet.
        """
        refused: OSError | None = None
        if self._lock is None:
            try:
                make_private(self.path)
                self._wear.look_at(self.path)
                self._lock = _lock(self.path)
            except OSError as failure:
                refused = failure
        found = [] if self._read or not self.path.is_dir() else self._load()
        if refused is not None:
            self.trouble = refused.strerror
        return found

    @property
    def held(self) -> bool:
        return self._lock is not None

    def _load(self) -> list[tuple[Key, Entry]]:
        found: dict[Key, Entry] = {}
        for path in segment_files(self.path):
            segment = Segment(path)
            try:
                data = path.read_bytes()
                segment.size = len(data)
                contents = read_segment(data)
            except OSError as error:  # A bad block: the file is lost, the others are not.
                contents = Contents((), (Skipped(0, segment.size, f"cannot be read: {error.strerror}"),))
            self.damage += [Damage(path, *skipped) for skipped in contents.skipped]
            segment.newer = contents.newer
            for record in contents.records:
                if record.key not in found:
                    segment.pending += 1
                    found[record.key] = _on_disk(record, segment)
            self.segments.append(segment)
        self._last_number = segment_number(self.segments[-1].path) if self.segments else 0
        self._read = True
        for damage in self.damage:
            log.warning("%s", damage)
        self._tell_newer()
        for path in self.path.glob(f"*{UNFINISHED}"):
            self._try_unlink(path)
        self.sweep()
        return list(found.items())

    def _tell_newer(self) -> None:
        newer = [segment for segment in self.segments if segment.newer]
        self.newer = sum(segment.newer for segment in newer)
        if newer:
            log.error(
                "%s: %d uploads in %d segments were written by a newer version of canlift and are left alone: "
                "install that version again to send them, or delete the segments to give them up: %s",
                self.path,
                self.newer,
                len(newer),
                ", ".join(segment.path.name for segment in newer),
            )

    def payload(self, key: Key, entry: Entry, segment: Segment) -> bytes | None:
        """Of a record in a segment; None when it cannot be read any more, which is noted in `damage`."""
        path = segment.path
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

    def write(self, memory: Mapping[Key, Entry]) -> None:
        """One write of what is in memory, to the active segment. Raises OSError."""
        try:
            self._write(memory)
        except OSError as error:
            self._refused(error)
            raise
        self.trouble = None
        self.sweep()

    def _write(self, memory: Mapping[Key, Entry]) -> None:
        records = [
            encode_record(key, entry.payload or b"", entry.priority, entry.thinned) for key, entry in memory.items()
        ]
        data = b"".join(records)
        disk = os.statvfs(self.path)
        if disk.f_bavail * disk.f_frsize < len(data) + self._reserve_bytes:
            raise OSError(errno.ENOSPC, f"less than {self._reserve_bytes} bytes would be left free on the disk")
        segment = self.active or Segment(segment_path(self.path, self._last_number + 1))
        try:
            append_durably(segment.path, segment.size, data)
        except OSError:
            self.active = None  # Its tail is of no known state: the next flush begins a new one.
            if segment not in self.segments:
                self._try_unlink(segment.path)
            raise
        self._wear.wrote(len(data), segment.size)
        if segment not in self.segments:
            self._last_number += 1
            self.segments.append(segment)
        for entry, record in zip(memory.values(), records, strict=True):
            entry.segment, entry.offset, entry.size, entry.payload = segment, segment.size, len(record), None
            segment.size += len(record)
            segment.pending += 1
        self.active = segment if segment.size < self._segment_bytes else None

    def replace(self, segment: Segment, records: Sequence[Rewritten]) -> None:
        """Another content for a segment, in its place; what is not in `records` is gone. Raises OSError.

        What is in place and not yet durable is made so by `let_go`.
        """
        encoded = [encode_record(each.key, each.payload, each.entry.priority, each.thinned) for each in records]
        try:
            replace_durably(segment.path, b"".join(encoded))
        except NotDurableError as error:
            self._refused(error)
            self._unsynced = True
        except OSError as error:
            self._refused(error)
            raise
        replaced = Segment(segment.path)
        for each, record in zip(records, encoded, strict=True):
            entry = each.entry
            entry.segment, entry.offset, entry.size = replaced, replaced.size, len(record)
            entry.payload_bytes, entry.thinned = len(each.payload), each.thinned
            replaced.size += len(record)
            replaced.pending += 1
        self._wear.wrote(replaced.size)
        self.segments[self.segments.index(segment)] = replaced
        if segment is self.active:
            self.active = None

    def sweep(self) -> None:
        """Deletes the segments that hold nothing more. Those that the disk does not let go are tried again later."""
        for segment in [segment for segment in self.segments if segment.pending <= 0]:
            if segment.newer:
                self.segments.remove(segment)
                continue
            if segment is self.active:
                self.active = None
            if self._try_unlink(segment.path):
                self.segments.remove(segment)

    def let_go(self) -> bool:
        """Sweeps, and makes it durable; whether nothing is left of what should be gone, nor of a newer version's."""
        self.sweep()
        if self._unsynced:
            try:
                sync_folder(self.path)
            except OSError as error:
                self._refused(error)
                return False
            self._unsynced = False
        return not self.newer and all(segment.pending > 0 for segment in self.segments)

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _refused(self, error: OSError) -> None:
        self.refused += 1
        self.trouble = error.strerror or str(error)
        self._is_full = error.errno == errno.ENOSPC

    def _try_unlink(self, path: Path) -> bool:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if self.trouble is None:
                log.error("%s: cannot delete it: %s; its uploads may come again", path, error.strerror)
            self.trouble = error.strerror
            return False
        self._unsynced = True
        return True


def _on_disk(record: Record, segment: Segment) -> Entry:
    return Entry(record.priority, record.payload_bytes, record.size, None, segment, record.offset, record.thinned)


def _lock(folder: Path) -> int:
    # Open for reading only, which is enough to hold it, also on a disk that is read-only.
    descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        text = f"{folder}: another agent uses this journal; stop it or choose another state folder"
        raise HeldError(text) from error
    return descriptor
