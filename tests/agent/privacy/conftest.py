"""The vehicle that tests of privacy are about, compiled once."""

from __future__ import annotations

import pytest

from agent.plan.plan import Plan
from tests.agent.privacy import world


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return world.plan(tmp_path_factory.mktemp("world"))
