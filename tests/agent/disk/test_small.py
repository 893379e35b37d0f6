"""A small file is read whole, and anything else in its place neither fills the memory nor holds anybody up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.disk.small import SMALL_BYTES, read_small
from agent.power.supply import SupplyFile


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES])
def test_a_small_file_is_read_whole(tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * size)
    assert read_small(file) == b"x" * size


def test_a_file_of_the_kernels_is_read_although_it_says_that_it_is_empty() -> None:
    assert Path("/proc/sys/kernel/random/boot_id").stat().st_size == 0
    assert len(read_small(Path("/proc/sys/kernel/random/boot_id")).strip()) == 36


def test_one_without_end_is_refused_when_it_is_too_long() -> None:
    with pytest.raises(ValueError, match="more than 4096 bytes"):
        read_small(Path("/dev/zero"))
    assert SupplyFile(Path("/dev/zero")).read() is None


def test_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_small(pipe) == b""
    writer = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(BlockingIOError):
            read_small(pipe)
    finally:
        os.close(writer)
