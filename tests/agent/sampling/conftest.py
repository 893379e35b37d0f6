"""The plan of the model, for tests that have none of their own."""

from __future__ import annotations

import pytest

from agent.plan.plan import Plan
from tests.agent import model


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return model.plan(tmp_path_factory.mktemp("model"))
