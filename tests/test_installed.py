"""Installed from a wheel, each side stands alone: without the other side's packages, and with the profiles in it."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT, absent
from tests.documents import Shown, words
from tests.persisting import persisting

VIN = "VF30A5FWTEST00001"


class Installed:
    """A virtual environment with one extra of canlift in it, used from a folder that has nothing to do with it."""

    def __init__(self, folder: Path, command: str) -> None:
        """`command` of the README is typed in the checkout."""
        self._bin = folder / "venv" / "bin"
        self._elsewhere = folder / "elsewhere"
        self._elsewhere.mkdir()
        venv.create(folder / "venv", with_pip=True)
        program, *typed = words(command)

        def install() -> None:
            pip = self.run(program, *typed, "-q", "--no-input", "--retries", "1", folder=ROOT)
            if pip.returncode:
                raise RuntimeError(pip.stderr)

        try:
            persisting(install)
        except RuntimeError as failed:
            absent(f"needs a package index: {failed}")

    def run(self, program: str, *typed: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        command = [str(self._bin / program), *typed]
        return subprocess.run(command, cwd=folder or self._elsewhere, env=environment, capture_output=True, text=True)

    def says(self, program: str, *typed: str) -> str:
        done = self.run(program, *typed)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def lacks(self, *modules: str) -> bool:
        code = "import sys, importlib.util as i; sys.exit(any(i.find_spec(m) for m in sys.argv[1:]))"
        return self.run("python", "-c", code, *modules).returncode == 0


@pytest.mark.slow
@pytest.mark.types("README.md", "In the vehicle", only="^pip ")
def test_the_vehicle_side_is_installed_without_the_clouds_packages(tmp_path: Path, shown: Shown) -> None:
    agent = Installed(tmp_path, *shown)
    assert agent.lacks("starlette", "uvicorn", "swagger_ui_bundle")
    assert not agent.lacks("can", "cantools")
    assert "replay" in agent.says("canlift-agent", "--help")
    assert "peugeot_comfort_2004.dbc: clean" in agent.says("canlift-agent", "check", "--model", "peugeot-comfort-2004")
    where = ["--vin", VIN, "--model", "demo-car", "--broker", "127.0.0.1:1", "--state", "state", "--timeout", "0.5"]
    replayed = agent.run("canlift-agent", "replay", str(ROOT / "demo" / "drive.log.gz"), *where)
    assert replayed.returncode == 1
    assert "uploads are kept" in replayed.stderr
    assert "uploads" in agent.says("canlift-agent", "journal", "state")


@pytest.mark.slow
@pytest.mark.types("README.md", "In the cloud", only="^pip ")
def test_the_cloud_side_is_installed_without_the_vehicles_packages(tmp_path: Path, shown: Shown) -> None:
    bridge = Installed(tmp_path, *shown)
    assert bridge.lacks("can", "cantools", "serial", "pynmeagps")
    assert not bridge.lacks("starlette", "uvicorn")
    bridge.says("canlift-bridge", "fleet", "add", "Mine", "--id", "mine")
    bridge.says("canlift-bridge", "vehicle", "add", VIN, "--model", "peugeot-comfort-2004", "--fleet", "mine")
    assert VIN in bridge.says("canlift-bridge", "vehicle", "list", "--json")
    assert bridge.run("python", "-c", "import cloud_bridge.serve, cloud_bridge.bridge").returncode == 0
