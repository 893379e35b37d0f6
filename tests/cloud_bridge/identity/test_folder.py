"""Files of an authority are on the disk as a whole, or as they were."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cloud_bridge.identity.folder import write
from tests.agent.journal.syncs import watched


def test_a_file_is_wholly_the_old_one_until_the_new_one_is_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "revoked.pem"
    write(file, b"old")
    with watched(lambda: (file.read_bytes(), sorted(path.name for path in tmp_path.iterdir()))) as syncs:
        write(file, b"new")
    assert syncs == [
        ("fsync", (b"old", ["revoked.pem", "revoked.pem.new"])),
        ("fsync", (b"new", ["revoked.pem"])),
    ]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_a_key_is_its_owners_alone(tmp_path: Path, private: bool, mode: int) -> None:
    file = tmp_path / "vehicles.key"
    write(file, b"key", private=private)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_what_a_power_cut_left_unfinished_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "vehicles.pem"
    file.with_name("vehicles.pem.new").write_bytes(b"half of it, and longer than what is written now")
    write(file, b"whole")
    assert file.read_bytes() == b"whole"
    assert [*tmp_path.iterdir()] == [file]
