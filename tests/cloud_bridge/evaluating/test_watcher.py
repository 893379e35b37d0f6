"""What monitors watch is derived and evaluated at once; nothing that others do is overlooked."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_bridge.evaluating.watcher import Watcher
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.settings import Database, Settings, Vehicles
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import Fleet, Theft, Vehicle
from contract.topics import MANIFEST, UP, topic
from tests.cloud_bridge.evaluating.world import FAST, OIL, STOLEN
from tests.cloud_bridge.monitors.bodies import Body, body
from tests.cloud_bridge.monitors.kept import Kept
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, MODEL, OTHER_VIN, VIN, Boot, write_profile

BOOT = Boot()
PATIENCE_S = 60.0


class Running:
    """A bridge's watcher at work, and vehicles that send to it."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(database=Database(folder / "bridge.db"), vehicles=Vehicles(write_profile(folder / "cars")))
        self.storage = Storage(settings)
        self.storage.registry.add_fleet(Fleet("f1", "", "", 1, 1))
        self.storage.registry.add_fleet(Fleet("f2", "", "", 1, 1))
        for number, (vin, fleet) in enumerate(((VIN, "f1"), (OTHER_VIN, "f2"))):
            vehicle = Vehicle(f"{number:040x}", vin, MODEL, "", "Thermic", 1, 1)
            self.storage.registry.add_vehicle(vehicle, [fleet])
        self.ingest = Ingest(self.storage.receiving, lambda: EPOCH_MS + 10_000_000)
        for vin in (VIN, OTHER_VIN):
            self.ingest.commit([Delivery(topic(vin, MANIFEST), MANIFEST_BODY)])
        self.told = threading.Event()
        self.failed = threading.Event()
        at = self.storage
        self.watcher = Watcher(at.deriver, at.monitoring, at.evaluator, self.told.set, self.failed.set)
        self.watcher.start()

    def watch(self, *triggers: Body) -> str:
        return Kept(self.storage.database).add("m", body(*triggers), EPOCH_MS)

    def commit(self, *payloads: bytes, vin: str = VIN) -> None:
        self.ingest.commit([Delivery(topic(vin, UP), payload) for payload in payloads])

    def send(self, *payloads: bytes, vin: str = VIN) -> None:
        self.commit(*payloads, vin=vin)
        self.watcher.came([vin])

    def count(self, table: str = "notification") -> int:
        with self.storage.database.read() as connection:
            (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            return int(number)

    def wait_for(self, what: Callable[[], bool]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < until_s
            time.sleep(0.002)

    def close(self) -> None:
        self.watcher.stop()
        self.storage.close()


@pytest.fixture
def only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself a watcher looks in an hour."""
    monkeypatch.setattr("cloud_bridge.evaluating.watcher.LOOK_S", 3600.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.close()


@pytest.mark.usefixtures("only_when_told")
def test_what_begins_is_in_the_outbox_as_soon_as_its_upload_was_committed(running: Running) -> None:
    running.watch(FAST)
    running.send(BOOT.payload(0))
    assert running.watcher.wait_idle(PATIENCE_S)
    for number in range(1, 21):
        running.told.clear()
        running.send(BOOT.payload(2 * number - 1), BOOT.payload(2 * number, speed_kmh=60.0))
        assert running.told.wait(PATIENCE_S)
        assert running.count() == number


def test_what_no_monitor_watches_is_left_to_others(running: Running) -> None:
    running.watch(FAST)
    running.send(Boot(vin=OTHER_VIN).payload(0), vin=OTHER_VIN)
    running.send(BOOT.payload(0))
    assert running.watcher.wait_idle(PATIENCE_S)
    assert running.count("status") == 1


def test_what_another_thread_derived_and_thefts_that_others_report_are_found(running: Running) -> None:
    running.watch(FAST)
    Kept(running.storage.database).add("s", body(STOLEN), EPOCH_MS)
    running.commit(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    running.storage.deriver.derive(VIN)
    running.wait_for(lambda: running.count() == 1)
    running.storage.registry.add_theft(VIN, Theft("t", EPOCH_MS + 15_000))
    running.wait_for(lambda: running.count() == 2)


def test_an_idle_watcher_costs_nothing(running: Running) -> None:
    running.watch(OIL)
    running.send(BOOT.payload(0))
    assert running.watcher.wait_idle(PATIENCE_S)
    thread = running.watcher._thread.ident
    assert thread is not None
    clock = time.pthread_getcpuclockid(thread)
    before_s = time.clock_gettime(clock)
    time.sleep(0.5)
    assert time.clock_gettime(clock) - before_s < 0.1


def test_while_the_database_refuses_it_waits_and_goes_on_afterwards(running: Running, tmp_path: Path) -> None:
    running.watch(FAST)
    running.send(BOOT.payload(0))
    assert running.watcher.wait_idle(PATIENCE_S)
    running.commit(BOOT.payload(1, speed_kmh=60.0))
    writer = running.storage.database._writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with sqlite3.connect(tmp_path / "bridge.db") as elsewhere:
        elsewhere.execute("PRAGMA wal_checkpoint")
    running.watcher.came([VIN])
    assert running.watcher.wait_idle(PATIENCE_S)
    writer.execute("PRAGMA max_page_count = 1000000")
    running.wait_for(lambda: running.count() == 1)
    assert not running.failed.is_set()
