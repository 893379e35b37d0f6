"""What is written is on the disk, or it is as if nobody had written it."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.disk.durable import UNFINISHED, NotDurableError, append_durably, make_private, replace_durably
from tests.agent.journal.syncs import folders_that_cannot_be_synced, watched


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


def test_a_name_that_cannot_be_synced_is_told_from_a_content_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_durably(file, b"old")
    with folders_that_cannot_be_synced(), pytest.raises(NotDurableError) as refused:
        replace_durably(file, b"new")
    assert refused.value.errno == errno.EMFILE
    assert file.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [file]


def test_folders_that_are_made_are_their_owners_alone_and_others_stay_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        make_private(tmp_path / "state" / "vin" / "manifests")
        make_private(tmp_path / "state" / "vin" / "manifests")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path, *tmp_path.rglob("*"))}
    assert modes == {tmp_path.name: 0o755, "state": 0o700, "vin": 0o700, "manifests": 0o700}
