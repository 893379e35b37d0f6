"""What a rebuild cannot read is counted, and all else of the vehicle is rebuilt."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.records.model import Trip
from cloud_bridge.store.port.damage import DamagedError, Unreadable
from contract.configuration import Duration
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.deriving.derived import answers
from tests.cloud_bridge.test_retention import boot, day_of, drive, live, prune, received, trips
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN, Boot

LONG = Duration.parse("900d")


def damage(cloud: Cloud, statement: str, *values: object) -> None:
    with cloud.database.write() as connection:
        assert connection.execute(statement, values).rowcount


def unreadable(cloud: Cloud) -> Unreadable:
    """What a rebuild says that it cannot read, which is what there is to be seen of it afterwards."""
    found = cloud.deriver.rebuild(VIN).unreadable
    assert cloud.damage.all_unreadable() == ({VIN: found} if any(found) else {})
    assert cloud.damage.all_set_aside() == {}
    return found


def test_an_upload_that_cannot_be_read_any_more_is_counted_and_the_others_are_rebuilt(cloud: Cloud) -> None:
    live(cloud, 0, 1)
    assert unreadable(cloud) == (0, 0, 0)
    damage(cloud, "UPDATE upload SET payload = x'ff' WHERE vin = ? AND boot = ? AND sequence = 2", VIN, boot(1).id)
    assert unreadable(cloud) == unreadable(cloud) == (1, 0, 0)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 1]
    payload = drive(1)[2]
    damage(cloud, "UPDATE upload SET payload = ? WHERE vin = ? AND boot = ? AND sequence = 2", payload, VIN, boot(1).id)
    assert unreadable(cloud) == (0, 0, 0)


def test_a_manifest_that_cannot_be_read_costs_its_uploads(cloud: Cloud) -> None:
    live(cloud, 0)
    damage(cloud, "UPDATE manifest SET body = x'ff' WHERE vin = ?", VIN)
    cloud.deriver._looking._unifiers.clear()  # It is read once by each process.
    assert unreadable(cloud) == (6, 0, 0)


def test_telemetry_of_deleted_uploads_that_cannot_be_read_is_a_gap_and_counted_as_long_as_it_would_be_kept(
    cloud: Cloud,
) -> None:
    live(cloud, 0, 1)
    prune(cloud, 64, derived=LONG)
    before = answers(cloud)
    live(cloud, 65)
    damage(cloud, "UPDATE chunk SET body = x'00' WHERE vin = ? AND boot = ? AND sequence = 3", VIN, boot(1).id)
    cloud.send(*drive(1, -1))  # What is earlier has it read again.
    for _ in range(2):
        with pytest.raises(DamagedError):
            cloud.deriver.derive(VIN)
    assert cloud.faults.counts == {"deriving": 1}
    assert unreadable(cloud) == unreadable(cloud) == (0, 1, 0)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 0, 1, 65]
    assert answers(cloud) != before
    prune(cloud, 66 + 900, derived=LONG)
    assert unreadable(cloud) == (0, 0, 0)


def test_a_state_at_the_end_of_what_is_deleted_that_cannot_be_read_is_counted(cloud: Cloud) -> None:
    live(cloud, *range(3))
    prune(cloud, 63)
    assert unreadable(cloud) == (0, 0, 0)
    damage(cloud, "UPDATE checkpoint SET history = x'00' WHERE vin = ? AND span = 3", VIN)
    assert unreadable(cloud) == unreadable(cloud) == (0, 0, 1)
    assert day_of(trips(cloud)[-1].started_at_ms) == 2


def test_a_checkpoint_on_the_way_that_cannot_be_read_is_passed_over(cloud: Cloud) -> None:
    cloud.send_manifest()
    of = Boot()
    cloud.send(*[of.payload(number, speed_kmh=30.0) for number in range(4)])
    cloud.deriver.derive(VIN)
    damage(cloud, "UPDATE checkpoint SET history = x'00' WHERE vin = ?", VIN)
    cloud.send(*[of.payload(number, speed_kmh=30.0) for number in range(4, 8)])
    cloud.deriver.derive(VIN)
    found = answers(cloud)
    assert len(trips(cloud)) == 1
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == found


def test_one_that_can_be_derived_again_is_set_aside_no_longer(cloud: Cloud) -> None:
    live(cloud, 0)
    damage(cloud, "UPDATE chunk SET clock = x'00' WHERE vin = ?", VIN)
    cloud.send(*drive(0, -1))  # What is earlier has it read again.
    cloud.deriver.sweep()
    assert cloud.damage.all_set_aside() == {VIN: cloud.now_ms}
    damage(cloud, "UPDATE chunk SET clock = x'' WHERE vin = ?", VIN)
    cloud.deriver.sweep()
    assert cloud.damage.all_set_aside() == {VIN: cloud.now_ms}
    cloud.deriver._aside._until_s.clear()  # A minute later.
    cloud.deriver.sweep()
    assert cloud.damage.all_set_aside() == {}


def test_its_records_are_not_told_as_they_were_before(cloud: Cloud) -> None:
    live(cloud, 0)
    (trip,) = trips(cloud)
    assert cloud.reader.fleet_record(Trip, FLEET.id, trip.id) is not None
    damage(cloud, "UPDATE chunk SET body = x'00' WHERE vin = ?", VIN)
    cloud.send(*drive(0, -1))  # What is earlier has it read again.
    with pytest.raises(DamagedError):
        cloud.reader.fleet_record(Trip, FLEET.id, trip.id)


def test_one_that_another_process_rebuilt_is_derived_at_once(cloud: Cloud, tmp_path: Path) -> None:
    live(cloud, 0)
    damage(cloud, "UPDATE chunk SET body = x'00' WHERE vin = ?", VIN)
    cloud.send(*drive(0, -1))  # What is earlier has it read again.
    with pytest.raises(DamagedError):
        cloud.reader.status(VIN)
    other = Cloud(tmp_path)
    other.deriver.rebuild(VIN)
    other.database.close()
    received(cloud, 2)
    cloud.send(*drive(2))
    assert len(trips(cloud)) == 3


def test_of_an_erased_vehicle_nothing_is_noted(cloud: Cloud) -> None:
    cloud.damage.set_aside("VF3STRANGER000009", 1, reading=True)
    assert cloud.damage.put_unreadable("VF3STRANGER000009", 1) == (0, 0, 1)
    assert cloud.damage.all_set_aside() == {}
    assert cloud.damage.all_unreadable() == {}
    cloud.damage.set_aside(OTHER_VIN, 1, reading=True)
    cloud.damage.set_aside(OTHER_VIN, 2, reading=False)
    assert cloud.damage.all_set_aside() == {OTHER_VIN: 1}
