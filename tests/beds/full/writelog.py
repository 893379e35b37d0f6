"""A disk as a power cut would have left it, from the recording of all that was written to it.

QEMU's filter `blklogwrites` writes such a recording, in the format of the kernel's dm-log-writes:

    sector 0   magic (8) · version (8) · entries, brought up to date at each flush (8) · bytes of a sector (4)
    then       sector (8) · sectors (8) · flags (8) · length (8), filled up to a sector; then the entry's data

All little-endian. Flags: 1 a flush came before, 2 written through the cache, 4 discarded (there is no data), 8 a mark.

A disk has a cache, which forgets when the power goes. What had been written before a flush is on the disk; of what came
after it, any part may be, in any order. The smallest part that is written as a whole is taken to be 4 KiB.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAGIC = 0x006A736677736872
WHOLE_BYTES = 4096
_HEAD = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_FLUSH, _THROUGH, _DISCARD = 1, 2, 4


class Entry(NamedTuple):
    end: int
    """Where it ends in the recording's file."""
    at: int
    """Bytes from the disk's beginning."""
    flags: int
    data: bytes


def entries(recording: Path) -> Iterator[Entry]:
    """Those that are there as a whole, in order. Raises ValueError where it is no recording."""
    with recording.open("rb") as file:
        magic, _, _, sector_bytes = _HEAD.unpack(file.read(_HEAD.size))
        if magic != MAGIC:
            raise ValueError(f"{recording}: is no recording of writes")
        file.seek(sector_bytes)
        while (entry := _read(file, sector_bytes)) is not None:
            yield entry


def _read(file: BinaryIO, sector_bytes: int) -> Entry | None:
    head = file.read(sector_bytes)
    if len(head) < sector_bytes:
        return None
    sector, count, flags, _ = _ENTRY.unpack_from(head)
    size = 0 if flags & _DISCARD else count * sector_bytes
    data = file.read(size)
    if len(data) < size:
        return None
    return Entry(file.tell(), sector * sector_bytes, flags, data)


class Disk:
    """Follows a recording from the disk's content at its beginning."""

    def __init__(self, content: bytes) -> None:
        self._kept = bytearray(content)
        """What no power cut takes."""
        self._cached: list[Entry] = []

    def write(self, entry: Entry) -> None:
        if entry.flags & _FLUSH:
            for earlier in self._cached:
                _put(self._kept, earlier)
            self._cached.clear()
        if entry.flags & _THROUGH:
            _put(self._kept, entry)
        elif entry.data:
            self._cached.append(entry)

    def after_a_cut(self, chance: random.Random) -> bytearray:
        """With a part, by chance, of what no flush has made sure."""
        content = bytearray(self._kept)
        for entry in self._cached:
            if chance.random() < 0.5:
                _put(content, _torn(entry, chance) if chance.random() < 0.5 else entry)
        return content


def _torn(entry: Entry, chance: random.Random) -> Entry:
    parts = len(entry.data) // WHOLE_BYTES
    return entry if parts < 2 else entry._replace(data=entry.data[: WHOLE_BYTES * chance.randrange(1, parts)])


def _put(content: bytearray, entry: Entry) -> None:
    content[entry.at : entry.at + len(entry.data)] = entry.data
