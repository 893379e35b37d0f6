"""What `make test` leaves out it says; in CI it may leave out nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, needed
from tests.prepare import NEEDED


def prepare(project: Path, ci: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CI": ci}
    command = [sys.executable, "tests/prepare.py"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """The project without anything beside it, on a machine that has the programs."""
    for package, program in NEEDED.items():
        needed(program, package)
    (tmp_path / "project" / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "prepare.py", tmp_path / "project" / "tests")
    return tmp_path / "project"


def test_absent_recordings_are_said(alone: Path) -> None:
    done = prepare(alone, ci="")
    assert done.returncode == 0
    assert "Left out: the tests on real recordings" in done.stdout
    assert "../shared" in done.stdout


def test_absent_recordings_fail_in_ci(alone: Path) -> None:
    assert prepare(alone, ci="true").returncode == 1


def test_nothing_is_said_to_be_left_out_when_all_is_there(alone: Path) -> None:
    (alone.parent / "shared").mkdir()
    done = prepare(alone, ci="true")
    assert (done.returncode, done.stdout) == (0, "")
