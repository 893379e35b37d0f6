"""From when on monitors have to be evaluated is marked with what changed it, and nothing is written of others."""

from __future__ import annotations

from msgspec.structs import replace

from cloud_bridge.store.port.monitoring import Evaluated, Progress
from cloud_bridge.store.port.outbox import Notification
from cloud_bridge.store.port.registry import Theft
from cloud_bridge.store.port.times import BEGINNING_MS
from cloud_bridge.store.sqlite.monitoring import SqliteMonitoring
from contract.upload import Event, Reason
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.monitors.bodies import body, data
from tests.cloud_bridge.monitors.kept import Kept
from tests.cloud_bridge.vehicle import EPOCH_MS, OTHER_VIN, VIN, Boot, anchor, encode

FAST = body(data("fast1", "vehicle.kinetic.speed", "greaterThan", "50"))
BOOT = Boot()


def sent(cloud: Cloud, *payloads: bytes) -> None:
    cloud.send_manifest()
    cloud.send(*payloads)
    cloud.deriver.derive(VIN)


def progress(cloud: Cloud) -> Progress:
    found = SqliteMonitoring(cloud.database).progress(VIN)
    assert found is not None
    return found


def done(cloud: Cloud, *notifications: Notification) -> None:
    store = SqliteMonitoring(cloud.database)
    (until_ms, *_) = reversed(store.checkpoints(VIN, 0))
    done_now = Evaluated([(until_ms, b"states")], None, notifications)
    assert store.put([(progress(cloud), done_now)], 1) == (len(notifications), 0)


def test_of_a_vehicle_that_no_monitor_covers_nothing_is_written(cloud: Cloud) -> None:
    sent(cloud, BOOT.payload(0))
    cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS))
    assert cloud.rows("monitored") == []
    assert SqliteMonitoring(cloud.database).progress(VIN) is None


def test_what_is_new_is_marked_with_its_fold_until_it_is_evaluated(cloud: Cloud) -> None:
    store = SqliteMonitoring(cloud.database)
    Kept(cloud.database).add("m", FAST, EPOCH_MS)
    sent(cloud, BOOT.payload(0))
    assert store.to_evaluate(0) == [VIN]
    # The first time, everything is.
    assert progress(cloud).mark.dirty_from_ms == BEGINNING_MS
    done(cloud)
    assert store.to_evaluate(0) == []
    assert progress(cloud).mark.dirty_from_ms is None
    # A trip is one once it has shown that it goes anywhere: it began before.
    sent(cloud, BOOT.payload(1))
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 100
    done(cloud)
    sent(cloud, BOOT.payload(3))
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 30_000
    sent(cloud, BOOT.payload(2))
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 20_000


def test_a_trip_that_turns_out_to_be_over_and_a_crash_told_later_mark_when_they_were(cloud: Cloud) -> None:
    Kept(cloud.database).add("m", FAST, EPOCH_MS)
    sent(cloud, BOOT.payload(0), BOOT.payload(1))
    done(cloud)
    # That the trip was over is told an hour later: it ended with what was last said of it.
    cloud.now_ms += 3_600_000
    later = Boot(b"later--boot00000", anchor=anchor(error_ms=3_600_000))
    sent(cloud, later.payload(0), later.payload(1))
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 19_000
    done(cloud)
    sent(cloud, encode(replace(later.upload(2), reason=Reason.EVENT, events=(Event(8000, "crash"),))))
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 3_608_000


def test_a_theft_and_its_end_mark_when_they_were_said_to_be(cloud: Cloud) -> None:
    Kept(cloud.database).add("m", FAST, EPOCH_MS)
    sent(cloud, BOOT.payload(0))
    done(cloud)
    cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS + 5000))
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 5000
    cloud.registry.end_theft(VIN, EPOCH_MS + 5001, 1)
    assert progress(cloud).mark.dirty_from_ms == EPOCH_MS + 5000
    done(cloud)
    cloud.registry.add_theft(VIN, Theft("u", EPOCH_MS + 6000))
    assert SqliteMonitoring(cloud.database).to_evaluate(0) == [VIN]


def test_nothing_is_written_of_what_is_not_so_any_more(cloud: Cloud) -> None:
    store, kept = SqliteMonitoring(cloud.database), Kept(cloud.database)
    monitor_id = kept.add("m", FAST, EPOCH_MS)
    sent(cloud, BOOT.payload(0))
    told = Notification("0" * 32, monitor_id, "f1", VIN, EPOCH_MS, False, b"{}", {})
    for change in (
        lambda: sent(cloud, BOOT.payload(1)),
        lambda: kept.pause(monitor_id, EPOCH_MS + 1),
        lambda: kept.add("n", FAST, EPOCH_MS),
        lambda: kept.replace(monitor_id, FAST, EPOCH_MS + 2),
        lambda: cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS)),
        lambda: kept.delete(monitor_id),
        lambda: done(cloud),
    ):
        before = progress(cloud)
        change()
        assert store.put([(before, Evaluated([], None, [told]))], 1) == (0, 1)
        assert cloud.rows("notification") == []


def test_states_stand_beside_states_of_the_fold_and_go_with_them(cloud: Cloud) -> None:
    Kept(cloud.database).add("m", FAST, EPOCH_MS)
    store = SqliteMonitoring(cloud.database)
    sent(cloud, BOOT.payload(0))
    done(cloud)
    # The newest values where the states are stay known until they are passed.
    sent(cloud, BOOT.payload(1))
    beside = store.states(VIN, EPOCH_MS + 10_000)
    assert beside is not None
    assert (beside.checkpoint.until_ms, beside.states) == (EPOCH_MS + 10_000, b"states")
    assert [row[1] for row in cloud.rows("checkpoint")] == [EPOCH_MS + 10_000, EPOCH_MS + 20_000]
    done(cloud)
    assert [row[1] for row in cloud.rows("checkpoint")] == [EPOCH_MS + 20_000]
    assert store.states_at(VIN, EPOCH_MS + 20_000) == b"states"
    cloud.deriver.rebuild(VIN)
    assert cloud.rows("monitor_state") == []


def test_only_running_monitors_cover_and_only_their_fleet(cloud: Cloud) -> None:
    store, kept = SqliteMonitoring(cloud.database), Kept(cloud.database)
    assert store.covered([VIN, OTHER_VIN, "VF3STRANGER000001"], 20) == []
    monitor_id = kept.add("m", FAST, EPOCH_MS)
    assert store.covered([VIN, "VF3STRANGER000001"], 20) == [VIN]
    kept.pause(monitor_id, EPOCH_MS + 5)
    assert store.covered([VIN, OTHER_VIN], 20) == []
    kept.resume(monitor_id, EPOCH_MS + 9)
    (monitor,) = store.monitors("f1")[1]
    assert monitor.running == ((EPOCH_MS, EPOCH_MS + 5), (EPOCH_MS + 9, None))
    assert store.covered([OTHER_VIN], 20) == [OTHER_VIN]
    cloud.send_manifest()
    cloud.send(*[BOOT.payload(number) for number in range(3)])
    assert (store.covered([VIN], 2), store.covered([VIN], 3)) == ([], [VIN])
