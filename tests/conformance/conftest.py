"""One world for all tests here, which only ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.world import STANDING, World
from tests.published import Published


@pytest.fixture(scope="session")
def published(shared: Path) -> Published:
    return Published(shared)


@pytest.fixture(scope="session")
def world(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"), shared / "data", (STANDING,))
    yield world
    world.close()
