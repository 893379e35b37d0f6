"""Segments: the journal's format on disk.

A segment is a file `<8 hexadecimal digits>.segment`; the digits count up, so that name order is age order. It is a
sequence of records and nothing else: no header, no index, no cursor. Every version of a record begins alike:

    record  = marker (3 bytes: c7 43 4c) · version (1) · length (4) · CRC-32 (4) · rest
    version 2, written   length is that of the rest; the CRC covers version, length and rest
                         rest = boot (16) · sequence (8) · priority (1) · thinned (1) · payload
    version 1, read      length is that of the payload; the CRC covers length and rest; rest = boot · sequence · payload

Integers are little-endian and unsigned. `priority` is the value of a `Priority`, `thinned` how often every second row
was taken out. A record of version 1 has the priority of history. The CRC is that of ISO 3309, zlib's: CRC-32C finds no
more of the errors that a disk makes in records of some kilobytes, and a package for it would have to be there on every
box; zlib's is in the standard library, and checks 64 MB in some 30 ms.

**Newer versions.** All versions from 2 on keep marker, version, length and CRC as they are here. So a whole record of a
version that is not known is told from damage: it is `newer`, and whoever reads must leave its segment alone.

A segment is appended to by the process that made it, and replaced as a whole when records in it are thinned, redacted
or dropped. Reading accepts any bytes. Whatever is not a record with a true CRC is damage: it is
skipped up to the next marker that begins a true record, and reported with its offset. So a torn write costs the records
it cut, a flipped bit costs the one record it is in, and a marker that happens to be in a payload costs nothing.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

SUFFIX = ".segment"
MARKER = b"\xc7CL"
VERSION = 2
_START = struct.Struct("<3sBII")
_REST_1 = struct.Struct("<16sQ")
_REST_2 = struct.Struct("<16sQBB")
HEAD_BYTES = _START.size + _REST_2.size
"""What a record takes on disk beside its payload."""


class Priority(IntEnum):
    """What goes first, and is dropped last. The numbers are those on disk."""

    EVENT = 0
    """Something happened: nobody should learn it late."""
    STATE = 1
    """How the vehicle is, for as long as nothing newer says it: the last word before it sleeps."""
    HISTORY = 2
    """How it got there."""


class Key(NamedTuple):
    """What names an upload of a vehicle."""

    boot: bytes
    """16 bytes."""
    sequence: int
    """0 to 2**64 - 1."""


class Record(NamedTuple):
    """A record but its payload, which is where `payload_at` says."""

    offset: int
    size: int
    """Bytes on disk."""
    key: Key
    priority: Priority
    thinned: int
    payload_at: int

    @property
    def payload_bytes(self) -> int:
        return self.offset + self.size - self.payload_at

    def payload(self, data: bytes) -> bytes:
        """Out of the bytes that the record was read from."""
        return data[self.payload_at : self.offset + self.size]


class Skipped(NamedTuple):
    """Bytes of a segment that are no record."""

    offset: int
    size: int
    what: str


class Contents(msgspec.Struct, frozen=True):
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]
    newer: int = 0
    """Whole records of a version that is not known here."""


class _Newer(msgspec.Struct, frozen=True):
    size: int
    version: int


def encode_record(key: Key, payload: bytes, priority: Priority = Priority.HISTORY, thinned: int = 0) -> bytes:
    rest = _REST_2.pack(key.boot, key.sequence, priority, thinned) + payload
    return _START.pack(MARKER, VERSION, len(rest), _crc(VERSION, rest)) + rest


def read_segment(data: bytes) -> Contents:
    """All true records of a segment, in order, and every stretch that is none."""
    records: list[Record] = []
    skipped: list[Skipped] = []
    newer = 0
    position = 0
    view = memoryview(data)
    while position < len(data):
        found = _read(data, view, position)
        if isinstance(found, str):
            end = _next_record(data, view, position + 1)
            skipped.append(Skipped(position, end - position, found))
            position = end
            continue
        if isinstance(found, Record):
            records.append(found)
        else:
            newer += 1
        position += found.size
    return Contents(tuple(records), tuple(skipped), newer)


def read_record(data: bytes, offset: int) -> Record | str:
    """The record at `offset`, or why there is none."""
    found = _read(data, memoryview(data), offset)
    return f"a record of the unknown version {found.version}" if isinstance(found, _Newer) else found


def _read(data: bytes, view: memoryview, offset: int) -> Record | _Newer | str:
    if data[offset : offset + len(MARKER)] != MARKER[: len(data) - offset]:
        return "no record begins here"
    left = len(data) - offset
    if left < _START.size:
        return f"a record is cut in its head, after {left} of {HEAD_BYTES} bytes"
    _, version, length, crc = _START.unpack_from(data, offset)
    start = offset + _START.size
    if version == 1:
        length += _REST_1.size
    end = start + length
    if end > len(data):
        return f"a record of {length} bytes is cut after {len(data) - start}, or its length is damaged"
    rest = view[start:end]
    if (_crc_1(rest) if version == 1 else _crc(version, rest)) != crc:
        return f"a record of {length} bytes fails its CRC"
    if version == VERSION and length >= _REST_2.size:
        boot, sequence, priority, thinned = _REST_2.unpack_from(data, start)
        if priority <= Priority.HISTORY:
            payload_at = offset + HEAD_BYTES
            return Record(offset, end - offset, Key(boot, sequence), _PRIORITIES[priority], thinned, payload_at)
    if version == 1:
        boot, sequence = _REST_1.unpack_from(data, start)
        return Record(offset, end - offset, Key(boot, sequence), Priority.HISTORY, 0, start + _REST_1.size)
    return _Newer(end - offset, version)


_PRIORITIES = tuple(Priority)


def _crc(version: int, rest: bytes | memoryview) -> int:
    return crc32(rest, crc32(struct.pack("<BI", version, len(rest))))


def _crc_1(rest: memoryview) -> int:
    return crc32(rest, crc32(struct.pack("<I", len(rest) - _REST_1.size)))


def _next_record(data: bytes, view: memoryview, start: int) -> int:
    """Where the next true record begins; the end of the data when there is none."""
    position = data.find(MARKER, start)
    while position >= 0:
        if not isinstance(_read(data, view, position), str):
            return position
        position = data.find(MARKER, position + 1)
    return len(data)


def segment_files(folder: Path) -> list[Path]:
    """The segments of a journal, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if _is_number(path.stem))


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08x}{SUFFIX}"


def segment_number(path: Path) -> int:
    return int(path.stem, 16)


def _is_number(stem: str) -> bool:
    return len(stem) == 8 and all(digit in "0123456789abcdef" for digit in stem)
