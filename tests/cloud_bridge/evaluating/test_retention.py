"""What was deleted for its age is told by no monitor again, and what comes after it as if it were still there."""

from __future__ import annotations

import pytest

from cloud_bridge.deriving.folding import DAY_MS
from cloud_bridge.store.port.registry import Theft
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.evaluating.world import ENDED, OIL, STOLEN, Watched
from tests.cloud_bridge.monitors.bodies import body, data
from tests.cloud_bridge.test_retention import NOON_MS, drive, prune, received
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN

FAST = data("fast1", "vehicle.kinetic.speed", "greaterThan", "32")
"""Each of the drives is."""


@pytest.fixture
def watched(cloud: Cloud) -> Watched:
    return Watched(cloud)


def live(watched: Watched, *days: int, oil: bool | None = None) -> None:
    for day in days:
        received(watched.cloud, day)
        watched.say(*drive(day, oil=oil))


def days(watched: Watched, monitor_id: str) -> list[int]:
    return [(EPOCH_MS + round(1000 * second) - NOON_MS) // DAY_MS for second in watched.told(monitor_id)]


def forgotten(watched: Watched, before_day: int) -> None:
    """The outbox does not know any more what it told of then."""
    with watched.cloud.database.write() as connection:
        connection.execute("DELETE FROM notification WHERE at_ms < ?", (NOON_MS + before_day * DAY_MS,))


def test_a_rebuild_tells_nothing_of_what_is_deleted_also_if_nobody_knows_that_it_was_told(watched: Watched) -> None:
    monitors = [watched.kept.add(name, body(asked), NOON_MS) for name, asked in (("f", FAST), ("e", ENDED))]
    live(watched, *range(5))
    assert [days(watched, monitor) for monitor in monitors] == [[0, 1, 2, 3, 4]] * 2
    prune(watched.cloud, 64)
    forgotten(watched, 2)
    watched.cloud.deriver.rebuild(VIN)
    assert watched.evaluate() == 0
    live(watched, 65)
    assert [days(watched, monitor) for monitor in monitors] == [[2, 3, 4, 65]] * 2


def test_what_holds_since_before_goes_on_and_does_not_begin_again(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(OIL), NOON_MS)
    stolen = watched.kept.add("s", body(STOLEN), NOON_MS)
    live(watched, 0, oil=True)
    watched.cloud.registry.add_theft(VIN, Theft("t", NOON_MS + 3_600_000))
    watched.cloud.registry.end_theft(VIN, NOON_MS + 7_200_000, 1)
    assert watched.evaluate() == 1
    live(watched, 1, 2)
    prune(watched.cloud, 64)
    forgotten(watched, 2)
    watched.cloud.deriver.rebuild(VIN)
    assert watched.evaluate() == 0
    live(watched, 65, oil=False)
    assert days(watched, monitor) == days(watched, stolen) == []
    live(watched, 66, oil=True)
    assert days(watched, monitor) == [66]


def test_what_comes_late_of_a_time_that_is_deleted_is_told_and_nothing_after_it_again(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), NOON_MS)
    oil = watched.kept.add("o", body(OIL), NOON_MS)
    live(watched, 0, 1, 2)
    prune(watched.cloud, 64)
    forgotten(watched, 1)
    received(watched.cloud, 65)
    # The alert of then is not known to be on after what is deleted: there everything is as it was.
    watched.say(*drive(0, 3, oil=True), *drive(65, oil=True))
    assert days(watched, monitor) == [0, 1, 2, 65]
    assert days(watched, oil) == [0, 65]


def test_when_everything_of_a_vehicle_is_deleted_it_begins_anew(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), NOON_MS)
    live(watched, 0, 1)
    prune(watched.cloud, 100)
    assert watched.cloud.rows("monitor_state") == []
    assert watched.evaluate() == 0
    live(watched, 101)
    assert days(watched, monitor) == [0, 1, 101]
