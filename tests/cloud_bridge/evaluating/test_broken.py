"""A monitor that cannot be evaluated has failed, says so, and costs nobody else anything."""

from __future__ import annotations

import json
import logging

import msgspec
import pytest
from msgspec.structs import replace

from cloud_bridge.monitors import kept
from cloud_bridge.monitors.episodes import State
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.sqlite.monitoring import SqliteMonitoring
from cloud_bridge.store.sqlite.monitors import SqliteMonitors
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.evaluating.world import FAST, OIL, Watched
from tests.cloud_bridge.monitors.bodies import body
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN, Boot

BOOT = Boot()
STATES = "SELECT until_ms, states FROM monitor_state WHERE vin = ? ORDER BY until_ms DESC LIMIT 1"


@pytest.fixture
def watched(cloud: Cloud) -> Watched:
    cloud.now_ms = EPOCH_MS + 24 * 3_600_000
    return Watched(cloud)


def monitor(watched: Watched, monitor_id: str) -> Monitor:
    found = SqliteMonitors(watched.cloud.database).monitor("f1", monitor_id)
    assert found is not None
    return found


def damage(watched: Watched, statement: str, *values: object) -> None:
    with watched.cloud.database.write() as connection:
        connection.execute(statement, values)


def change_state(watched: Watched, monitor_id: str, **changes: object) -> None:
    """Of one monitor, in the newest states."""
    with watched.cloud.database.read() as connection:
        until_ms, states = connection.execute(STATES, (VIN,)).fetchone()
    found = kept.decode(states)
    (key,) = (key for key in found.by_key if key.startswith(monitor_id))
    state = replace(msgspec.msgpack.decode(found.by_key[key], type=State), **changes)
    by_key = {**found.by_key, key: msgspec.Raw(kept.encode(state))}
    put = "UPDATE monitor_state SET states = ? WHERE vin = ? AND until_ms = ?"
    damage(watched, put, kept.encode(replace(found, by_key=by_key)), VIN, until_ms)


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (b'{"label": "of a newer program"}', "RefusedBodyError"),
        (b"\xff\x00", "RefusedBodyError"),
        (json.dumps(body(FAST)).replace("greaterThan", "sidewaysOf").encode(), "RefusedBodyError"),
    ],
)
def test_a_monitor_whose_definition_cannot_be_read_has_failed_and_the_others_go_on(
    watched: Watched, caplog: pytest.LogCaptureFixture, damaged: bytes, why: str
) -> None:
    broken, sound = watched.kept.add("b", body(FAST), EPOCH_MS), watched.kept.add("s", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    damage(watched, "UPDATE monitor SET body = ? WHERE id = ?", damaged, broken)
    watched.cloud.evaluator._library._fleets.clear()  # As in a program that starts now.
    watched.cloud.evaluator._library._together.clear()
    for number in range(2, 6):
        watched.say(BOOT.payload(number, speed_kmh=60.0 * (number % 2)))
    assert (watched.told(broken), watched.told(sound)) == ([10], [10, 30, 50])
    failed = monitor(watched, broken)
    assert (failed.status, failed.running) == ("Failed", ((EPOCH_MS, watched.cloud.now_ms),))
    assert SqliteMonitors(watched.cloud.database).failed() == 1
    (said,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert said.getMessage().startswith(f"monitor {broken} of fleet f1 has failed, and tells nothing: {why}")
    assert len(watched.cloud.stretches(VIN)) == 6
    watched.kept.replace(broken, body(FAST), EPOCH_MS + 60_000)
    assert monitor(watched, broken).status == "Running"
    watched.cloud.now_ms += 1
    later = Boot(b"later" * 3 + b"!")
    start_ms = monitor(watched, broken).updated_at_ms - EPOCH_MS
    first = start_ms // 10_000 + 1
    watched.say(later.payload(first), later.payload(first + 1, speed_kmh=60.0))
    assert watched.told(broken) == [10, (first + 1) * 10]


def test_a_monitor_whose_event_cannot_be_told_has_failed_and_tells_it_when_it_is_set_running(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {**body(FAST), "extendedEventParam": ["vehicle.collisions"]}
    broken, sound = watched.kept.add("b", asked, EPOCH_MS), watched.kept.add("s", body(OIL), EPOCH_MS)
    watched.say(BOOT.payload(0))
    put = "INSERT INTO record (vin, kind, id, from_ms, until_ms, body) VALUES (?, 'Collision', 'c', 1, 1, x'c1')"
    damage(watched, put, VIN)
    assert watched.say(BOOT.payload(1, speed_kmh=60.0, oil=True)) == [10.1]
    assert monitor(watched, broken).status == "Failed"
    assert monitor(watched, sound).status == "Running"
    assert watched.cloud.reader.status(VIN) is not None
    watched.say(BOOT.payload(2, oil=False), BOOT.payload(3, oil=True))
    assert (watched.told(broken), watched.told(sound)) == ([], [10.1, 30.1])
    (said,) = [one.getMessage() for one in caplog.records if "has failed" in one.getMessage()]
    assert said.startswith(f"monitor {broken} of fleet f1 has failed, and tells nothing: DecodeError: ")
    watched.kept.resume(broken, watched.cloud.now_ms)
    watched.say(BOOT.payload(4))
    assert monitor(watched, broken).status == "Failed"
    damage(watched, "DELETE FROM record WHERE id = 'c'")
    watched.kept.resume(broken, watched.cloud.now_ms + 1)
    watched.say(BOOT.payload(5))
    assert monitor(watched, broken).status == "Running"
    assert (watched.told(broken), watched.told(sound)) == ([10], [10.1, 30.1])


@pytest.mark.parametrize(
    "changes", [{"at_ms": EPOCH_MS * 2}, {"truths": (True, True, False)}, {"truths": ("neither",)}]
)
def test_a_monitor_whose_state_is_damaged_is_followed_anew_and_loses_and_repeats_nothing(
    watched: Watched, caplog: pytest.LogCaptureFixture, changes: dict[str, object]
) -> None:
    broken, sound = watched.kept.add("b", body(FAST), EPOCH_MS), watched.kept.add("s", body(FAST), EPOCH_MS)
    watched.say(BOOT.payload(0), BOOT.payload(1, speed_kmh=60.0))
    change_state(watched, broken, **changes)
    assert watched.say(BOOT.payload(2), BOOT.payload(3, speed_kmh=60.0)) == [30, 30]
    assert watched.say(BOOT.payload(4), BOOT.payload(5, speed_kmh=60.0)) == [50, 50]
    assert watched.told(broken) == watched.told(sound) == [10, 30, 50]
    assert monitor(watched, broken).status == "Running"
    assert sum("is followed anew" in one.getMessage() for one in caplog.records) == 1


def test_a_monitor_that_was_changed_meanwhile_has_not_failed(watched: Watched) -> None:
    name = watched.kept.add("b", body(FAST), EPOCH_MS)
    before = monitor(watched, name)
    store = SqliteMonitoring(watched.cloud.database)
    watched.kept.replace(name, body(OIL), EPOCH_MS + 1)
    assert not store.fail(before, EPOCH_MS + 2)
    assert monitor(watched, name).status == "Running"
    assert store.fail(monitor(watched, name), EPOCH_MS + 3)
    watched.kept.delete(name)
    assert not store.fail(before, EPOCH_MS + 4)
