"""The next certificate and its key take the place of the present ones together, wherever the power goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.identity.files import keep, next_of, take_up
from tests.conftest import IN_CI

OLD, NEW = b"old", b"new"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "vehicle.pem", tmp_path / "vehicle.key"
    for file in (certificate, key):
        keep(file, OLD)
    return certificate, key


def steps(certificate: Path, key: Path) -> Iterator[None]:
    """What a renewal does to the disk, a step at a time."""
    keep(next_of(key), NEW)
    yield
    keep(next_of(certificate), NEW)
    yield
    next_of(key).replace(key)
    yield
    next_of(certificate).replace(certificate)
    yield


@pytest.mark.parametrize("done", range(5))
def test_whatever_a_power_cut_leaves_certificate_and_key_belong_together(pair: tuple[Path, Path], done: int) -> None:
    certificate, key = pair
    for _, _ in zip(range(done), steps(*pair), strict=False):
        pass
    take_up(*pair)
    assert certificate.read_bytes() == key.read_bytes() == (OLD if done < 2 else NEW)
    assert take_up(*pair) is False
    assert next_of(key).exists() == (done == 1)  # It is asked for again.


@pytest.mark.skipif(os.geteuid() != 0 and not IN_CI, reason="only root may write in another's name")
def test_what_root_writes_belongs_to_whom_the_folder_belongs_to(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    keep(tmp_path / "vehicle.key", b"")
    found = (tmp_path / "vehicle.key").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o600)
