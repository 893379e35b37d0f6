"""A clean Debian for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beds.box.tree import done, unpacked


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("debian")
    yield unpacked(folder / "clean")
    shutil.rmtree(folder)


@pytest.fixture
def box(clean: Path, tmp_path: Path) -> Iterator[Path]:
    """A clean Debian of its own."""
    tree = tmp_path / "tree"
    done(["cp", "-a", "--reflink=auto", str(clean), str(tree)])
    yield tree
    shutil.rmtree(tree)
