"""Monitors kept: in the database, and in the memory that the tests of the API use, which keeps the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_bridge.store.port.monitors import MOST_RUNS, Monitor, Monitors
from cloud_bridge.store.port.outbox import Attempted, Notification, Trouble
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.sqlite import outbox
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.monitors import SqliteMonitors
from cloud_bridge.store.sqlite.outbox import SqliteOutbox
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from tests.cloud_bridge.api.memory import MemoryMonitors
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN

MEMBERS = {"f1": [VIN], "f2": [VIN, OTHER_VIN], "f3": []}
MANY = 1000


def in_database(folder: Path) -> tuple[Database, SqliteMonitors]:
    database = Database(folder / "bridge.db")
    registry = SqliteRegistry(database)
    for fleet in MEMBERS:
        registry.add_fleet(Fleet(fleet, fleet, "", 1, 1))
    for vin in (VIN, OTHER_VIN):
        fleets = [fleet for fleet, members in MEMBERS.items() if vin in members]
        registry.add_vehicle(Vehicle(vin.lower(), vin, "model", "", "", 1, 1), fleets)
    return database, SqliteMonitors(database)


@pytest.fixture(params=["sqlite", "memory"])
def monitors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Monitors]:
    if request.param == "memory":
        yield MemoryMonitors(MEMBERS)
        return
    database, found = in_database(tmp_path)
    yield found
    database.close()


def monitor(monitor_id: str = "m1", fleet: str = "f1", at_ms: int = 100) -> Monitor:
    return Monitor(monitor_id, fleet, b'{"label":"\xc3\xa9"}', "Running", 1, at_ms, at_ms, ((at_ms, None),))


def changed(monitors: Monitors, status: str, at_ms: int) -> Monitor:
    found = monitors.set_status("f1", "m1", "Running" if status == "Running" else "Paused", at_ms)
    assert found is not None
    return found


def test_what_is_added_is_found_in_its_fleet_only(monitors: Monitors) -> None:
    assert monitors.add(monitor(), MANY)
    assert monitors.monitor("f1", "m1") == monitor()
    assert monitors.monitor("f2", "m1") is None
    assert monitors.monitor("f1", "m2") is None
    assert monitors.monitors("f2", 0, 10) == (0, [])


def test_a_fleet_has_so_many_monitors_and_no_more(monitors: Monitors) -> None:
    assert monitors.add(monitor("m1"), 2)
    assert monitors.add(monitor("m2"), 2)
    assert not monitors.add(monitor("m3"), 2)
    assert monitors.add(monitor("m4", "f2"), 2)
    assert monitors.monitors("f1", 0, 10)[0] == 2
    assert monitors.delete("f1", "m1")
    assert monitors.add(monitor("m3"), 2)


def test_of_many_that_are_made_at_once_no_more_than_that_are_kept(tmp_path: Path) -> None:
    database, kept = in_database(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda number: kept.add(monitor(f"m{number}"), 3), range(8)))
    assert sum(added) == kept.monitors("f1", 0, 10)[0] == 3
    database.close()


def test_those_of_a_fleet_are_in_the_order_in_which_they_were_made(monitors: Monitors) -> None:
    for monitor_id, at_ms in (("m9", 1), ("m1", 3), ("m5", 2), ("m4", 2)):
        monitors.add(monitor(monitor_id, at_ms=at_ms), MANY)
    assert [each.id for each in monitors.monitors("f1", 0, 10)[1]] == ["m9", "m4", "m5", "m1"]
    total, part = monitors.monitors("f1", 1, 2)
    assert (total, [each.id for each in part]) == (4, ["m4", "m5"])


def test_what_is_replaced_is_another_version_that_runs_from_then_on(monitors: Monitors) -> None:
    monitors.add(monitor(), MANY)
    changed(monitors, "Paused", 200)
    changed(monitors, "Running", 300)
    replaced = monitors.replace("f1", "m1", b'{"label":"new"}', 400)
    assert replaced == Monitor("m1", "f1", b'{"label":"new"}', "Running", 2, 100, 400, ((400, None),))
    assert monitors.monitor("f1", "m1") == replaced
    assert monitors.replace("f2", "m1", b"{}", 500) is None
    assert monitors.monitor("f1", "m1") == replaced


def test_what_is_replaced_while_it_is_paused_stays_paused(monitors: Monitors) -> None:
    monitors.add(monitor(), MANY)
    changed(monitors, "Paused", 200)
    assert monitors.replace("f1", "m1", b"{}", 300) == Monitor("m1", "f1", b"{}", "Paused", 2, 100, 300, ())
    assert changed(monitors, "Running", 400).running == ((400, None),)


def test_it_runs_between_being_set_running_and_paused(monitors: Monitors) -> None:
    monitors.add(monitor(), MANY)
    assert changed(monitors, "Paused", 200).running == ((100, 200),)
    assert changed(monitors, "Running", 300).running == ((100, 200), (300, None))
    last = changed(monitors, "Paused", 400)
    assert last == Monitor("m1", "f1", monitor().body, "Paused", 1, 100, 400, ((100, 200), (300, 400)))
    assert monitors.monitor("f1", "m1") == last


def test_a_status_that_it_has_already_changes_nothing(monitors: Monitors) -> None:
    monitors.add(monitor(), MANY)
    assert changed(monitors, "Running", 200) == monitor()
    paused = changed(monitors, "Paused", 300)
    assert changed(monitors, "Paused", 400) == paused
    assert monitors.set_status("f1", "m2", "Paused", 400) is None
    assert monitors.set_status("f2", "m1", "Running", 400) is None


def test_what_failed_runs_no_more_and_can_run_again(monitors: Monitors) -> None:
    monitors.add(monitor(), MANY)
    failed = monitors.set_status("f1", "m1", "Failed", 200)
    assert failed is not None
    assert (failed.status, failed.running) == ("Failed", ((100, 200),))
    assert changed(monitors, "Running", 300).running == ((100, 200), (300, None))
    monitors.set_status("f1", "m1", "Failed", 400)
    replaced = monitors.replace("f1", "m1", b"{}", 500)
    assert replaced is not None
    assert (replaced.status, replaced.running) == ("Running", ((500, None),))


def test_what_is_deleted_is_gone_and_only_that(monitors: Monitors) -> None:
    for monitor_id in ("m1", "m2"):
        monitors.add(monitor(monitor_id), MANY)
    assert not monitors.delete("f2", "m1")
    assert monitors.delete("f1", "m1")
    assert not monitors.delete("f1", "m1")
    assert monitors.monitor("f1", "m1") is None
    assert monitors.monitors("f1", 0, 10) == (1, [monitor("m2")])


def test_a_vehicle_has_those_of_all_its_fleets(monitors: Monitors) -> None:
    for monitor_id, fleet in (("m3", "f1"), ("m1", "f2"), ("m2", "f3")):
        monitors.add(monitor(monitor_id, fleet), MANY)
    assert monitors.of_vehicle(VIN) == [monitor("m1", "f2"), monitor("m3", "f1")]
    assert monitors.of_vehicle(OTHER_VIN) == [monitor("m1", "f2")]
    assert monitors.of_vehicle("VF3ZZZZZ0FG000001") == []


def test_no_more_runs_are_remembered_than_that(monitors: Monitors) -> None:
    monitors.add(monitor(), MANY)
    for at_ms in range(200, 200 + 2 * (MOST_RUNS + 5)):
        last = changed(monitors, "Paused" if at_ms % 2 == 0 else "Running", at_ms)
    assert len(last.running) == MOST_RUNS
    assert last.running[-1] == (at_ms, None)
    assert last.running[0] == (at_ms - 2 * (MOST_RUNS - 1), at_ms - 2 * (MOST_RUNS - 1) + 1)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["Running", "Paused", "replace"]), st.integers(-50, 50)), max_size=12
    )
)  # fmt: skip
def test_whatever_the_clock_does_runs_are_apart_and_in_order_and_of_one_that_runs_the_last_is_open(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    database, kept = in_database(tmp_path_factory.mktemp("monitors"))
    in_memory = MemoryMonitors(MEMBERS)
    try:
        now_ms = 1000
        for each in (kept, in_memory):
            each.add(monitor(at_ms=now_ms), MANY)
        for what, later_ms in steps:
            now_ms += later_ms
            found: Monitor | None = None
            for each in (kept, in_memory):
                before = found
                if what == "replace":
                    found = each.replace("f1", "m1", b"{}", now_ms)
                else:
                    found = each.set_status("f1", "m1", "Running" if what == "Running" else "Paused", now_ms)
                assert before is None or before == found
            assert found is not None
            times = [time_ms for run in found.running for time_ms in run]
            closed = [time_ms for time_ms in times if time_ms is not None]
            assert closed == sorted(closed)
            assert all(end is None or first < end for first, end in found.running)
            assert (None in times) == (found.status == "Running")
            assert None not in times[:-1]
            assert found.updated_at_ms >= max(closed, default=0)
    finally:
        database.close()


def test_with_a_monitor_goes_what_was_to_be_told_for_it_and_its_trouble(tmp_path: Path) -> None:
    database, kept = in_database(tmp_path)
    told = SqliteOutbox(database)
    for monitor_id in ("m1", "m2"):
        kept.add(monitor(monitor_id), MANY)
    notifications = [
        Notification(f"{number:032x}", "m1" if number else "m2", "f1", VIN, number, False, b"{}", {})
        for number in range(2500)
    ]
    with database.write() as connection:
        outbox.put(connection, notifications, 1)
    for sender, known in (("m1", notifications[7].id), ("m2", notifications[0].id)):
        told.settle([Attempted(sender, (known,), trouble=Trouble(sender, 1, 1, 1, 2))], 1)
    # With another target it is tried anew.
    assert kept.replace("f1", "m2", b"{}", 5)
    assert [each.sender for each in told.troubles()] == ["m1"]
    told.settle([Attempted("m2", (notifications[0].id,), trouble=Trouble("m2", 1, 1, 1, 2))], 1)
    assert kept.delete("f1", "m1")
    assert [each.sender for each in told.senders()] == ["m2"]
    assert [each.sender for each in told.troubles()] == ["m2"]
    with database.read() as connection:
        assert connection.execute("SELECT count(*), min(sender) FROM notification").fetchone() == (1, "m2")
        assert connection.execute("SELECT count(*) FROM monitor_run").fetchone() == (1,)
    database.close()
