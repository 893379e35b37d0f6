"""What was derived of one vehicle and cannot be read any more costs no other vehicle anything."""

from __future__ import annotations

import pytest

from cloud_bridge.store.port.damage import DamagedError
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.threads import faults
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.evaluating.world import FAST, Watched
from tests.cloud_bridge.monitors.bodies import body
from tests.cloud_bridge.vehicle import EPOCH_MS, OTHER_VIN, VIN, Boot

LATE = b"0123456789abcdef"
"""A boot of the same time, of which more comes when all else is derived."""


def uploads(cloud: Cloud, *numbers: int, speed_kmh: float = 30.0) -> None:
    for vin in (VIN, OTHER_VIN):
        cloud.send(*[Boot(vin=vin).payload(number, speed_kmh=speed_kmh) for number in numbers], vin=vin)


def damage(cloud: Cloud) -> None:
    with cloud.database.write() as connection:
        assert connection.execute("UPDATE chunk SET body = x'00' WHERE vin = ?", (VIN,)).rowcount
    # What comes late has them read again.
    for vin in (VIN, OTHER_VIN):
        cloud.send(Boot(LATE, vin=vin).payload(0), vin=vin)


def waiting(cloud: Cloud) -> list[str]:
    """What is not derived."""
    return SqliteDerived(cloud.database).to_derive({})


def test_it_is_left_for_a_minute_and_the_others_are_derived(
    cloud: Cloud, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for vin in (VIN, OTHER_VIN):
        cloud.send_manifest(vin=vin)
    uploads(cloud, 0, 1, 2)
    cloud.deriver.sweep()
    damage(cloud)
    for _ in range(3):
        cloud.deriver.sweep()
    assert waiting(cloud) == [VIN]
    assert cloud.faults.counts == {"deriving": 1}
    assert f"deriving: a defect; what is of vehicle {VIN}, for a minute, is left out" in caplog.text
    assert cloud.reader.status(OTHER_VIN) is not None
    total, statuses = cloud.reader.statuses(FLEET.id, 0, 10)
    assert (total, [vehicle.vin for vehicle, _ in statuses]) == (1, [OTHER_VIN])
    assert [vehicle.vin for vehicle in cloud.reader.set_aside(FLEET.id)] == [VIN]
    with pytest.raises(DamagedError, match=f"canlift-bridge rebuild {VIN}"):
        cloud.reader.status(VIN)
    assert cloud.faults.counts == {"deriving": 1}
    monkeypatch.setattr(faults, "AGAIN_S", 0.0)
    cloud.deriver._aside._until_s.clear()
    cloud.deriver.sweep()
    assert cloud.faults.counts == {"deriving": 2}


def test_rebuilding_it_goes_by_what_it_sent(cloud: Cloud) -> None:
    for vin in (VIN, OTHER_VIN):
        cloud.send_manifest(vin=vin)
    uploads(cloud, 0, 1, 2)
    cloud.deriver.sweep()
    damage(cloud)
    assert not cloud.deriver.rebuild(VIN)
    assert waiting(cloud) == [OTHER_VIN]
    assert len(cloud.stretches(VIN)) == 3
    assert cloud.reader.status(VIN) == cloud.reader.status(OTHER_VIN)


def test_its_monitors_are_left_too_and_tell_of_the_others(cloud: Cloud) -> None:
    cloud.now_ms = EPOCH_MS + 24 * 3_600_000
    watched = Watched(cloud)
    for vin in (VIN, OTHER_VIN):
        cloud.send_manifest(vin=vin)
    uploads(cloud, 0, 1, 2)
    cloud.deriver.sweep()
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    with cloud.database.write() as connection:
        connection.execute("UPDATE chunk SET body = x'00' WHERE vin = ?", (VIN,))
    uploads(cloud, 3, speed_kmh=60.0)
    cloud.deriver.sweep()
    assert waiting(cloud) == []
    for _ in range(3):
        cloud.evaluator.sweep()
    assert [row[4] for row in cloud.rows("notification")] == [OTHER_VIN]
    assert watched.told(monitor) == [30]
    assert cloud.faults.counts == {"monitors": 1}
