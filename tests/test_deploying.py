"""docs/deploying.md, typed as it is written."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from cloud_bridge.cli import main
from tests.agent.bridge import eventually
from tests.agent.uplink.authority import Authority
from tests.cloud_bridge.identity.yard import Box, Client, refusal
from tests.conftest import ROOT, free_port
from tests.documents import Shown, blocks, words
from tests.place import Place

VIN = "VF30A5FWTEST00001"
FLEET = "canlift-bridge fleet add Vans --id vans --config bridge.toml"


def settings(section: str) -> str:
    """The block that shows them."""
    (text,) = (block.text for block in blocks(ROOT / "docs" / "deploying.md") if section in block.text)
    return text


@pytest.mark.slow
@pytest.mark.types("docs/deploying.md", "Vehicles with certificates")
@pytest.mark.usefixtures("mosquitto_binary")
def test_a_vehicle_gets_its_certificate_and_loses_it_as_it_is_written(tmp_path: Path, shown: Shown) -> None:
    vehicles_port, bridge_port, api_port = free_port(), free_port(), free_port()
    ours = settings("[identity]").replace("8884", str(bridge_port))
    ports = f"vehicles_port = {vehicles_port}\n[api]\nport = {api_port}\n"
    (tmp_path / "bridge.toml").write_text(ours + ports)
    box = Box(tmp_path / "box", VIN)
    place = Place(tmp_path, {"agent.toml": str(box.config)})
    place.type(FLEET)
    place.type(f"canlift-bridge vehicle add {VIN} --model peugeot-comfort-2004 --fleet vans --config bridge.toml")
    processes: list[subprocess.Popen[str]] = []
    try:
        for command in shown:
            program, *typed = words(command)
            if program == "sh":
                configuration = tmp_path / Path(typed[0]).with_name("mosquitto.conf")
                configuration.write_text(f"user root\n{configuration.read_text()}")
                processes.append(subprocess.Popen(["sh", *typed], cwd=tmp_path, text=True))
            elif typed[0] == "serve":
                processes.append(place.start(command))
                assert eventually(lambda: main(["health", "--config", str(tmp_path / "bridge.toml")]) == 0, 60)
            elif typed[:2] == ["vehicle", "revoke"]:
                vehicle = Client(vehicles_port, box.context(), VIN)
                assert vehicle.let_in
                place.type(command)
                assert vehicle.ended.wait(30)
                assert refusal(box, vehicles_port) == "SSLV3_ALERT_CERTIFICATE_REVOKED"
            else:
                place.type(command)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert (tmp_path / "bench" / "vehicle.key").exists()


@pytest.mark.slow
@pytest.mark.types("docs/deploying.md", "HTTPS, and partners with certificates")
def test_a_partner_is_bound_to_certificates_as_it_is_written(tmp_path: Path, shown: Shown) -> None:
    (tmp_path / "bridge.toml").write_text(settings("[api.tls]"))
    authority = Authority(tmp_path, "clients")
    for name in ("partner", "next"):
        (tmp_path / f"{name}.pem").write_bytes(authority.issue(name, "partner").certificate.read_bytes())
    replaced: dict[str, str] = {}
    place = Place(tmp_path, replaced)
    place.type(FLEET)
    listing = "canlift-bridge client list --json --config bridge.toml"
    for command, bound in zip(shown, (1, 2), strict=True):
        place.type(command)
        (client,) = json.loads(place.type(listing))
        replaced["CLIENT_ID"] = client["client_id"]
        assert len(client["certificates"]) == bound
