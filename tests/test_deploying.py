"""docs/deploying.md, typed as it is written."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_bridge.cli import main
from tests.agent.bridge import eventually
from tests.agent.uplink.authority import Authority
from tests.cloud_bridge.identity.yard import Box, Client, refusal
from tests.conftest import ROOT, free_port
from tests.test_documents import Place, blocks

DOCUMENT = ROOT / "docs" / "deploying.md"
VIN = "VF30A5FWTEST00001"


def certificates() -> tuple[str, list[list[str]]]:
    """The settings that are shown, and the commands of the chapter on certificates."""
    return _chapter("[identity]", lambda block: not block.startswith(("podman", "docker")) and " client " not in block)


def partners() -> tuple[str, list[list[str]]]:
    """The same of the chapter on partners."""
    return _chapter("[api.tls]", lambda block: " client " in block)


def _chapter(section: str, wanted: Callable[[str], bool]) -> tuple[str, list[list[str]]]:
    (settings,) = (block for block in blocks(DOCUMENT, "toml") if section in block)
    lines = [line for block in blocks(DOCUMENT, "sh") if wanted(block) for line in block.splitlines()]
    return settings, [shlex.split(line, comments=True) for line in lines]


@pytest.mark.slow
def test_a_vehicle_gets_its_certificate_and_loses_it_as_it_is_written(tmp_path: Path, mosquitto_binary: str) -> None:
    settings, commands = certificates()
    vehicles_port, bridge_port, api_port = free_port(), free_port(), free_port()
    (tmp_path / "bridge.toml").write_text(
        settings.replace("8884", str(bridge_port)) + f"vehicles_port = {vehicles_port}\n[api]\nport = {api_port}\n"
    )
    box = Box(tmp_path / "box", VIN)
    place = Place(tmp_path, {"agent.toml": str(box.config)})
    place.type(["canlift-bridge", "fleet", "add", "Vans", "--id", "vans", "--config", "bridge.toml"])
    place.type(["canlift-bridge", "vehicle", "add", VIN, "--model", "peugeot-comfort-2004", "--fleet", "vans",
                "--config", "bridge.toml"])  # fmt: skip
    processes: list[subprocess.Popen[str]] = []
    try:
        for words in commands:
            if words[0] == "mosquitto":
                configuration = tmp_path / words[2]
                configuration.write_text(f"user root\n{configuration.read_text()}")
                processes.append(subprocess.Popen([mosquitto_binary, *words[1:]], cwd=tmp_path, text=True))
            elif words[1] == "serve":
                processes.append(place.start(words))
                assert eventually(lambda: main(["health", "--config", str(tmp_path / "bridge.toml")]) == 0, 60)
            elif words[1:3] == ["vehicle", "revoke"]:
                vehicle = Client(vehicles_port, box.context(), VIN)
                assert vehicle.let_in
                reload = f'reload = ["kill", "-HUP", "{processes[0].pid}"]'
                config = tmp_path / "bridge.toml"
                config.write_text(config.read_text().replace("[identity]\n", f"[identity]\n{reload}\n"))
                place.type(words)
                assert vehicle.ended.wait(30)
                assert refusal(box, vehicles_port) == "SSLV3_ALERT_CERTIFICATE_REVOKED"
            else:
                place.type(words)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert (tmp_path / "bench" / "vehicle.key").exists()


@pytest.mark.slow
def test_a_partner_is_bound_to_certificates_as_it_is_written(tmp_path: Path) -> None:
    settings, commands = partners()
    (tmp_path / "bridge.toml").write_text(settings)
    authority = Authority(tmp_path, "clients")
    for name in ("partner", "next"):
        (tmp_path / f"{name}.pem").write_bytes(authority.issue(name, "partner").certificate.read_bytes())
    replaced: dict[str, str] = {}
    place = Place(tmp_path, replaced)
    place.type(["canlift-bridge", "fleet", "add", "Vans", "--id", "vans", "--config", "bridge.toml"])
    listing = ["canlift-bridge", "client", "list", "--json", "--config", "bridge.toml"]
    for words, bound in zip(commands, (1, 2), strict=True):
        place.type(words)
        (client,) = json.loads(place.type(listing))
        replaced["CLIENT_ID"] = client["client_id"]
        assert len(client["certificates"]) == bound
