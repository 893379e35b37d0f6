"""Nothing of a vehicle that was erased is left in the file, and nothing of it comes back."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec
import pytest

from cloud_bridge.ingest.ingest import Delivery
from cloud_bridge.store.port.errors import RegistryError, StaleError, StoreError
from cloud_bridge.store.port.registry import Theft
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.erasing import DELETE, SqliteErasing
from cloud_bridge.store.sqlite.received import SqliteReceiving
from contract.topics import UP, topic
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS
from tests.cloud_bridge.vehicle import MODEL, OTHER_VIN, PROFILE, VIN, Boot, undecodable

OTHER = Boot(b"other vehicle 01", vin=OTHER_VIN)


@pytest.fixture
def full(cloud: Cloud) -> Cloud:
    """Two vehicles with something in every table."""
    for boot in (Boot(), OTHER):
        cloud.send_manifest(vin=boot.vin)
        cloud.send(*[boot.payload(sequence, oil=sequence > 3) for sequence in range(8)], vin=boot.vin)
        cloud.send(undecodable(boot.upload(9)), boot.payload(0, speed_kmh=1.0), b"rubbish", vin=boot.vin)
        cloud.registry.add_theft(boot.vin, Theft("theft of " + boot.vin, 1))
        assert cloud.reader.positions(boot.vin, ALWAYS)
        # Written again and again: earlier copies are in free pages and in the log.
        cloud.deriver.rebuild(boot.vin)
    return cloud


def left_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("bridge.db*")) if not file.name.endswith("-shm"))


def places(cloud: Cloud) -> list[bytes]:
    """The last positions, as they are stored: MessagePack has numbers as eight bytes."""
    statuses = [cloud.reader.status(vin) for vin in (VIN, OTHER_VIN)]
    positions = [status.position for status in statuses if status is not None]
    return [struct.pack(">d", position.longitude) for position in positions if position is not None]


def traces(boot: Boot) -> list[bytes]:
    """What would betray it: its name, its boot, what it sent."""
    return [
        boot.vin.encode(),
        boot.id,
        *[boot.payload(sequence, oil=sequence > 3)[30:90] for sequence in range(8)],
        boot.payload(0, speed_kmh=1.0)[30:],
    ]


def test_of_an_erased_vehicle_no_byte_is_left(full: Cloud, tmp_path: Path) -> None:
    database = left_in(tmp_path)
    mine, others = Boot(), OTHER
    assert mine.vin.encode() in database
    assert mine.payload(3, oil=False)[30:90] in database
    stored = places(full)
    assert len(stored) == 2
    assert all(place in database for place in stored)
    # The vehicles drive the same way: the other one goes too, so that its positions cannot be taken for these.
    erasing = SqliteErasing(full.database)
    removed = erasing.erase(OTHER_VIN)
    assert OTHER_VIN.encode() not in left_in(tmp_path)
    assert others.id not in left_in(tmp_path)
    assert mine.vin.encode() in left_in(tmp_path)
    assert full.reader.positions(VIN, ALWAYS)
    assert removed == erasing.erase(VIN)
    left = left_in(tmp_path)
    assert [trace for trace in [*traces(mine), *traces(others), *stored] if trace in left] == []
    assert removed["upload"] == 9
    assert removed["vehicle"] == removed["status"] == removed["theft"] == 1
    assert {"manifest", "chunk", "record", "checkpoint", "quarantine", "held", "anchor"} <= removed.keys()


def test_every_table_that_is_of_vehicles_is_emptied(cloud: Cloud) -> None:
    with cloud.database.read() as connection:
        tables = [
            table
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            if any(row[1] == "vin" for row in connection.execute(f"PRAGMA table_info({table})"))
        ]
    assert set(DELETE) == set(tables)


def test_what_comes_afterwards_is_refused_and_not_kept_by_a_process_that_knew_the_vehicle(
    full: Cloud, tmp_path: Path
) -> None:
    payload = Boot().payload(20)
    SqliteErasing(full.database).erase(VIN)
    # This bridge looked the vehicle up before, and would not ask again.
    receipts = full.send(payload)
    assert (receipts.by_vin, receipts.uploads, receipts.refused) == ({}, 0, 1)
    assert payload[30:] not in left_in(tmp_path)
    assert full.receiving.intake(VIN).refusals == {"unregistered": 1}
    full.send_manifest()
    assert full.rows("upload") == full.rows("upload")
    assert VIN not in str(full.rows("upload") + full.rows("manifest") + full.rows("held"))
    # What is left by the refusals goes the same way.
    assert SqliteErasing(full.database).erase(VIN).keys() == {"quarantine", "refusal"}


def test_a_batch_loses_only_what_is_of_the_erased_vehicle(full: Cloud) -> None:
    SqliteErasing(full.database).erase(VIN)
    batch = [Delivery(topic(boot.vin, UP), boot.payload(20)) for boot in (Boot(), OTHER)]
    receipts = full.ingest.commit(batch)
    assert (list(receipts.by_vin), receipts.uploads, receipts.refused) == ([OTHER_VIN], 1, 1)


def test_who_was_deriving_the_vehicle_leaves_nothing_of_it(full: Cloud) -> None:
    derived = SqliteDerived(full.database)
    extent = derived.extent(VIN)
    SqliteErasing(full.database).erase(VIN)
    with pytest.raises(StaleError):
        next(derived.forget(VIN, extent.profile))
    full.deriver.derive(VIN)
    full.deriver.sweep()
    assert VIN not in str([full.rows(table) for table in ("derived", "chunk", "record", "status")])


def test_a_vehicle_that_is_registered_again_starts_anew_also_with_another_model(full: Cloud, tmp_path: Path) -> None:
    SqliteErasing(full.database).erase(VIN)
    text = PROFILE.replace(MODEL, "other-car").replace('"kinetic.speed" = { from = "Motion.Speed" }\n', "")
    (tmp_path / "vehicles" / "other-car.toml").write_text(text, encoding="utf-8")
    known = full.registry.vehicle(OTHER_VIN)
    assert known is not None
    again = msgspec.structs.replace(known, vin=VIN, id="f" * 40, model="other-car")
    full.registry.add_vehicle(again, ["f1"])
    assert full.reader.status(VIN) is None
    full.send_manifest()
    assert full.send(Boot().payload(0)).uploads == 1
    status = full.reader.status(VIN)
    assert status is not None
    assert "odometer.mileage" in status.known
    assert "kinetic.speed" not in status.known


def test_there_must_be_something_to_erase(cloud: Cloud) -> None:
    with pytest.raises(RegistryError, match="nothing of vehicle VF3NOBODY00000001"):
        SqliteErasing(cloud.database).erase("VF3NOBODY00000001")


def test_bytes_that_may_be_left_are_named_and_gone_the_next_time(full: Cloud, tmp_path: Path) -> None:
    impatient = Database(full.database.path, busy_timeout_s=0.05)
    with full.database.read() as reading:
        reading.execute("SELECT count(*) FROM upload").fetchone()
        with pytest.raises(StoreError, match=r"is deleted, but its bytes may still be in the file.*Erase it again"):
            SqliteErasing(impatient).erase(VIN)
    impatient.close()
    assert Boot().payload(3, oil=False)[30:90] in left_in(tmp_path)
    with pytest.raises(RegistryError):
        SqliteErasing(full.database).erase(VIN)
    assert [trace for trace in traces(Boot()) if trace in left_in(tmp_path)] == []
    assert SqliteReceiving(full.database).is_registered(VIN) is False
