"""A store with one fleet and two registered vehicles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.deriving.deriver import LOOK_AT, Deriver
from cloud_bridge.deriving.folding import laid_out
from cloud_bridge.evaluating.evaluation import LEG
from cloud_bridge.evaluating.evaluator import Evaluator
from cloud_bridge.ingest.ingest import Delivery, Ingest, Receipts
from cloud_bridge.profiles import Profiles
from cloud_bridge.records.fold import Stretch
from cloud_bridge.services import Service, Services
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.sqlite.damage import SqliteDamage
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.monitoring import SqliteMonitoring
from cloud_bridge.store.sqlite.reader import SqliteReader
from cloud_bridge.store.sqlite.received import SqliteReceiving
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from cloud_bridge.threads.faults import Faults
from contract.topics import MANIFEST, UP, topic
from tests.cloud_bridge.vehicle import MANIFEST_BODY, MODEL, OTHER_VIN, VIN, write_profile

FLEET = Fleet("f1", "Fleet one", "", 1, 1)
SERVICES = {"driving": Service(("kinetic", "trip")), "lamps": Service(("alert", "odometer"))}
"""What vehicles may be subscribed to."""


class Cloud:
    """The bridge without broker and API: what comes goes straight into ingest."""

    def __init__(self, folder: Path, look_at: int = LOOK_AT) -> None:
        self.now_ms = 1_700_000_500_000
        self.database = Database(folder / "bridge.db")
        self.registry = SqliteRegistry(self.database)
        self.receiving = SqliteReceiving(self.database)
        self.ingest = Ingest(self.receiving, lambda: self.now_ms)
        profiles = Profiles(write_profile(folder / "vehicles"))
        derived = SqliteDerived(self.database)
        self.faults = Faults()
        self.damage = SqliteDamage(self.database)
        now = self._now
        self.deriver = Deriver(derived, self.damage, self._model_of, profiles, now, look_at, self.faults)
        store, services = SqliteMonitoring(self.database), Services(SERVICES)
        leg = LEG if look_at == LOOK_AT else look_at
        known = self.deriver.known
        self.evaluator = Evaluator(derived, store, known, services, lambda: self.now_ms, leg, self.faults)
        deriver = self.deriver
        self.reader = SqliteReader(self.database, deriver.derive, deriver.derive_fleet, deriver.is_current, now)

    def _now(self) -> int:
        return self.now_ms

    def _model_of(self, vin: str) -> str | None:
        vehicle = self.registry.vehicle(vin)
        return None if vehicle is None else vehicle.model

    def register(self, vin: str) -> None:
        vehicle = Vehicle((vin.lower() + "0" * 40)[:40], vin, MODEL, "Canlift", "Thermic", 1, 1)
        self.registry.add_vehicle(vehicle, [FLEET.id])

    def register_both(self) -> None:
        self.registry.add_fleet(FLEET)
        for vin in (VIN, OTHER_VIN):
            self.register(vin)

    def send(self, *payloads: bytes, vin: str = VIN) -> Receipts:
        return self.ingest.commit([Delivery(topic(vin, UP), payload) for payload in payloads])

    def send_manifest(self, body: bytes = MANIFEST_BODY, vin: str = VIN) -> Receipts:
        return self.ingest.commit([Delivery(topic(vin, MANIFEST), body)])

    def stretches(self, vin: str) -> list[Stretch]:
        """All that is derived of what it said, laid out."""
        return list(laid_out(SqliteDerived(self.database).stretches(vin, 0)))

    def rows(self, table: str) -> list[tuple[object, ...]]:
        with self.database.read() as connection:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        return sorted(rows, key=lambda row: row[:3])


@pytest.fixture
def empty_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Nobody is registered."""
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.database.close()


@pytest.fixture
def cloud(empty_cloud: Cloud) -> Cloud:
    empty_cloud.register_both()
    return empty_cloud
