"""The API over a reader in memory, and the published specification that it is held against."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud_bridge.api.world import Api
from tests.published import Published


@pytest.fixture(scope="session")
def published(shared: Path) -> Published:
    return Published(shared)


@pytest.fixture
def api(published: Published) -> Api:
    return Api(published)


@pytest.fixture(scope="session")
def steady(published: Published) -> Api:
    """The same for tests that only read: made once."""
    return Api(published)
