"""What a newcomer has who has just cloned the project: a clean Debian in which nothing is installed but what the README
says, its checkout and an account. There is no network; pip finds what an index would give in a folder.
"""

from __future__ import annotations

import platform
import select
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.beds.box.cache import kept
from tests.beds.box.tree import SUITE, check_out, debian_with, done, package
from tests.beds.nspawn import PATIENCE_S, Machine, started
from tests.conftest import ROOT
from tests.persisting import persisting

USER = "newcomer"
CHECKOUT = f"/home/{USER}/canlift"
_WHEELS = "/srv/wheels"
# Started by systemd; neither is part of the smallest Debian.
_SYSTEM = ("systemd", "systemd-sysv", "dbus")
_PYTHON = "3.11"
"""Of the suite."""


def debian(packages: Sequence[str]) -> Path:
    """The smallest Debian that systemd starts, with these packages and what they depend on, as a tar file."""
    return debian_with("newcomer", (*_SYSTEM, *packages))


def wheels() -> Path:
    """What pip needs to install the bridge from a checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += project["project"]["optional-dependencies"]["bridge"]
    machine = platform.machine()
    platforms = [f"--platform=manylinux{each}_{machine}" for each in ("2014", "_2_17", "_2_28", "_2_34")]
    words = ["--only-binary=:all:", "--implementation=cp", f"--python-version={_PYTHON}", *platforms]

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
        persisting(lambda: done([*pip, *words, "-d", str(folder), *wanted]))

    return kept("index", [*words, *wanted], make)


@contextmanager
def arrived(folder: Path, packages: Sequence[str]) -> Iterator[Machine]:
    """A newcomer's machine, running, with the agent's package where `make deb` puts it."""
    tree = folder / SUITE
    tree.mkdir()
    done(["tar", "-x", "-C", str(tree), "-f", str(debian(packages)), "--exclude=./dev/*"])
    done(["chroot", str(tree), "useradd", "--create-home", "--shell", "/bin/bash", USER])
    # As Debian's installer writes it.
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (tree / "etc/pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {_WHEELS}\n")
    checkout = tree / CHECKOUT.lstrip("/")
    check_out(checkout)
    deb = package()
    (checkout / "dist").mkdir()
    shutil.copy(deb, checkout / "dist" / deb.name)
    done(["chroot", str(tree), "chown", "-R", f"{USER}:{USER}", CHECKOUT])
    with started(tree, [f"{wheels()}:{_WHEELS}"]) as machine:
        yield machine
    shutil.rmtree(tree)


class Terminal:
    """A shell of a user, in which one command after another is typed."""

    def __init__(self, machine: Machine, user: str, folder: str) -> None:
        self._said = machine.tree / "var/tmp" / f"said-by-{user}"
        self._shell = subprocess.Popen(
            machine.entering(user), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.user = user
        self.type(f"cd {folder}")

    def type(self, command: str) -> str:
        """What it says. Raises RuntimeError where it fails."""
        print(f"{self.user}$ {command}")
        into, out = self._ends()
        into.write(f"{{ {command}\n}} >/var/tmp/{self._said.name} 2>&1 </dev/null; echo status $?\n")
        into.flush()
        if not select.select([out], [], [], PATIENCE_S)[0]:
            raise RuntimeError(
                f"{self.user}$ {command}\nhas not ended for {PATIENCE_S} s: {self._said.read_text()[-4000:]}"
            )
        status = out.readline().split()
        said = self._said.read_text()
        if status != ["status", "0"]:
            raise RuntimeError(f"{self.user}$ {command}\n{said[-4000:]}{status}")
        return said

    def close(self) -> None:
        self._shell.kill()
        self._shell.communicate()

    def _ends(self) -> tuple[IO[str], IO[str]]:
        if self._shell.stdin is None or self._shell.stdout is None:
            raise RuntimeError("the shell has no pipes")
        return self._shell.stdin, self._shell.stdout
