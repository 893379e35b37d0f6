"""Thefts in the database, and where a vehicle was when it was taken."""

from __future__ import annotations

import pytest

from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Message, Position
from cloud_bridge.store.port.derived import Chunk, Step
from cloud_bridge.store.port.registry import Theft
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.reader import SqliteReader
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN

Uploads = list[tuple[tuple[int, int], list[int]]]
"""Of each its time, and the times of its positions."""


def reader_of(cloud: Cloud, uploads: Uploads) -> SqliteReader:
    derived = SqliteDerived(cloud.database)
    chunks = [
        Chunk(bytes(16), sequence, Stretch(first, end, [_message(at_ms) for at_ms in times]))
        for sequence, ((first, end), times) in enumerate(uploads)
    ]
    derived.put_step(VIN, derived.extent(VIN), Step({}, chunks, [], []), 0)
    # Everything is derived already.
    with cloud.database.write() as connection:
        connection.execute("UPDATE derived SET dirty_from_ms = NULL")
    return SqliteReader(cloud.database, lambda _: None, lambda _: None)


def _message(at_ms: int) -> Message:
    return Message(at_ms, {"kinetic.speed": 1.0}, Position(at_ms, at_ms / 1000, 50.0))


@pytest.mark.parametrize(
    ("uploads", "at_ms", "expected"),
    [
        ([], 100, None),
        ([((0, 50), [])], 100, None),
        ([((0, 50), [10, 40])], 9, None),
        ([((0, 50), [10, 40])], 10, 10),
        ([((0, 50), [10, 40])], 39, 10),
        ([((0, 50), [10, 40])], 10_000, 40),
        ([((0, 50), [10, 40]), ((50, 60), []), ((60, 80), [70])], 65, 40),
        ([((0, 50), [10, 40]), ((50, 60), []), ((60, 80), [70])], 70, 70),
        # Two boots that overlap: the one that begins later ends earlier.
        ([((0, 90), [10, 80]), ((20, 40), [30]), ((100, 110), [])], 100, 80),
        ([((0, 90), [10, 80]), ((20, 40), [30]), ((41, 60), [50])], 79, 50),
        ([((0, 90), [30]), ((20, 40), [30])], 79, 30),
    ],
)
def test_the_last_known_position_is_the_newest_before(
    cloud: Cloud, uploads: Uploads, at_ms: int, expected: int | None
) -> None:
    position = reader_of(cloud, uploads).position_at(VIN, at_ms)
    assert (None if position is None else position.at_ms) == expected


def test_a_theft_is_of_its_vehicle_only_and_ends_once(cloud: Cloud) -> None:
    cloud.registry.add_theft(VIN, Theft("s1", 1000, None, 1500, 1500))
    assert cloud.reader.thefts(VIN) == cloud.registry.thefts(VIN) == [Theft("s1", 1000, None, 1500, 1500)]
    assert cloud.reader.thefts(OTHER_VIN) == []
    assert cloud.registry.end_theft(VIN, 2000, 2500) == Theft("s1", 1000, 2000, 1500, 2500)
    cloud.registry.add_theft(VIN, Theft("s2", 2000, None, 3000, 3000))
    assert [theft.id for theft in cloud.reader.thefts(VIN)] == ["s1", "s2"]


def test_what_is_said_of_a_theft_changes_the_vehicles_documents(cloud: Cloud) -> None:
    (vehicle,) = [one for one in cloud.registry.all_vehicles() if one.vin == VIN]
    cloud.registry.add_theft(VIN, Theft("s1", 1000, None, 1500, 1500))
    found = cloud.reader.vehicle(FLEET.id, vehicle.id)
    assert found is not None
    assert found.changed_at_ms == 1500
