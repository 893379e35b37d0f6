"""Everything at once, as processes: a broker, the bridge, agents; and a partner who asks the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.conftest import ROOT, Mosquitto, free_port
from tests.e2e.partner import Partner

PROFILES = ROOT / "config" / "vehicles"
FLEET = "f1"
START_S = 90
"""How long a process may take to be there: the machines that run this are shared."""


@dataclass
class World(Partner):
    """One bridge on SQLite in `folder`, behind `broker`."""

    folder: Path
    broker: Mosquitto
    api_port: int = field(default_factory=free_port)
    bridge: subprocess.Popen[bytes] | None = None
    credentials: tuple[str, str, str] = ("", "", "")
    """client_id, user, secret"""
    vehicle_ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self.folder / "bridge.toml"
        self.config.write_text(
            f'[mqtt]\nport = {self.broker.port}\n[api]\nport = {self.api_port}\n[vehicles]\nprofiles = "{PROFILES}"\n'
        )
        self.manage("fleet", "add", "Test fleet", "--id", FLEET)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}/connectedcar/v3"

    def manage(self, *arguments: str) -> str:
        """Runs `canlift-bridge`; returns what it prints."""
        command = [sys.executable, "-m", "cloud_bridge.cli", *arguments, "--config", str(self.config)]
        return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()

    def add_vehicle(self, vin: str, model: str) -> str:
        """Registers a vehicle; its id."""
        return self.manage("vehicle", "add", vin, "--model", model, "--fleet", FLEET)

    def add_client(self) -> None:
        words = ("--user", "partner", "--fleet", FLEET, "--remote", "all", "--json")
        made = json.loads(self.manage("client", "add", *words))
        self.credentials = (made["client_id"], made["user"], made["secret"])

    def start_bridge(self) -> None:
        with (self.folder / "bridge.log").open("ab") as log:
            self.bridge = subprocess.Popen(
                [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(self.config)],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{self.api_port}/health").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError(f"the bridge did not start within {START_S} s:\n{self.bridge_log()}")

    def kill_bridge(self) -> None:
        if self.bridge is not None:
            self.bridge.kill()
            self.bridge.wait()
            self.bridge = None

    def stop_bridge(self) -> int:
        """Asks it to end; its exit status."""
        assert self.bridge is not None
        self.bridge.terminate()
        status = self.bridge.wait(START_S)
        self.bridge = None
        return status

    def bridge_log(self) -> str:
        path = self.folder / "bridge.log"
        return path.read_text() if path.exists() else ""

    def replay(self, log: Path, vin: str, model: str, *options: str) -> subprocess.Popen[str]:
        """Starts an agent that replays `log`."""
        command = [sys.executable, "-m", "agent.cli", "replay", str(log), "--vin", vin, "--model", model]
        command += ["--broker", f"127.0.0.1:{self.broker.port}", "--state", str(self.folder / "state"), *options]
        environment = {**os.environ, "TERM": "dumb"}
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def drive(self, log: Path, vin: str, model: str, *options: str, within_s: float = 120) -> str:
        """Replays `log` to its end, with every upload receipted; what the agent printed."""
        agent = self.replay(log, vin, model, *options)
        printed, _ = agent.communicate(timeout=within_s)
        assert agent.returncode == 0, printed
        return printed
