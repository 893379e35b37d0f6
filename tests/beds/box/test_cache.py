"""What beds are made of is found again by what it is made of, and by nothing else; and whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.beds.box.cache import digest
from tests.conftest import ROOT

USER = """
import sys
from pathlib import Path
from tests.beds.box.cache import kept

def make(folder):
    print("making", flush=True)
    (folder / "begun").touch()
    sys.stdin.readline()
    (folder / "done").touch()

print(kept("thing", [sys.argv[1]], make), flush=True)
sys.stdin.read()
"""
"""A process that wants a thing, and uses it until it is killed. A line on its standard input lets it finish it."""


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


class User:
    """Such a process."""

    def __init__(self, home: Path, thing: str) -> None:
        environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", USER, thing],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def says(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def finish(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def using(home: Path, thing: str) -> Iterator[Path]:
    """The folder of a thing, made now or before, while somebody uses it."""
    user = User(home, thing)
    try:
        if (said := user.says()) == "making":
            user.finish()
            said = user.says()
        yield Path(said)
    finally:
        user.kill()


def test_who_is_killed_while_it_is_made_leaves_nothing_that_looks_whole_and_the_next_makes_it(tmp_path: Path) -> None:
    first = User(tmp_path, "x")
    assert first.says() == "making"
    second = User(tmp_path, "x")
    first.kill()
    assert second.says() == "making"
    second.finish()
    folder = Path(second.says())
    second.kill()
    assert (folder / "done").exists()
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, "thing.lock"}
    with using(tmp_path, "x") as again:
        assert again == folder


def test_what_a_process_uses_stays_until_it_ends_however_much_is_made_meanwhile(tmp_path: Path) -> None:
    with using(tmp_path, "used") as used:
        for other in "abc":
            with using(tmp_path, other):
                pass
        assert (used / "done").exists()
    with using(tmp_path, "d") as newest:
        kept = {path for path in newest.parent.iterdir() if path.is_dir()}
    assert used not in kept
    assert len(kept) == 2
