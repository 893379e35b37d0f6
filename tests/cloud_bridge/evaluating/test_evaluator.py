"""Monitors over what vehicles sent: each thing that happens while one runs is told once, whatever comes when."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_bridge.store.port.monitoring import Evaluated
from cloud_bridge.store.port.registry import Fleet, Theft, Vehicle
from cloud_bridge.store.sqlite.erasing import SqliteErasing
from contract.upload import Event, Reason
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.test_implausible import odometer
from tests.cloud_bridge.evaluating.world import DOOR, ENDED, FAST, OIL, STARTED, STOLEN, Watched
from tests.cloud_bridge.monitors.bodies import body, data, time, zone
from tests.cloud_bridge.monitors.kept import Kept
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, OTHER_VIN, PROFILE, VIN, Boot, anchor, encode

BOOT = Boot()
EMPTY = Evaluated((), None, ())
HOUR_S = 3600


def later(hours: float) -> Boot:
    """Another boot, so many hours later."""
    return Boot(b"%-16d" % round(hours * 1000), anchor=anchor(error_ms=round(hours * 3_600_000)))


@pytest.fixture
def watched(cloud: Cloud) -> Watched:
    cloud.now_ms = EPOCH_MS + 100 * 24 * 3_600_000
    return Watched(cloud)


def reopened(cloud: Cloud, folder: Path) -> Watched:
    """As after the process was killed."""
    cloud.database.close()
    again = Cloud(folder)
    again.now_ms = cloud.now_ms
    return Watched(again)


def test_what_begins_is_told_once_and_again_only_after_it_ended(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    assert watched.say(BOOT.payload(0)) == []
    assert watched.say(BOOT.payload(1, speed_kmh=60.0)) == [10]
    assert watched.say(BOOT.payload(2, speed_kmh=70.0)) == []
    assert watched.say(BOOT.payload(3, speed_kmh=40.0)) == []
    assert watched.say(BOOT.payload(4, speed_kmh=60.0), BOOT.payload(2, speed_kmh=70.0)) == [40]
    assert watched.told(monitor) == [10, 40]


def test_each_order_of_what_comes_tells_each_event_once(tmp_path: Path) -> None:
    speeds = {0: 60.0, 1: 30.0, 2: 60.0, 3: 30.0}
    for number, order in enumerate(permutations(speeds)):
        folder = tmp_path / str(number)
        folder.mkdir()
        cloud = Cloud(folder)
        cloud.register_both()
        watched = Watched(cloud)
        monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
        for sequence in order:
            watched.say(BOOT.payload(sequence, speed_kmh=speeds[sequence]))
        assert watched.told(monitor) == [0, 20]
        cloud.database.close()


def test_several_monitors_and_vehicles_are_told_of_apart(watched: Watched) -> None:
    fast, oil = watched.kept.add("f", body(FAST), EPOCH_MS), watched.kept.add("o", body(OIL), EPOCH_MS)
    other = Boot(vin=OTHER_VIN)
    watched.say(BOOT.payload(0, oil=True), BOOT.payload(1, speed_kmh=60.0))
    watched.say(other.payload(0, speed_kmh=60.0), other.payload(1, oil=False), vin=OTHER_VIN)
    assert (watched.told(fast), watched.told(oil)) == ([0, 10], [0.1])
    assert [row[3:6] for row in watched.cloud.rows("notification")] == [
        ("f1", VIN, EPOCH_MS + 100),
        ("f1", VIN, EPOCH_MS + 10_000),
        ("f1", OTHER_VIN, EPOCH_MS),
    ]


def test_what_holds_when_a_monitor_is_made_is_no_event_and_what_was_before_is_not_even_read(watched: Watched) -> None:
    cloud = watched.cloud
    watched.say(*[BOOT.payload(number, speed_kmh=60.0) for number in range(3)])
    watched.say(*[later(3).payload(number, speed_kmh=60.0) for number in range(3)])
    # What is of the first of the two hours cannot be read: whoever does fails.
    with cloud.database.write() as connection:
        connection.execute("UPDATE chunk SET body = x'00' WHERE boot = ?", (BOOT.id,))
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS + 4 * 3_600_000)
    assert watched.say(later(4).payload(0, speed_kmh=65.0), later(4).payload(1, speed_kmh=40.0)) == []
    assert watched.say(later(4).payload(2, speed_kmh=65.0)) == [4 * HOUR_S + 20]
    # Late data of before it was made.
    assert watched.say(later(3).payload(4, speed_kmh=40.0), later(3).payload(5, speed_kmh=60.0)) == []
    assert watched.told(monitor) == [4 * HOUR_S + 20]


def test_while_it_is_paused_nothing_is_told_also_not_later(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    assert watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0)) == [10]
    watched.kept.pause(monitor, EPOCH_MS + 15_000)
    assert watched.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0)) == []
    watched.kept.resume(monitor, EPOCH_MS + 45_000)
    # It holds when it is resumed.
    assert watched.say(BOOT.payload(4, speed_kmh=60.0), BOOT.payload(5, speed_kmh=60.0), BOOT.payload(6)) == []
    assert watched.say(BOOT.payload(8, speed_kmh=60.0)) == [80]
    # What comes late of when it was paused, and of when it ran.
    late = Boot(BOOT.id[:8] + b"late0000")
    assert watched.say(encode(replace(late.upload(2, speed_kmh=80.0), sequence=90))) == []
    assert watched.say(encode(replace(BOOT.upload(7, speed_kmh=55.0), sequence=91))) == []
    assert watched.told(monitor) == [10, 80]


def test_a_replaced_monitor_is_another_from_then_on(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    assert watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0)) == [10]
    watched.kept.replace(monitor, body(data("slow1", "vehicle.kinetic.speed", "lowerThan", "50")), EPOCH_MS + 20_000)
    assert watched.say(BOOT.payload(2, speed_kmh=60.0), BOOT.payload(3)) == [30]
    # Of its predecessor nothing is told any more.
    assert watched.say(encode(replace(BOOT.upload(1, speed_kmh=70.0), sequence=90))) == []
    assert not watched.cloud.deriver.rebuild(VIN)
    assert watched.evaluate() == 0
    assert watched.told(monitor) == [10, 30]


def test_of_a_deleted_monitor_nothing_is_told_and_the_others_go_on(watched: Watched) -> None:
    one, other = (watched.kept.add(name, body(FAST), EPOCH_MS) for name in "mn")
    assert len(watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))) == 2
    watched.kept.delete(one)
    assert watched.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0)) == [30]
    assert (watched.told(one), watched.told(other)) == ([], [10, 30])
    watched.kept.delete(other)
    assert watched.say(BOOT.payload(4), BOOT.payload(5, speed_kmh=60.0)) == []


def test_a_vehicle_that_joins_a_fleet_is_watched_from_then_on(watched: Watched) -> None:
    cloud = watched.cloud
    cloud.registry.add_fleet(Fleet("f2", "Two", "", 1, 1))
    mine = watched.kept.add("m", body(FAST), EPOCH_MS)
    theirs = Kept(cloud.database, "f2").add("n", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    joined_ms = EPOCH_MS + 40_000
    cloud.registry.add_vehicle(Vehicle("", VIN, MODEL, "", "", joined_ms, joined_ms), ["f1", "f2"])
    watched.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0), BOOT.payload(4, speed_kmh=60.0))
    watched.say(BOOT.payload(5), BOOT.payload(6, speed_kmh=60.0))
    assert (watched.told(mine), watched.told(theirs)) == ([10, 30, 60], [60])
    watched.say(encode(replace(BOOT.upload(0, speed_kmh=80.0), sequence=99)))
    assert watched.told(theirs) == [60]


def test_a_theft_is_told_when_it_is_reported_and_needs_no_word_of_the_vehicle(watched: Watched) -> None:
    cloud = watched.cloud
    monitor = watched.kept.add("m", body(STOLEN, refreshEvent=60), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1))
    cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS + 300_000))
    assert watched.evaluate() == 1
    assert watched.evaluate() == 0
    # The vehicle speaks again: nothing is told twice, and that it is still stolen is a reminder.
    watched.say(BOOT.payload(36))
    assert watched.rows() == [(monitor, 300, False), (monitor, 360, True)]
    cloud.registry.end_theft(VIN, EPOCH_MS + 400_000, cloud.now_ms)
    cloud.registry.add_theft(VIN, Theft("u", EPOCH_MS + 500_000))
    assert watched.evaluate() == 1
    assert watched.told(monitor) == [300, 500]


def test_a_theft_that_is_reported_for_a_time_before_tells_of_that_time(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(STOLEN, FAST, condition="stolen1 & fast1"), EPOCH_MS)
    watched.say(*[BOOT.payload(number, speed_kmh=60.0) for number in range(4)])
    watched.cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS + 15_500))
    assert watched.evaluate() == 1
    assert watched.told(monitor) == [15.5]


def test_a_trip_tells_of_its_start_and_of_its_end_when_it_is_known_to_be_over(watched: Watched) -> None:
    started, ended = watched.kept.add("s", body(STARTED), EPOCH_MS), watched.kept.add("e", body(ENDED), EPOCH_MS)
    long = watched.kept.add("l", body(data("far1", "vehicle.trip.distance", "greaterThan", "0.15")), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1), BOOT.payload(2))
    assert (watched.told(started), watched.told(ended), watched.told(long)) == ([0.1], [], [])
    # It ended with the last word, which only the silence after it tells.
    watched.say(later(1).payload(0), later(1).payload(1))
    assert (watched.told(started), watched.told(ended)) == ([0.1, HOUR_S + 0.1], [29])
    assert watched.told(long) == [29]


def test_a_collision_and_a_broken_window_tell_of_their_moment(watched: Watched, tmp_path: Path) -> None:
    richer = PROFILE.replace(
        "[data]",
        """[data]
"alarm.trigger.type" = { from = "Lamps.Oil", values = { Off = "NoBreakIn", On = "RoofBreakIn" } }
"collision.side" = { from = "Body.Door", values = { Open = "Rear" } }""",
    )
    (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(richer, encoding="utf-8")
    hit = watched.kept.add("c", body(data("c1", "vehicle.collision.side", "equalsTo", "Rear")), EPOCH_MS)
    broken = watched.kept.add("b", body(data("b1", "vehicle.alarm.trigger.type", "equalsTo", "RoofBreakIn")), EPOCH_MS)
    crash = replace(BOOT.upload(1), reason=Reason.EVENT, events=(Event(14_321, "crash"),))
    watched.say(BOOT.payload(0, oil=False), encode(crash))
    assert watched.told(hit) == []
    # Which side it was is said a moment later, and belongs to the moment of the crash.
    watched.say(BOOT.payload(2, door=True, oil=True))
    assert (watched.told(hit), watched.told(broken)) == ([14.321], [20.1])


def test_what_is_not_believed_is_told_by_no_monitor(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(data("far1", "vehicle.odometer", "greaterThan", "500000")), EPOCH_MS)
    watched.say(BOOT.payload(0), encode(odometer(BOOT.upload(1), 9_000_000)), BOOT.payload(2))
    assert watched.told(monitor) == []


def test_a_rebuild_tells_nothing_twice_also_of_what_was_delivered(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST, refreshEvent=60), EPOCH_MS)
    for number in range(20):
        watched.say(BOOT.payload(number, speed_kmh=60.0 if number > 2 else 30.0))
    told = watched.rows()
    assert [row[1:] for row in told] == [(30, False), (90, True), (150, True)]
    watched.delivered()
    assert not watched.cloud.deriver.rebuild(VIN)
    assert watched.evaluate() == 0
    assert watched.rows() == told
    watched.say(BOOT.payload(20), BOOT.payload(21, speed_kmh=60.0))
    assert watched.told(monitor) == [30, 210]


def test_a_better_time_moves_what_was_told_and_does_not_tell_it_again(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    rough = Boot(anchor=anchor(error_ms=900_000, uncertainty_ms=1000))
    watched.say(rough.payload(0), rough.payload(1, speed_kmh=60.0))
    assert watched.told(monitor) == [910]
    assert watched.say(BOOT.payload(2, speed_kmh=60.0)) == []
    assert watched.say(BOOT.payload(3), BOOT.payload(4, speed_kmh=60.0)) == [40]


def test_a_corrected_profile_tells_what_it_shows_to_have_happened_and_nothing_again(
    watched: Watched, tmp_path: Path
) -> None:
    fast, door = watched.kept.add("f", body(FAST), EPOCH_MS), watched.kept.add("d", body(DOOR), EPOCH_MS)
    wrong = PROFILE.replace('Open = "Open"', 'Open = "Closed"')
    (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(wrong, encoding="utf-8")
    watched.say(BOOT.payload(0, door=False), BOOT.payload(1, speed_kmh=60.0, door=True))
    assert (watched.told(fast), watched.told(door)) == ([10], [])
    (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(PROFILE, encoding="utf-8")
    watched.say()
    assert (watched.told(fast), watched.told(door)) == ([10], [10.1])


def test_of_an_erased_vehicle_nothing_is_told_and_nothing_is_left(watched: Watched) -> None:
    watched.kept.add("m", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    cloud = watched.cloud
    cloud.send(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0))
    cloud.deriver.sweep()
    SqliteErasing(cloud.database).erase(VIN)
    assert watched.evaluate() == 0
    for table in ("monitored", "monitor_state", "notification"):
        assert cloud.rows(table) == []
    cloud.register(VIN)
    assert watched.say(BOOT.payload(8), BOOT.payload(9, speed_kmh=60.0)) == [90]


def test_a_trigger_on_what_the_services_do_not_show_never_fires(watched: Watched) -> None:
    """`driving` is subscribed to: speeds and trips, no alerts, thefts, doors or places."""
    cloud = watched.cloud
    cloud.registry.subscribe(VIN, ["driving"], 1)
    fast = watched.kept.add("f", body(FAST), EPOCH_MS)
    started = watched.kept.add("s", body(STARTED), EPOCH_MS)
    night = watched.kept.add("n", body(time("t1", {"start": "PT22H", "duration": "PT6H"})), EPOCH_MS)
    unseen = [
        watched.kept.add("o", body(OIL), EPOCH_MS),
        watched.kept.add("t", body(STOLEN), EPOCH_MS),
        watched.kept.add("d", body(DOOR), EPOCH_MS),
        watched.kept.add("z", body(zone("in1", radius=10_000)), EPOCH_MS),
        watched.kept.add("x", body(zone("in1", radius=10_000), FAST, condition="!in1 & fast1"), EPOCH_MS),
    ]
    watched.say(BOOT.payload(0, door=False), BOOT.payload(1, speed_kmh=60.0, oil=True, door=True))
    cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS + 25_000))
    watched.evaluate()
    assert [watched.told(monitor) for monitor in unseen] == [[]] * 5
    assert (watched.told(fast), watched.told(started)) == ([10], [0.1])
    # Who may see trips may see when it drives: it is a quarter past eleven at night in Paris.
    assert watched.told(night) == [0.1]
    cloud.registry.subscribe(VIN, [], 1)
    watched.say(BOOT.payload(3), BOOT.payload(4, oil=False), BOOT.payload(5, oil=True))
    assert watched.told(unseen[0]) == [50.1]


def test_a_schedule_begins_while_the_vehicle_drives_also_if_it_says_nothing_more(watched: Watched) -> None:
    """The epoch of the tests is 22:13:20 in UTC."""
    cloud = watched.cloud
    late = time("late1", {"start": "PT22H14M", "duration": "PT1H"}, timeZone="Etc/UTC")
    monitor = watched.kept.add("m", body(late), EPOCH_MS)
    cloud.now_ms = EPOCH_MS + 20_000
    watched.say(BOOT.payload(0), BOOT.payload(1))
    (due,) = [row[3] for row in cloud.rows("monitored")]
    assert due == EPOCH_MS + 40_000 + 60_000
    cloud.now_ms = EPOCH_MS + 99_999
    assert watched.evaluate() == 0
    cloud.now_ms = EPOCH_MS + 100_000
    assert watched.evaluate() == 1
    assert watched.evaluate() == 0
    # What comes afterwards of the same time, and the vehicle's next word, tell the same.
    cloud.now_ms = EPOCH_MS + 200_000
    watched.say(BOOT.payload(3), BOOT.payload(5), BOOT.payload(7))
    assert watched.told(monitor) == [40]


def test_a_schedule_is_not_told_of_a_vehicle_that_was_parked_before(watched: Watched) -> None:
    cloud = watched.cloud
    late = time("late1", {"start": "PT22H14M", "duration": "PT1H"}, timeZone="Etc/UTC")
    watched.kept.add("m", body(late), EPOCH_MS)
    cloud.now_ms = EPOCH_MS + 20_000
    watched.say(BOOT.payload(0), BOOT.payload(1))
    watched.say(BOOT.payload(2, ignition=False))
    cloud.now_ms = EPOCH_MS + 200_000
    assert watched.evaluate() == 0
    assert [row[3] for row in cloud.rows("monitored")] == [None]


def test_a_process_that_ends_between_the_fold_and_the_evaluation_loses_and_repeats_nothing(
    watched: Watched, tmp_path: Path
) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    watched.cloud.send(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0))
    watched.cloud.deriver.sweep()
    again = reopened(watched.cloud, tmp_path)
    assert again.evaluate() == 1
    assert again.told(monitor) == [10, 30]
    # The fold goes on some times before anybody evaluates.
    for number in range(4, 8):
        again.cloud.send(BOOT.payload(number, speed_kmh=60.0 if number % 2 else 30.0))
        again.cloud.deriver.sweep()
    last = reopened(again.cloud, tmp_path)
    assert last.evaluate() == 2
    assert last.told(monitor) == [10, 30, 50, 70]
    assert last.evaluate() == 0
    last.cloud.database.close()


def test_two_processes_tell_the_same_once(watched: Watched, tmp_path: Path) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    other = Watched(Cloud(tmp_path))
    other.cloud.now_ms = watched.cloud.now_ms
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    assert other.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0)) == [30]
    watched.cloud.send(BOOT.payload(4), BOOT.payload(5, speed_kmh=60.0))
    watched.cloud.deriver.sweep()
    progress = other.cloud.evaluator._store.progress(VIN)
    assert progress is not None
    assert watched.evaluate() == 1
    assert other.cloud.evaluator._store.put([(progress, EMPTY)], 1) == (0, 1)
    assert other.evaluate() == 0
    assert watched.told(monitor) == [10, 30, 50]
    other.cloud.database.close()


def test_a_monitor_that_is_not_understood_any_more_is_named_once_and_the_others_go_on(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    odd = watched.kept.add("odd", {"label": "of another release"}, EPOCH_MS)
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    watched.kept.add("n", body(OIL), EPOCH_MS)
    watched.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0))
    assert watched.told(monitor) == [10, 30]
    assert [odd in record.getMessage() for record in caplog.records] == [True]


def test_a_monitor_that_is_made_leaves_the_others_their_states(watched: Watched) -> None:
    old = watched.kept.add("m", body(FAST), EPOCH_MS)
    for hour in range(5):
        watched.say(later(hour).payload(0), later(hour).payload(1, speed_kmh=60.0), later(hour).payload(2))
    watched.kept.add("n", body(OIL), EPOCH_MS + 2 * 3_600_000)
    watched.say(later(5).payload(0))
    # What is of the first two hours cannot be read: whoever does fails.
    with watched.cloud.database.write() as connection:
        connection.execute("UPDATE chunk SET body = x'00' WHERE from_ms < ?", (EPOCH_MS + 2 * 3_600_000,))
    assert watched.say(later(3.5).payload(0), later(3.5).payload(1, speed_kmh=60.0)) == [3.5 * HOUR_S + 10]
    assert len(watched.told(old)) == 6


def test_where_there_is_much_it_is_evaluated_in_legs_and_each_is_told_by_itself(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, look_at=3)
    cloud.register_both()
    cloud.now_ms = EPOCH_MS + 100 * 24 * 3_600_000
    watched = Watched(cloud)
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    cloud.send_manifest()
    for hour in range(12):
        cloud.send(later(hour).payload(0), later(hour).payload(1, speed_kmh=60.0))
    cloud.deriver.derive(VIN)
    legs = []
    while (swept := cloud.evaluator.sweep()).again:
        legs.append(swept.told)
    assert len(legs) >= 3
    assert all(0 < told <= 3 for told in legs)
    expected = [hour * HOUR_S + 10 for hour in range(12)]
    assert watched.told(monitor) == expected
    assert watched.rows()[-1][1] == expected[-1]
    cloud.deriver.rebuild(VIN)
    assert watched.evaluate() == 0
    cloud.database.close()


def test_states_that_cannot_be_read_are_left_out_and_said(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    with watched.cloud.database.write() as connection:
        connection.execute("UPDATE monitor_state SET states = x'c1'")
    assert watched.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0)) == [30]
    assert "cannot be read, and are left out" in caplog.text
    assert watched.told(monitor) == [10, 30]


def test_states_are_kept_as_sparsely_as_the_fold_s_and_evaluation_goes_on_from_each(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    hours = [0, 1, 2, 30, 31, 120, 121]
    for hour in hours:
        boot = later(hour)
        watched.say(boot.payload(0), boot.payload(1, speed_kmh=60.0), boot.payload(2))
    expected = [hour * HOUR_S + 10 for hour in hours]
    assert watched.told(monitor) == expected
    kept = {row[1] for row in watched.cloud.rows("monitor_state")}
    assert kept == {row[1] for row in watched.cloud.rows("checkpoint")}
    assert len(kept) == 5
    for hour in (0, 31, 2, 121):
        boot = later(hour + 0.2)
        watched.say(boot.payload(0), boot.payload(1, speed_kmh=60.0))
        expected.append(round((hour + 0.2) * HOUR_S) + 10)
    assert watched.told(monitor) == sorted(expected)
