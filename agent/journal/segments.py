"""Segments: the journal's format on disk.

A segment is a file `<8 hexadecimal digits>.segment`; the digits count up, so that name order is age order. It is a
sequence of records and nothing else: no header, no index, no cursor, nothing that is ever written a second time.

    record = marker (4 bytes) · length of the payload (4) · CRC-32 (4) · boot (16) · sequence (8) · payload

Integers are little-endian and unsigned. The CRC is the CRC-32 of ISO 3309 (zlib's; not CRC-32C, which the standard
library lacks) over length, boot, sequence and payload.

A segment is only ever appended to, by the process that made it; a later start makes a new one. Reading accepts any
bytes. Whatever is not a record with a true CRC is damage: it is skipped up to the next marker that begins a true
record, and reported with its offset. So a torn write costs the records it cut, a flipped bit costs the one record it is
in, and a marker that happens to be in a payload costs nothing.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

SUFFIX = ".segment"
MARKER = b"\xc7CL\x01"
_HEAD = struct.Struct("<4sII16sQ")
HEAD_BYTES = _HEAD.size
_CHECKED_TAIL = struct.Struct("<I16sQ")


class Key(NamedTuple):
    """What names an upload of a vehicle."""

    boot: bytes
    """16 bytes."""
    sequence: int
    """0 to 2**64 - 1."""


class Record(NamedTuple):
    offset: int
    key: Key
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return HEAD_BYTES + len(self.payload)


class Skipped(NamedTuple):
    """Bytes of a segment that are no record."""

    offset: int
    size: int
    what: str


@dataclass(frozen=True, slots=True)
class Contents:
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]


def encode_record(key: Key, payload: bytes) -> bytes:
    checked = _CHECKED_TAIL.pack(len(payload), key.boot, key.sequence)
    crc = crc32(payload, crc32(checked))
    return _HEAD.pack(MARKER, len(payload), crc, key.boot, key.sequence) + payload


def read_segment(data: bytes) -> Contents:
    """All true records of a segment, in order, and every stretch that is none."""
    records: list[Record] = []
    skipped: list[Skipped] = []
    position = 0
    while position < len(data):
        found = read_record(data, position)
        if isinstance(found, Record):
            records.append(found)
            position += found.size
            continue
        end = _next_record(data, position + 1)
        skipped.append(Skipped(position, end - position, found))
        position = end
    return Contents(tuple(records), tuple(skipped))


def read_record(data: bytes, offset: int) -> Record | str:
    """The record at `offset`, or why there is none."""
    if data[offset : offset + len(MARKER)] != MARKER[: len(data) - offset]:
        return "no record begins here"
    if offset + HEAD_BYTES > len(data):
        return f"a record is cut in its head, after {len(data) - offset} of {HEAD_BYTES} bytes"
    _, length, crc, boot, sequence = _HEAD.unpack_from(data, offset)
    start = offset + HEAD_BYTES
    if start + length > len(data):
        return f"a record of {length} bytes is cut after {len(data) - start}, or its length is damaged"
    payload = data[start : start + length]
    if crc32(payload, crc32(_CHECKED_TAIL.pack(length, boot, sequence))) != crc:
        return f"a record of {length} bytes fails its CRC"
    return Record(offset, Key(boot, sequence), payload)


def _next_record(data: bytes, start: int) -> int:
    """Where the next true record begins; the end of the data when there is none."""
    position = data.find(MARKER, start)
    while position >= 0:
        if isinstance(read_record(data, position), Record):
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


def append_durably(path: Path, size: int, records: Iterable[bytes]) -> None:
    """One write of records to a segment that has `size` bytes, and one fdatasync.

    Raises OSError when the disk refuses, having cut off what was written of them.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        data = b"".join(records)
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, data[written:])
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
    finally:
        os.close(descriptor)
    if size == 0:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes a new file's name durable, which fdatasync of the file does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
