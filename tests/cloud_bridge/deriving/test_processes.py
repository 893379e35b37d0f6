"""Several derive one vehicle, or read it meanwhile: nobody sees it half derived."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cloud_bridge.records.model import Trip
from cloud_bridge.store.port.derived import Dating, Step
from cloud_bridge.store.port.errors import DerivingError, StaleError
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.reader import SqliteReader
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, BOOT, fresh
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN, Boot, anchor


def test_a_reader_does_not_wait_for_ever_for_what_another_is_deriving(cloud: Cloud) -> None:
    with cloud.deriver._locks[VIN]:
        with pytest.raises(DerivingError, match="being derived"):
            cloud.deriver.derive(VIN, 0.01)
        cloud.send_manifest()
        cloud.send(BOOT.payload(0))
    assert cloud.reader.status(VIN) is not None


def test_readers_never_see_records_half_derived(cloud: Cloud) -> None:
    """While uploads of one trip come late and in pieces, and its boot is dated anew."""
    cloud.send_manifest()
    rough = Boot(anchor=anchor(error_ms=5000, uncertainty_ms=900))
    cloud.send(*[rough.payload(sequence) for sequence in range(30)])
    ended = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not ended.is_set():
            trips = cloud.reader.records(Trip, VIN, ALWAYS)
            status = cloud.reader.status(VIN)
            started = {trip.started_at_ms for trip in trips}
            if len(trips) != 1 or not started <= {EPOCH_MS + 100, EPOCH_MS + 5100} or status is None:
                wrong.append(trips)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for sequence in range(30, 60):
        cloud.send((BOOT if sequence > 45 else rough).payload(sequence))
    ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cloud.reader.status(VIN) == fresh(tuple(range(60))).status


def test_two_processes_may_derive_one_vehicle_at_once(cloud: Cloud, tmp_path: Path) -> None:
    """Two bridges on one database: separate locks, so only the database stands between them."""
    other = Cloud(tmp_path, look_at=2)
    cloud.send_manifest()
    ended = threading.Event()

    def derive() -> None:
        while not ended.is_set():
            other.deriver.derive(VIN)

    thread = threading.Thread(target=derive)
    thread.start()
    order = [*range(0, 60, 2), *range(1, 60, 2)]
    for first in range(0, 60, 3):
        cloud.send(*[BOOT.payload(sequence) for sequence in order[first : first + 3]])
        cloud.deriver.derive(VIN)
    ended.set()
    thread.join()
    other.database.close()
    expected_now = fresh(tuple(range(60)))
    assert (cloud.reader.status(VIN), cloud.reader.records(Trip, VIN, ALWAYS)) == (
        expected_now.status,
        expected_now.trips,
    )
    assert len(cloud.rows("chunk")) == 60


def test_a_reader_that_finds_records_half_derived_by_another_process_derives_again(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    cloud.deriver.derive(VIN)
    store = SqliteDerived(cloud.database)
    calls: list[str] = []

    def derive(vin: str) -> None:
        calls.append(vin)
        if len(calls) > 1:
            cloud.deriver.derive(vin)
            return
        # The other process is between its two steps: the chunk is dropped, the records still tell of it.
        off = anchor(error_ms=1000)
        datings = {BOOT.id[:8]: Dating((off,), (off,), [(0, None)])}
        store.put_step(vin, store.extent(vin), Step(datings, [], [], []), 0)

    assert SqliteReader(cloud.database, derive, derive).positions(VIN, ALWAYS) != []
    assert len(calls) == 2


def test_what_was_computed_from_an_older_state_is_not_written(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    store = SqliteDerived(cloud.database)
    before = store.extent(VIN)
    cloud.deriver.derive(VIN)
    with pytest.raises(StaleError):
        store.put_step(VIN, before, Step({}, [], [], []), 0)
