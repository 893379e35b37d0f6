"""Captive portals: whoever answers in the broker's place is told nothing, and who looks is told who it may be."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.cli import main
from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.live.run import run
from agent.plan.compiling import compile_plan
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.health import HealthSettings
from agent.settings.uplink import Tls
from agent.uplink.uplink import Uplink
from contract.configuration import Duration
from tests.agent.bridge import Bridge, eventually
from tests.agent.uplink.quick import PATIENT, VIN, fill, settings
from tests.beds.portal import portal
from tests.certificates import Authority
from tests.conftest import ROOT, Mosquitto, free_port

PROFILE = ROOT / "config" / "vehicles" / "demo-car.toml"
A_PORTAL = "another service, or a captive portal"


@pytest.mark.parametrize(
    ("shows_a_certificate", "said"),
    [(False, "what answers there does not speak TLS"), (True, "the broker's certificate is not believed")],
)
def test_a_portal_is_named_in_log_and_status_told_nothing_and_asked_ever_more_seldom(
    shows_a_certificate: bool,
    said: str,
    tmp_path: Path,
    journal: Journal,
    manifests: Manifests,
    caplog: pytest.LogCaptureFixture,
) -> None:
    authority = Authority(tmp_path)
    own = authority.certificate(VIN)
    tls = Tls(authority.file, own, own)
    (tmp_path / "portal").mkdir()
    certificate = Authority(tmp_path / "portal").certificate("127.0.0.1") if shows_a_certificate else None
    port = free_port()
    fill(journal, range(3))
    patience = {"connect_timeout": PATIENT, "longest_backoff": Duration(60_000)}
    chosen = settings(port, tls=tls, first_backoff=Duration(100), **patience)
    with portal(port, certificate) as somebody:
        with Uplink(VIN, chosen, journal, manifests, time.monotonic) as uplink:
            assert eventually(lambda: somebody.visits >= 4)
            visits = somebody.visits
            time.sleep(1)
            assert somebody.visits - visits <= 8
            assert eventually(lambda: said in uplink.failure)
            assert A_PORTAL in uplink.failure
            assert journal.depth == 3
        assert said in caplog.text
        # A greeting of TLS at most, and under TLS nothing.
        assert VIN.encode() not in somebody.told
        assert somebody.told == b"" if shows_a_certificate else somebody.told.startswith(b"\x16\x03")


def test_without_tls_a_portal_is_named_and_left_when_the_broker_is_back(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests, caplog: pytest.LogCaptureFixture
) -> None:
    keys = fill(journal, range(3))
    mosquitto.kill()
    with Uplink(VIN, settings(mosquitto.port), journal, manifests, time.monotonic) as uplink:
        with portal(mosquitto.port) as somebody:
            assert eventually(lambda: "does not speak MQTT" in caplog.text)
            assert f"what answers there does not speak MQTT: {A_PORTAL}" in caplog.text
            # Who we are, and nothing that was collected.
            assert b"PUBLISH" not in somebody.told
            assert len(somebody.told) < 100 * somebody.visits
        mosquitto.start()
        with Bridge(mosquitto.port) as bridge:
            assert eventually(lambda: uplink.settled)
            assert set(bridge.held) == keys


def test_the_status_of_a_running_agent_names_the_portal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port, socket = free_port(), tmp_path / "status.sock"
    config = tmp_path / "agent.toml"
    config.write_text(f'[health]\nstatus_socket = "{socket}"\n')
    chosen = Settings(
        state=tmp_path / "state",
        buses={"can0": BusSettings("canlift-portal", "virtual")},
        uplink=settings(port),
        health=replace(HealthSettings(), status_socket=socket),
    )
    stop = threading.Event()
    running = threading.Thread(target=run, args=(VIN, chosen, compile_plan(PROFILE), stop), kwargs={"drain_s": 0})
    with portal(port) as somebody:
        running.start()
        try:
            assert eventually(lambda: somebody.visits >= 2)
            printed = ""

            def named() -> bool:
                nonlocal printed
                main(["status", "--once", "--config", str(config)])
                printed = " ".join(capsys.readouterr().out.split())
                return A_PORTAL in printed

            assert eventually(named), printed
            assert "no broker" in printed
        finally:
            stop.set()
            running.join(60)
