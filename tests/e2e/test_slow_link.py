"""The whole way over the worst link: uplink, TLS with certificates on both sides, packets that are really lost, and the
bridge that takes it in."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.segments import Key
from agent.settings.uplink import Tls, UplinkSettings
from agent.uplink.bridge_time import BridgeTime
from agent.uplink.uplink import Uplink
from cloud_bridge.bridge import Bridge
from cloud_bridge.settings import Clock, Database, Mqtt, Settings, Vehicles
from cloud_bridge.store.port.registry import Fleet, Vehicle
from contract.upload import Anchor
from tests.agent.bridge import eventually
from tests.agent.uplink.authority import Authority
from tests.beds.far import PLAIN_PORT, far_broker
from tests.cloud_bridge.vehicle import MANIFEST_BODY, MODEL, VIN, Boot, encode, write_profile

COUNT = 4
TLS_PORT = 8883
BOOT = Boot(length_s=240)


def payload(sequence: int) -> bytes:
    """Of a drive that nobody can predict: 1.5 kB."""
    chance = random.Random(sequence)
    upload = BOOT.upload(sequence)
    grid = upload.grids[0]
    wild = tuple(tuple(chance.randrange(1 << 14) for _ in column) for column in grid.columns)
    return encode(replace(upload, grids=(replace(grid, columns=wild),)))


def utc_ms(at_ms: int) -> int:
    """What this machine's clock says of a moment of its monotonic clock."""
    return (time.time_ns() - time.monotonic_ns()) // 1_000_000 + at_ms


@contextmanager
def taking_in(settings: Settings) -> Iterator[Bridge]:
    bridge = Bridge(settings)
    bridge.storage.registry.add_fleet(Fleet("f1", "Fleet", "", 1, 1))
    bridge.storage.registry.add_vehicle(Vehicle("1" * 40, VIN, MODEL, "Canlift", "Thermic", 1, 1), ["f1"])
    bridge.start()
    try:
        assert bridge.subscription.connected.wait(60)
        yield bridge
    finally:
        bridge.stop()


@pytest.mark.slow
def test_a_backlog_drains_by_tls_over_64_kbit_s_with_a_fifth_of_the_packets_lost_and_two_seconds_each_way(
    tmp_path: Path, mosquitto_binary: str
) -> None:
    authority = Authority(tmp_path)

    def wants_certificates(address: str) -> str:
        pair = authority.issue("broker", "broker", host=f"IP:{address}")
        return (
            f"listener {TLS_PORT} {address}\ncertfile {pair.certificate}\nkeyfile {pair.key}\n"
            f"cafile {authority.certificate}\nrequire_certificate true\nuse_identity_as_username true\n"
            "tls_version tlsv1.3\n"
        )

    settings = Settings(
        mqtt=Mqtt(port=PLAIN_PORT),
        database=Database(tmp_path / "bridge.db"),
        vehicles=Vehicles(write_profile(tmp_path / "vehicles")),
        clock=Clock(trusted=True),
    )
    tls = Tls(authority.certificate, *authority.issue("vehicle", VIN))
    manifests = Manifests(tmp_path / "manifests")
    manifests.put(MANIFEST_BODY)
    anchors: list[Anchor] = []
    told = BridgeTime(BOOT.id, lambda: time.monotonic_ns() // 1_000_000, anchors.append)
    with (
        far_broker(tmp_path, mosquitto_binary, wants_certificates) as far,
        far.beside(lambda: taking_in(settings)) as bridge,
        Journal(tmp_path / "journal", time.monotonic) as journal,
    ):
        far.be(rate=64_000, loss=0.2, delay_s=2.0)
        for sequence in range(COUNT):
            journal.append(Key(BOOT.id, sequence), payload(sequence))
        chosen = UplinkSettings(brokers=(f"{far.address}:{TLS_PORT}",), tls=tls)
        with Uplink(VIN, chosen, journal, manifests, time.monotonic, told) as uplink:
            assert eventually(lambda: uplink.settled, 400), uplink.counters
            counters = uplink.counters
        assert bridge.settle(60)
        intake, status = bridge.storage.receiving.intake(VIN), bridge.storage.reader.status(VIN)
    assert (intake.uploads, intake.missing, intake.refusals, intake.waiting_for_manifest) == (COUNT, 0, {}, 0)
    assert status is not None
    # What crossed the line is what was needed, not the same again and again.
    assert counters.repeated <= 1
    # A vehicle without a clock knows the time, roughly.
    assert anchors
    assert all(abs(anchor.utc_ms - utc_ms(anchor.at_ms)) <= anchor.uncertainty_ms for anchor in anchors)
