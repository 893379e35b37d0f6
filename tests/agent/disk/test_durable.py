"""What is written is on the disk, or it is as if nobody had written it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.disk.durable import UNFINISHED, append_durably, replace_durably
from tests.agent.journal.syncs import watched


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel refuses what makes a file longer, having written as much of it as fits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_wholly_the_old_one_until_the_new_one_is_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_durably(file, b"old")
    with watched(lambda: (file.read_bytes(), sorted(path.name for path in tmp_path.iterdir()))) as syncs:
        replace_durably(file, b"new")
    assert syncs == [("fsync", (b"old", ["file", "file" + UNFINISHED])), ("fsync", (b"new", ["file"]))]


def test_what_cannot_be_written_whole_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_durably(file, b"old")
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"):
        replace_durably(file, bytes(1001))
    assert file.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [file]


def test_what_cannot_be_added_whole_is_cut_off_again(tmp_path: Path) -> None:
    file = tmp_path / "file"
    append_durably(file, 0, b"a record")
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"):
        append_durably(file, 8, bytes(1000))
    assert file.read_bytes() == b"a record"
    append_durably(file, 8, b", another")
    assert file.read_bytes() == b"a record, another"
