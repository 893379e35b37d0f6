"""These tests are for the bed's kernel: elsewhere they are not collected. `tests.beds.test_beds` starts them there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import can
import pytest

from tests.agent.remote.body import Body
from tests.beds.remote.agent import CHANNEL
from tests.beds.uml import INSIDE

collect_ignore_glob = [] if INSIDE in os.environ else ["test_*.py"]


@pytest.fixture(scope="module")
def body() -> Iterator[Body]:
    """On the bus from before the agent reads it."""
    made = Body(lambda: can.Bus(CHANNEL, "socketcan"))
    yield made
    made.close()
