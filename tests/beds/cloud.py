"""Broker and bridge, set up by `canlift-bridge` as in the field, here or behind a link; and boxes enrolled there."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from agent.cli import main as agent
from cloud_bridge.cli import main as bridge
from tests.agent.bridge import eventually
from tests.beds.mortal import mortal
from tests.conftest import ROOT
from tests.e2e.partner import Partner
from tests.e2e.world import FLEET, PROFILES

VEHICLES_PORT = 8883
"""Of the broker, in a network of its own."""
START_S = 60
UPLINK = {
    "receipt_timeout": "6s",
    "connect_timeout": "8s",
    "first_backoff": "200ms",
    "longest_backoff": "3s",
    "keepalive": "20s",
}
"""Where minutes of a day are seconds."""


class Place(Protocol):
    """Where programs run."""

    @property
    def address(self) -> str:
        """As vehicles and partners know it."""

    def there(self, *words: str) -> list[str]:
        """The command that runs these words there."""


@dataclass(frozen=True)
class Here:
    address: str = "127.0.0.1"

    def there(self, *words: str) -> list[str]:
        return list(words)


@dataclass(frozen=True)
class Ports:
    vehicles: int = VEHICLES_PORT
    bridge: int = 8884
    api: int = 8080


@dataclass
class Box:
    """What is on one vehicle's box: its settings, and the key and certificate that it enrolled with."""

    vin: str
    model: str
    folder: Path
    vehicle_id: str

    @property
    def config(self) -> Path:
        return self.folder / "agent.toml"

    @property
    def log(self) -> str:
        """What the agent said, its lines made one."""
        return " ".join((self.folder / "agent.log").read_text().split())

    def run(self, *words: str) -> None:
        with redirect_stdout(io.StringIO()) as printed:
            assert agent([*words, "--config", str(self.config)]) == 0, printed.getvalue()

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Starts an agent."""
        command = mortal(sys.executable, "-m", "agent.cli", *words, "--config", str(self.config))
        with (self.folder / "agent.log").open("wb") as said:
            environment = {**os.environ, "TERM": "dumb"}
            return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said, env=environment)


@dataclass
class Cloud(Partner):
    """`addresses`: others of the broker's, which vehicles know it by; `profiles` are the bridge's."""

    place: Place
    folder: Path
    mosquitto: str
    addresses: tuple[str, ...] = ()
    ports: Ports = Ports()
    profiles: Path = PROFILES
    credentials: tuple[str, str, str] = ("", "", "")
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._config = self.folder / "bridge.toml"
        self._config.write_text(
            f'[mqtt]\nhost = "localhost"\nport = {self.ports.bridge}\ntls = true\nca_file = "identity/services.pem"\n'
            f'cert_file = "identity/bridge.pem"\nkey_file = "identity/bridge.key"\n'
            f"[identity]\nvehicles_port = {self.ports.vehicles}\n"
            f'[api]\nhost = "{self.place.address}"\nport = {self.ports.api}\n[vehicles]\nprofiles = "{self.profiles}"\n'
        )
        self.manage("ca", "init")
        self.manage("fleet", "add", "Fleet", "--id", FLEET)
        made = json.loads(self.manage("client", "add", "--user", "partner", "--fleet", FLEET, "--json"))
        self.credentials = (made["client_id"], made["user"], made["secret"])
        hosts = [word for address in (self.place.address, *self.addresses) for word in ("--host", address)]
        self.manage("broker", "config", *hosts)
        if os.geteuid() == 0:
            # mosquitto would become a user that may not look into the test's folder.
            said = self._broker_config.read_text()
            self._broker_config.write_text(f"user root\n{said}")

    @property
    def _broker_config(self) -> Path:
        return self.folder / "broker" / "mosquitto.conf"

    @property
    def url(self) -> str:
        return f"http://{self.place.address}:{self.ports.api}/connectedcar/v3"

    def manage(self, *words: str) -> str:
        """Runs `canlift-bridge`; what it prints."""
        with redirect_stdout(io.StringIO()) as printed:
            assert bridge([*words, "--config", str(self._config)]) == 0, printed.getvalue()
        return printed.getvalue().strip()

    def box(self, vin: str, model: str, broker: str, **uplink: str) -> Box:
        """A box with a certificate, for a vehicle that is registered. It knows the `broker` by this address; `uplink`
        is more of its settings."""
        vehicle_id = self.manage("vehicle", "add", vin, "--model", model, "--fleet", FLEET)
        box = Box(vin, model, self.folder / vin, vehicle_id)
        profile = self.profiles / f"{model}.toml"
        box.folder.mkdir()
        more = "".join(f'{name} = "{value}"\n' for name, value in uplink.items())
        box.config.write_text(
            f'vin = "{vin}"\nprofile = "{profile if profile.is_file() else model}"\nstate = "state"\n'
            f'[uplink]\nbrokers = ["{broker}:{self.ports.vehicles}"]\n{more}'
            f'[uplink.tls]\nca = "ca.pem"\ncertificate = "vehicle.pem"\nkey = "vehicle.key"\n'
        )
        request, answer = box.folder / "vehicle.csr", box.folder / "answer.pem"
        box.run("enroll", "--request", str(request))
        self.manage("vehicle", "enroll", vin, "--request", str(request), "--out", str(answer))
        box.run("enroll", "--answer", str(answer))
        return box

    def stored(self, box: Box) -> dict[str, Any]:
        """What the bridge holds of a vehicle, as `canlift-bridge vehicle list` says it."""
        vehicles: list[dict[str, Any]] = json.loads(self.manage("vehicle", "list", "--json"))
        return next(vehicle for vehicle in vehicles if vehicle["vin"] == box.vin)

    def start_broker(self) -> None:
        self._start("broker", self.mosquitto, "-c", str(self._broker_config))

    def start_bridge(self) -> None:
        """Returns when it serves."""
        self._start("bridge", *self._program("serve"))
        assert eventually(self._healthy, START_S), self.log("bridge")

    def kill(self, name: str) -> None:
        """`broker` or `bridge`, without a warning."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def end(self) -> None:
        for name in list(self._running):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _start(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            command = mortal(*self.place.there(*words))
            self._running[name] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def _program(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cloud_bridge.cli", *words, "--config", str(self._config)]

    def _healthy(self) -> bool:
        time.sleep(0.2)
        asked = subprocess.run(self.place.there(*self._program("health")), cwd=ROOT, capture_output=True)
        return asked.returncode == 0
