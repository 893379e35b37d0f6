"""A command line with settings and a profile, and a fleet of one vehicle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud_bridge.cli.command_line import CommandLine
from tests.cloud_bridge.vehicle import MODEL, VIN


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


@pytest.fixture
def fleet(run: CommandLine) -> str:
    """A fleet with one vehicle."""
    made = run("fleet", "add", "Vans of the north", "--description", "all of them")
    run("vehicle", "add", VIN, "--model", MODEL, "--fleet", made)
    return made
