"""The reader of recorded writes: what was flushed stays, of the rest any part, and nothing else is ever there."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from tests.beds.full.writelog import MAGIC, WHOLE_BYTES, Disk, entries

SECTOR = 512
FLUSH, THROUGH, DISCARD = 1, 2, 4


def recording(path: Path, *written: tuple[int, int, bytes]) -> Path:
    """Of entries (sector, flags, data)."""
    whole = struct.pack("<QQQI", MAGIC, 1, len(written), SECTOR).ljust(SECTOR, b"\0")
    for sector, flags, data in written:
        whole += struct.pack("<QQQQ", sector, len(data) // SECTOR, flags, 0).ljust(SECTOR, b"\0")
        whole += b"" if flags & DISCARD else data
    path.write_bytes(whole)
    return path


def block(letter: str, size: int = SECTOR) -> bytes:
    return letter.encode() * size


def disks(path: Path, size: int = 8 * SECTOR) -> set[bytes]:
    """What may be left of a disk of zeros after all that was recorded."""
    found = set()
    for seed in range(200):
        disk = Disk(bytes(size))
        for entry in entries(path):
            disk.write(entry)
        found.add(bytes(disk.after_a_cut(random.Random(seed))))
    return found


def test_what_was_flushed_stays_and_of_the_rest_any_part_may(tmp_path: Path) -> None:
    path = recording(tmp_path / "log", (0, 0, block("a")), (0, FLUSH, b""), (1, 0, block("b")), (0, 0, block("c")))
    begins = {disk[: 2 * SECTOR] for disk in disks(path)}
    assert begins == {block(first) + block(second) for first in "ac" for second in "b\0"}
    assert {disk[2 * SECTOR :] for disk in disks(path)} == {bytes(6 * SECTOR)}


def test_what_is_written_through_the_cache_stays(tmp_path: Path) -> None:
    path = recording(tmp_path / "log", (2, THROUGH, block("a")), (3, 0, block("b")))
    assert {disk[2 * SECTOR : 3 * SECTOR] for disk in disks(path)} == {block("a")}


def test_a_flush_with_data_makes_sure_what_came_before_and_not_itself(tmp_path: Path) -> None:
    path = recording(tmp_path / "log", (0, 0, block("a")), (1, FLUSH, block("b")))
    assert {disk[: 2 * SECTOR] for disk in disks(path)} == {block("a") + block("b"), block("a") + bytes(SECTOR)}


def test_a_long_write_may_be_torn_between_its_whole_parts_only(tmp_path: Path) -> None:
    path = recording(tmp_path / "log", (0, 0, block("a", 3 * WHOLE_BYTES)))
    lengths = {disk.count(b"a") for disk in disks(path, 4 * WHOLE_BYTES)}
    assert lengths == {0, WHOLE_BYTES, 2 * WHOLE_BYTES, 3 * WHOLE_BYTES}


def test_what_was_discarded_has_no_data_in_the_recording(tmp_path: Path) -> None:
    path = recording(tmp_path / "log", (0, DISCARD, block("x", 4 * SECTOR)), (1, 0, block("a")), (1, FLUSH, b""))
    assert disks(path) == {bytes(SECTOR) + block("a") + bytes(6 * SECTOR)}
    assert [entry.end for entry in entries(path)] == [2 * SECTOR, 4 * SECTOR, 5 * SECTOR]


def test_an_entry_that_is_not_whole_yet_is_left_out(tmp_path: Path) -> None:
    path = recording(tmp_path / "log", (0, 0, block("a")), (1, 0, block("b")))
    path.write_bytes(path.read_bytes()[:-1])
    assert [entry.data for entry in entries(path)] == [block("a")]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(SECTOR))
    with pytest.raises(ValueError, match="is no recording of writes"):
        list(entries(path))
