"""Small disks of a test's own: ext4 in a file, behind a loop device. Only root may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import IN_CI

CAN_MOUNT = os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None and Path("/dev/loop-control").exists()
needs_disks = pytest.mark.skipif(not CAN_MOUNT and not IN_CI, reason="only root may mount a disk")


def made(image: Path, size: int, block_bytes: int = 4096) -> Path:
    """An empty ext4 disk in a file; all of it is written now, and nothing by the kernel later, when it is mounted."""
    with image.open("wb") as file:
        file.truncate(size)
    now = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", str(block_bytes), "-E", now, str(image)], check=True)
    return image


@contextmanager
def mounted(image: Path, folder: Path, options: str = "loop") -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", options, str(image), str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remounted(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def device_of(folder: Path) -> str:
    """The name of the loop device that is mounted there, as in /sys/block."""
    number = folder.stat().st_dev
    return Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").readlink().name


def bytes_written(device: str) -> int:
    """To the device, since it was made."""
    return 512 * int(Path(f"/sys/block/{device}/stat").read_text().split()[6])
