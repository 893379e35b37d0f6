"""A yard with two vehicles, and its broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud_bridge.identity.yard import Yard


@pytest.fixture
def yard(tmp_path: Path, mosquitto_binary: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Yard]:
    made = Yard(tmp_path, mosquitto_binary)
    made.furnish()
    capsys.readouterr()
    yield made
    made.stop_broker()


@pytest.fixture
def open_yard(yard: Yard) -> Yard:
    """With its broker running."""
    yard.start_broker()
    return yard
