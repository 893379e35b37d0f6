"""A box whose clock is wrong and to which everything is plugged in late, pulled out and plugged in again: CAN at a bit
rate, right and wrong, a receiver, a modem. One machine for all, from top to bottom.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from agent.health.snapshot import GnssHealth, Health
from contract.anchor import AnchorSource
from contract.manifest import decode_manifest
from contract.upload import decode_upload, read_header
from tests.agent.remote.cloud import Cloud
from tests.beds.box.tree import VIN
from tests.beds.far import PLAIN_PORT
from tests.beds.full.bench import PATIENCE_S, UNIT, Bench, bench
from tests.beds.full.serial import Adapter, Receiver, UsbModem, port
from tests.beds.uml import INSIDE
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="this is another bed")]

SETTINGS = f"""
[gnss]
port = "{port("gnss")}"
[modem]
port = "{port("modem")}"
every = "1s"
"""
GONE = "bus can0: can0: (No such device|Network is down)"
"""Of an interface that goes, whichever is met first is said."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, mosquitto_binary: str) -> Iterator[Bench[Cloud]]:
    folder = tmp_path_factory.mktemp("full")
    names = ("gnss", "modem", "adapter")
    with bench(folder, mosquitto_binary, lambda: Cloud(PLAIN_PORT), serial=names) as made:
        yield made


def status(box: Bench[Cloud], holds: Callable[[Health], bool] = lambda _: True) -> Health:
    """What the agent says of itself, once it is so."""

    def read(said: str) -> Health:
        return msgspec.json.decode(said, type=Health)

    return read(box.box.until("canlift-agent status --json", lambda said: holds(read(said)), PATIENCE_S))


def hears(box: Bench[Cloud]) -> list[bytes]:
    """The drive begins anew on the wire, and what is made of it arrives: these uploads."""
    before = set(box.bridge.held)
    box.box.does("systemctl restart drive")
    box.takes(lambda bridge: len(bridge.held) > len(before) + 1)
    return [payload for key, payload in list(box.bridge.held.items()) if key not in before]


def dated_s(payload: bytes) -> float:
    """When an upload ended, in Unix seconds."""
    header = read_header(payload)
    assert header.anchor is not None
    return (header.anchor.utc_ms + header.end_ms - header.anchor.at_ms) / 1000


def latitudes(box: Bench[Cloud], payloads: list[bytes]) -> list[float]:
    """Those that uploads have, in degrees."""
    manifest = decode_manifest(box.bridge.manifests[-1])
    found = []
    for payload in payloads:
        for grid in decode_upload(payload, manifest).grids:
            for signal, column in zip(manifest.groups[grid.group].signals, grid.columns, strict=True):
                if signal.name == "GNSS.Latitude":
                    found += [raw * signal.scale + signal.offset for raw in column if raw is not None]
    return found


def position_and_time_are_right(box: Bench[Cloud], fixes: int) -> None:
    """Of what the receiver says from now on; it has said `fixes` so far."""
    status(box, lambda health: gnss(health).fixes > fixes + 3)
    status(box, lambda health: health.clock is not None and health.clock.source == "gnss")
    uploads = hears(box)
    found = latitudes(box, uploads)
    assert found
    assert all(abs(latitude - 48.858333) < 1e-6 for latitude in found)
    anchor = read_header(uploads[-1]).anchor
    assert anchor is not None
    assert anchor.source is AnchorSource.GNSS
    assert abs(dated_s(uploads[-1]) - time.time()) < PATIENCE_S


def reconfigure(box: Bench[Cloud]) -> None:
    box.box.does("networkctl reconfigure can0")


def gnss(health: Health) -> GnssHealth:
    assert health.gnss is not None
    return health.gnss


def answers(health: Health) -> bool:
    assert health.modem is not None
    return health.modem.answering


def test_a_service_without_bus_receiver_modem_and_clock_is_up_and_says_what_it_waits_for(box: Bench[Cloud]) -> None:
    assert box.box.does("systemctl is-system-running --wait", PATIENCE_S) == "running\n"
    box.set(VIN, "demo-car", SETTINGS)
    assert box.box.does(f"systemctl is-active {UNIT}") == "active\n"
    box.says("bus can0: can0: No such device")
    for what in (f"GNSS receiver: {port('gnss')}: ", f"modem: {port('modem')}: "):
        box.says(f"{what}[Errno 2] could not open port")
    health = status(box)
    assert not health.buses["can0"].open
    assert health.gnss is not None
    assert not health.gnss.open
    assert health.modem is not None
    assert not health.modem.answering
    assert health.clock is not None
    assert health.clock.source is None


def test_a_bus_that_comes_late_gets_the_shipped_bit_rate_and_is_heard(box: Bench[Cloud]) -> None:
    box.says_next("bus can0: can0 is there again", box.box.plug_can)
    said = box.box.does("ip -details link show can0")
    for text in ("bitrate 500000", "restart-ms 100", "<LISTEN-ONLY>", "ERROR-ACTIVE", "state UP"):
        assert text in said, said
    box.bridge.wanted = (read_header(hears(box)[0]).manifest,)
    assert status(box).buses["can0"].frames > 0
    assert box.bridge.refused == []


def test_with_a_flat_battery_what_is_collected_is_dated_by_the_bridge(box: Bench[Cloud]) -> None:
    status(box, lambda health: health.clock is not None and health.clock.source == "bridge")
    uploads = hears(box)
    for upload in uploads:
        assert abs(dated_s(upload) - time.time()) < PATIENCE_S
    assert time.time() - float(box.box.does("date +%s")) > 86_400


def test_a_bus_that_is_pulled_out_is_named_and_heard_again_once_it_is_back(box: Bench[Cloud]) -> None:
    box.says_next(GONE, box.box.unplug_can)
    status(box, lambda health: not health.buses["can0"].open)
    box.says_next("bus can0: can0 is there again", box.box.plug_can)
    hears(box)
    assert "bitrate 500000" in box.box.does("ip -details link show can0")
    assert box.box.does(f"systemctl show -p NRestarts --value {UNIT}") == "0\n"


def test_a_receiver_and_a_modem_that_come_late_are_heard_and_again_after_they_were_out(box: Bench[Cloud]) -> None:
    receiver, modem = Receiver(box.folder / "gnss"), UsbModem(box.folder / "modem")
    with modem, receiver:
        health = status(box, answers).modem
        assert health is not None
        assert (health.operator, health.registration) == ("20801", "Home")
        position_and_time_are_right(box, 0)
        box.says_next(f"GNSS receiver: {port('gnss')}: ", receiver.unplug)
        box.says_next(f"modem: {port('modem')}: ", modem.unplug)
        fixes = gnss(status(box, lambda health: not gnss(health).open and not answers(health))).fixes
        box.says_next(f"modem: {port('modem')} is open again", modem.plug)
        box.says_next(f"GNSS receiver: {port('gnss')} is open again", receiver.plug)
        position_and_time_are_right(box, fixes)
        status(box, answers)


def test_a_wrong_bit_rate_is_named_with_the_remedy_and_the_right_one_mends_it(box: Bench[Cloud]) -> None:
    """By a serial adapter that knows its bit rate: QEMU's wire carries frames at any."""
    box.says_next(GONE, box.box.unplug_can)
    (serial,) = re.findall(r"(?m)^\[CAN\]\nRestartSec=0\n", (ROOT / "docs/raspberry-pi.md").read_text())
    box.put("/etc/systemd/network/80-can0.network.d/serial.conf", serial)
    box.box.does("networkctl reload")
    with Adapter(box.folder / "adapter", bus_rate=250_000) as adapter:
        box.box.until(f"ls {port('adapter')}", f"{port('adapter')}\n".__eq__)
        box.box.does(f"slcand {port('adapter')} can0")
        box.says("bus can0: can0: nothing but error frames for 30 s: is the interface's bit rate that of the vehicle's")
        assert adapter.rate == 500_000
        status(box, lambda health: health.buses["can0"].only_errors)
        shown = " ".join(box.box.does("canlift-agent status --once").split())
        assert "is its bit rate that of the vehicle?" in shown
        box.box.does("sed -i s/BitRate=500K/BitRate=250K/ /etc/systemd/network/80-can0.network; networkctl reload")
        reconfigure(box)
        box.says("bus can0: can0 speaks again")
        assert adapter.rate == 250_000
        status(box, lambda health: not health.buses["can0"].only_errors)
        box.says_next("bus can0: the controller reports: bus off", adapter.leave)
        assert status(box).buses["can0"].bus_off == 1
        box.says_next("bus can0: can0 is up again", lambda: reconfigure(box))
