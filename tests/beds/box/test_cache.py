"""What beds are made of is found again by what it is made of, and by nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.beds.box.cache import digest


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "agent/__pycache__").mkdir(parents=True)
    (folder / "agent/run.py").write_text("run\n")
    (folder / "agent/cli.py").write_text("cli\n")
    (folder / "LICENSE").write_text("Apache\n")
    return folder


def of(checkout: Path) -> str:
    return digest(["bookworm", checkout / "agent", checkout / "LICENSE"])


def test_the_same_checked_out_elsewhere_is_the_same(checkout: Path, tmp_path: Path) -> None:
    other = shutil.copytree(checkout, tmp_path / "elsewhere" / "again")
    assert of(checkout) == of(other)
    (other / "agent/__pycache__/run.pyc").write_text("compiled")
    assert of(checkout) == of(other)


@pytest.mark.parametrize("change", ["content", "name", "gone", "new", "moved"])
def test_whatever_changes_makes_it_another(checkout: Path, change: str) -> None:
    before, run = of(checkout), checkout / "agent/run.py"
    match change:
        case "content":
            run.write_text("Run\n")
        case "name":
            run.rename(run.with_name("ran.py"))
        case "gone":
            run.unlink()
        case "new":
            run.with_name("empty.py").touch()
        case "moved":
            (run.parent / "sub").mkdir()
            run.rename(run.parent / "sub/run.py")
    assert of(checkout) != before
    assert digest(["bookworm"]) != digest(["trixie"])
