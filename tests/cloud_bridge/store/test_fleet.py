"""A page of a fleet's records is what it would be if all were read, sorted and cut: whatever fleet and page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.model import Alert, Record, Trip
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.port.times import Interval
from cloud_bridge.store.ranges import overlapping
from cloud_bridge.store.sqlite import fleet, records
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.reader import SqliteReader
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from tests.cloud_bridge.api.memory import MemoryReader

VEHICLES = [Vehicle(f"{number:040x}", f"VF3ABCDE0FG10000{number}", "m", "b", "Thermal", 0, 0) for number in range(4)]
ALL, MINE = VEHICLES, VEHICLES[:3]
"""The last is in another fleet only."""
LATEST = 12


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(tmp_path_factory.mktemp("fleet") / "bridge.db")
    registry = SqliteRegistry(made)
    for name in ("mine", "theirs"):
        registry.add_fleet(Fleet(name, name, "", 0, 0))
    for vehicle in ALL:
        registry.add_vehicle(vehicle, ["mine", "theirs"] if vehicle in MINE else ["theirs"])
    yield made
    made.close()


Drawn = tuple[Vehicle, int, int | None, str]
drawn = st.tuples(
    st.sampled_from(ALL),
    st.integers(0, LATEST),
    st.none() | st.integers(0, 5) | st.integers(0, 2 * LATEST),
    st.sampled_from("TTTA"),
)
intervals = st.tuples(st.integers(-5, LATEST), st.integers(1, LATEST)).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1])
)


def record(number: int, start: int, lasted: int | None, kind: str) -> Record:
    end = None if lasted is None else start + lasted
    # Ids are in another order than starts.
    name = f"{number * 7 % 31:02}-{number}"
    return Trip(name, start, end, float(number)) if kind == "T" else Alert(name, start, "EngineFault", end)


def joined(ranges: list[Interval]) -> list[Interval]:
    groups = overlapping(sorted(ranges), lambda interval: (interval[0], interval[1] + 1))
    return [(group[0][0], max(end for _, end in group)) for group in groups]


def is_of_even_kilometres(_: Vehicle, trip: Trip) -> bool:
    return trip.distance_km is not None and trip.distance_km % 2 == 0


@given(
    st.lists(drawn, min_size=10, max_size=40),
    st.lists(intervals, min_size=1, max_size=4),
    st.integers(0, 15),
    st.integers(0, 20),
    st.none() | st.tuples(st.integers(0, 5), st.integers(3, 15)),
    st.sampled_from([None, is_of_even_kilometres]),
    st.integers(1, 12),
    st.integers(0, 4),
)
def test_a_page_is_cut_out_of_all_records_in_order(
    database: Database,
    world: list[Drawn],
    ranges: list[Interval],
    offset: int,
    limit: int,
    lasted: Interval | None,
    counts: Callable[[Vehicle, Trip], bool] | None,
    at_once: int,
    few: int,
) -> None:
    memory = MemoryReader(members={"mine": list(MINE)}, all_records={vehicle.vin: [] for vehicle in ALL})
    for number, (vehicle, start, length, kind) in enumerate(world):
        memory.all_records[vehicle.vin].append(record(number, start, length, kind))
    with database.write() as connection:
        connection.execute("DELETE FROM record")
        for vin, ones in memory.all_records.items():
            records.put(connection, vin, ones)
        found = fleet.page(connection, Trip, "mine", joined(ranges), offset, limit, lasted, counts, at_once, few)
    assert found == memory.fleet_records(Trip, "mine", ranges, offset, limit, lasted=lasted, counts=counts)


def test_many_records_of_one_moment_are_in_the_order_of_vehicles_and_ids(database: Database) -> None:
    expected = sorted((vehicle.vin, f"{number:03}") for vehicle in MINE for number in range(50))
    with database.write() as connection:
        connection.execute("DELETE FROM record")
        for vin, name in reversed(expected):
            records.put(connection, vin, [Alert(name, 1000, "EngineFault")])
        for offset in (0, 70, 140):
            total, found = fleet.page(connection, Alert, "mine", [(0, 2000)], offset, 20, at_once=10)
            assert total == len(expected)
            assert [(vehicle.vin, one.id) for vehicle, one in found] == expected[offset : offset + 20]


def test_many_ranges_cost_no_look_each(database: Database) -> None:
    hours = [(hour * 10, hour * 10 + 1) for hour in range(10_000)]
    asked: list[str] = []
    with database.write() as connection:
        connection.execute("DELETE FROM record")
        for number, vehicle in enumerate(MINE):
            records.put(connection, vehicle.vin, [Trip(f"{at}", at, at + 3) for at in range(number * 4, 4000, 40)])
        connection.set_trace_callback(asked.append)
        total, found = fleet.page(connection, Trip, "mine", hours, 0, 60)
        connection.set_trace_callback(None)
    assert (total, len(found)) == (200, 60)
    assert len(asked) < 20


def test_the_longest_times_there_are_can_be_asked_for(database: Database) -> None:
    reader = SqliteReader(database, lambda _: None, lambda _: None)
    with database.write() as connection:
        connection.execute("DELETE FROM record")
        records.put(connection, MINE[0].vin, [Trip("t", 5, 10)])
    total, found = reader.fleet_records(Trip, "mine", [(-(2**70), 2**70)], 0, 10**15, lasted=(0, 2**62))
    assert (total, found) == (1, [(MINE[0], Trip("t", 5, 10))])
