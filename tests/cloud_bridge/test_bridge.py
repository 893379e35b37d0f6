"""The whole bridge on a real broker, in this process and as one that can be killed."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
from msgspec.structs import replace
from paho.mqtt.enums import CallbackAPIVersion

from cloud_bridge.access.secrets import hash_secret
from cloud_bridge.bridge import Bridge
from cloud_bridge.clock import clock_ms
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.mqtt.connection import leave
from cloud_bridge.services import Service
from cloud_bridge.settings import Api, Database, Mqtt, Settings, Vehicles
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import Client, Fleet, Vehicle
from contract.topics import UP, topic
from contract.wire import digest
from tests.agent.bridge import eventually
from tests.cloud_bridge.fleet_of_one import PATIENCE_S, Sender
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, OTHER_VIN, VIN, Boot, write_profile
from tests.conftest import ROOT, Mosquitto

BOOT = Boot()
SECRET = "correct horse"


def settings_for(folder: Path, mqtt: Mqtt) -> Settings:
    profiles = write_profile(folder / "vehicles")
    return Settings(mqtt, Database(folder / "bridge.db"), Api(port=0), Vehicles(profiles))


def register(settings: Settings) -> None:
    storage = Storage(settings)
    storage.registry.add_fleet(Fleet("f1", "One", "", 1, 1))
    for number, vin in enumerate((VIN, OTHER_VIN)):
        storage.registry.add_vehicle(Vehicle(f"{number:040x}", vin, MODEL, "Canlift", "Thermic", 1, 1), ["f1"])
    storage.registry.add_client(Client("c1", "me", hash_secret(SECRET), ("f1",)), 1)
    storage.close()


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto) -> Settings:
    made = settings_for(tmp_path, Mqtt(port=mosquitto.port))
    register(made)
    return made


@pytest.fixture
def bridge(settings: Settings) -> Iterator[Bridge]:
    running = Bridge(settings)
    running.start()
    yield running
    running.stop()


def uploads(count: int) -> dict[int, bytes]:
    return {sequence: BOOT.payload(sequence) for sequence in range(count)}


def stored(settings: Settings) -> set[int]:
    connection = sqlite3.connect(settings.database.path)
    found = {sequence for (sequence,) in connection.execute("SELECT sequence FROM upload")}
    connection.close()
    return found


async def ask(bridge: Bridge, path: str, **query: str) -> httpx.Response:
    transport = httpx.ASGITransport(bridge.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge", auth=("me", SECRET)) as client:
        return await client.get(f"/connectedcar/v3{path}", params={"client_id": "c1", **query})


@pytest.mark.parametrize("mqtt", [Mqtt(), Mqtt(shared=False), Mqtt(protocol=4, shared=False)])
def test_what_a_vehicle_sends_is_receipted_and_read_over_the_api(
    tmp_path: Path, mosquitto: Mosquitto, mqtt: Mqtt
) -> None:
    settings = settings_for(tmp_path, replace(mqtt, port=mosquitto.port))
    register(settings)
    bridge = Bridge(settings)
    bridge.start()
    try:
        with Sender(mosquitto.port, BOOT.id, uploads(20)) as sender:
            sender.wait_receipted()
            assert eventually(lambda: bridge.storage.reader.status(VIN) is not None)
        assert sender.manifests_sent >= 1
        assert bridge.settle(PATIENCE_S)
        answer = asyncio.run(ask(bridge, f"/fleets/f1/vehicles/{0:040x}/status"))
        assert answer.status_code == 200
        assert answer.json()["odometer"]["mileage"] == pytest.approx(100_001.9)
    finally:
        bridge.stop()


def test_a_restart_gives_no_client_a_new_day(settings: Settings) -> None:
    storage = Storage(settings)
    storage.registry.limit_client("c1", 3, None)
    storage.close()
    statuses = []
    for _ in range(2):
        bridge = Bridge(settings)
        bridge.start()
        try:
            statuses += [asyncio.run(ask(bridge, "/fleets")).status_code for _ in range(2)]
        finally:
            bridge.stop()
    assert statuses == [200, 200, 200, 429]


def test_what_was_refused_does_not_come_back(bridge: Bridge, mosquitto: Mosquitto) -> None:
    payloads = uploads(3) | {3: b"no upload at all", 4: Boot(vin=OTHER_VIN).payload(4)}
    with Sender(mosquitto.port, BOOT.id, payloads) as sender:
        sender.wait_receipted()
    assert sender.refused == {digest(payloads[3]), digest(payloads[4])}
    assert bridge.storage.receiving.intake(VIN).refusals == {"malformed": 1, "vin_mismatch": 1}


def test_what_nobody_reads_is_derived_soon(bridge: Bridge, settings: Settings, mosquitto: Mosquitto) -> None:
    with Sender(mosquitto.port, BOOT.id, uploads(3)) as sender:
        sender.wait_receipted()
        connection = sqlite3.connect(settings.database.path)
        assert eventually(lambda: connection.execute("SELECT count(*) FROM status").fetchone() == (1,))
        connection.close()
    assert bridge.subscription.connected.is_set()


def test_the_broker_may_die_and_come_back(bridge: Bridge, settings: Settings, mosquitto: Mosquitto) -> None:
    assert bridge.subscription.connected.wait(60)
    with Sender(mosquitto.port, BOOT.id, uploads(1500)) as sender:
        for _ in range(2):
            time.sleep(0.3)
            mosquitto.kill()
            mosquitto.start()
        sender.wait_receipted()
    assert stored(settings) == set(range(1500))


def test_a_bridge_that_starts_asks_for_the_manifests_it_lacks(settings: Settings, mosquitto: Mosquitto) -> None:
    storage = Storage(settings)
    Ingest(storage.receiving, lambda: EPOCH_MS).commit([Delivery(topic(VIN, UP), BOOT.payload(0))])
    storage.close()
    with Sender(mosquitto.port, BOOT.id, {}) as sender:
        assert sender.subscribed.wait(PATIENCE_S)
        bridge = Bridge(settings)
        bridge.start()
        try:
            assert eventually(lambda: bridge.storage.reader.status(VIN) is not None)
        finally:
            bridge.stop()


def test_while_the_disk_is_full_nothing_is_receipted_and_afterwards_everything_is(
    bridge: Bridge, settings: Settings, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with bridge.storage.database.write() as writer:
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages}")
    with Sender(mosquitto.port, BOOT.id, uploads(300)) as sender:
        assert eventually(lambda: "disk is full" in caplog.text)
        receipted = set(range(300)) - sender.waiting
        assert receipted < set(range(300))
        assert receipted <= stored(settings)
        assert eventually(lambda: stored(settings) == set(range(300)) - sender.waiting)
        with bridge.storage.database.write() as writer:
            writer.execute("PRAGMA max_page_count = 1000000")
        sender.wait_receipted()
    assert stored(settings) == set(range(300))


def test_uploads_wait_while_another_program_writes(bridge: Bridge, settings: Settings, mosquitto: Mosquitto) -> None:
    assert bridge.subscription.connected.wait(60)
    elsewhere = sqlite3.connect(settings.database.path, timeout=PATIENCE_S)
    elsewhere.execute("BEGIN IMMEDIATE")
    with Sender(mosquitto.port, BOOT.id, uploads(20)) as sender:
        assert eventually(lambda: not bridge.subscription.wait_idle(0))
        assert sender.waiting == set(range(20))
        elsewhere.execute("ROLLBACK")
        elsewhere.close()
        sender.wait_receipted()


@contextmanager
def vehicle(broker: Mosquitto) -> Iterator[Callable[[bytes], None]]:
    """Publishes an upload once, whatever becomes of it, and returns when the broker has it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, VIN)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield lambda payload: client.publish(topic(VIN, UP), payload, qos=1).wait_for_publish(PATIENCE_S)
    leave(client)


class Process:
    """`canlift-bridge serve` as its own process."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        config = folder / "bridge.toml"
        config.write_text(
            f'[mqtt]\nport = {settings.mqtt.port}\n[database]\npath = "bridge.db"\n[api]\nport = 0\n'
            '[vehicles]\nprofiles = "vehicles"\n'
        )
        self._command = [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(config)]
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        return self.process

    def address(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://[\d.:]+", line)
        assert found is not None, line
        return found[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.slow
def test_killing_the_bridge_at_any_moment_loses_nothing_receipted(
    tmp_path: Path, settings: Settings, mosquitto: Mosquitto
) -> None:
    randomly = random.Random(7)
    process = Process(tmp_path, settings)
    try:
        with Sender(mosquitto.port, BOOT.id, uploads(2000)) as sender:
            for _ in range(4):
                process.address()
                time.sleep(randomly.uniform(0.1, 0.6))
                process.kill()
                receipted = set(range(2000)) - sender.waiting
                assert receipted <= stored(settings)
                process.start()
            sender.wait_receipted()
    finally:
        process.kill()
    assert stored(settings) == set(range(2000))


def test_what_was_not_committed_when_the_bridge_died_comes_again_from_the_broker(
    tmp_path: Path, settings: Settings, mosquitto: Mosquitto
) -> None:
    process = Process(tmp_path, settings)
    elsewhere = sqlite3.connect(settings.database.path, timeout=PATIENCE_S)
    try:
        process.address()
        with vehicle(mosquitto) as publish:

            def is_heard() -> bool:
                publish(BOOT.payload(0))
                return bool(stored(settings))

            assert eventually(is_heard)
            elsewhere.execute("BEGIN IMMEDIATE")
            publish(BOOT.payload(1))
            time.sleep(0.5)
        process.kill()
        elsewhere.execute("ROLLBACK")
        assert stored(settings) == {0}
        process.start()
        assert eventually(lambda: stored(settings) == {0, 1})
    finally:
        elsewhere.close()
        process.kill()


@pytest.mark.slow
def test_sigterm_ends_it_in_order_within_ten_seconds(tmp_path: Path, settings: Settings, mosquitto: Mosquitto) -> None:
    process = Process(tmp_path, settings)
    try:
        address = process.address()
        with Sender(mosquitto.port, BOOT.id, uploads(2000)) as sender:
            sender.wait_receipted()
            credentials = base64.b64encode(f"me:{SECRET}".encode()).decode()
            answer = httpx.get(
                f"{address}/connectedcar/v3/fleets",
                params={"client_id": "c1"},
                headers={"Authorization": f"Basic {credentials}"},
            )
            assert answer.json()["_links"]["self"]["href"].startswith(address)
            process.process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            assert process.process.wait(60) == 0
            assert time.monotonic() - began_s < 10
    finally:
        process.kill()
    assert stored(settings) == set(range(2000))


def test_a_bridge_deletes_by_itself_what_is_older_than_it_is_kept(settings: Settings) -> None:
    storage = Storage(settings)
    old, new = BOOT.payload(0), BOOT.payload(1)
    Ingest(storage.receiving, lambda: EPOCH_MS).commit([Delivery(topic(VIN, UP), old)])
    Ingest(storage.receiving, clock_ms).commit([Delivery(topic(VIN, UP), new)])
    storage.close()
    bridge = Bridge(settings, first_prune_s=0)
    bridge.start()
    try:
        with sqlite3.connect(settings.database.path) as connection:
            assert eventually(lambda: connection.execute("SELECT count(*) FROM upload").fetchone() == (1,))
            assert connection.execute("SELECT payload FROM upload").fetchone() == (new,)
        connection.close()
    finally:
        bridge.stop()


def test_a_service_that_the_settings_do_not_have_is_named_at_the_start(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Storage(settings)
    storage.registry.subscribe(VIN, ("care", "gone"), 1)
    storage.close()
    bridge = Bridge(replace(settings, services={"care": Service(("maintenance",))}))
    assert (
        f"vehicle {VIN} has a service gone that is not in [services] of the settings: it shows nothing" in caplog.text
    )
    assert "care" not in caplog.text
    bridge.storage.close()
