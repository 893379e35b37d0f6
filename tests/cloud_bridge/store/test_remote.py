"""What remote control keeps, in memory and on SQLite alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_bridge.actions.life import REMOTE_TYPES, Event, Known, Life, Phase, RemoteType
from cloud_bridge.store.port.outbox import Attempted, Notification, Trouble
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.port.remote import (
    Actions,
    Callbacks,
    Move,
    PendingError,
    RemoteAction,
    RemoteCallback,
    TooManyError,
)
from cloud_bridge.store.sqlite.callbacks import SqliteCallbacks
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.erasing import SqliteErasing
from cloud_bridge.store.sqlite.outbox import SqliteOutbox, put
from cloud_bridge.store.sqlite.pruning import SqlitePruning
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from cloud_bridge.store.sqlite.remote_actions import SqliteActions
from tests.cloud_bridge.remote.memory import MemoryActions, MemoryCallbacks

NOW = 1_800_000_000_000
"""2027-01-15"""
VIN, OTHER_VIN = "VF3ABCDE0FG000001", "VF3ABCDE0FG000002"
MONTH_MS = 31 * 24 * 3_600_000
Ports = tuple[Callbacks, Actions]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "bridge.db")
    registry = SqliteRegistry(database)
    for fleet in ("f1", "f2"):
        registry.add_fleet(Fleet(fleet, "Fleet", "", 1, 1))
    for number, vin in enumerate((VIN, OTHER_VIN)):
        registry.add_vehicle(Vehicle(f"{number:040}", vin, "model", "", "", 1, 1), ["f1"])
    yield database
    database.close()


@pytest.fixture(params=["memory", "SQLite"])
def ports(request: pytest.FixtureRequest, database: Database) -> Ports:
    if request.param == "memory":
        actions = MemoryActions()
        return MemoryCallbacks(actions), actions
    return SqliteCallbacks(database), SqliteActions(database)


def callback(identity: str, at_ms: int = NOW, types: tuple[RemoteType, ...] = REMOTE_TYPES) -> RemoteCallback:
    return RemoteCallback(identity, "f1", b'{"a": 1}', types, "Running", at_ms, at_ms)


def action(identity: str, type_: RemoteType = "Doors", vin: str = VIN, callback_id: str = "c1") -> RemoteAction:
    return RemoteAction(identity, callback_id, "f1", vin, type_, b"{}", Life(Phase.DONE, NOW), NOW, NOW)


def move(phase: Phase, *events: Event, at_ms: int = NOW, **more: bool) -> Move:
    return Move(Life(phase, at_ms), events, (), at_ms, **more)


def begin(
    actions: Actions, identity: str, phase: Phase = Phase.SENDING, at_ms: int = NOW, **more: bool
) -> RemoteAction:
    begun = actions.begin(
        action(identity), Known(), lambda _: move(phase, Event("Accepted"), at_ms=at_ms, **more), at_ms
    )
    assert begun is not None
    return begun


def test_callbacks_are_found_in_their_fleet_only(ports: Ports) -> None:
    callbacks, _ = ports
    first, second = callback("c1", NOW + 1, ("Doors",)), callback("c2", NOW, ("Horn", "Lights"))
    callbacks.add(first, 2)
    callbacks.add(second, 2)
    with pytest.raises(TooManyError):
        callbacks.add(callback("c3"), 2)
    assert callbacks.callback("f1", "c1") == first
    assert callbacks.callback("f2", "c1") is None
    assert callbacks.callback("f1", "c3") is None
    assert callbacks.callbacks("f1", None, 0, 10) == (2, [second, first])
    assert callbacks.callbacks("f1", None, 1, 1) == (2, [first])
    assert callbacks.callbacks("f1", ["Doors", "Horn"], 0, 10) == (2, [second, first])
    assert callbacks.callbacks("f1", ["Lights"], 0, 10) == (1, [second])
    assert callbacks.callbacks("f1", ["Navigation"], 0, 10) == (0, [])
    assert callbacks.callbacks("f2", None, 0, 10) == (0, [])


def test_callbacks_are_replaced_paused_and_deleted(ports: Ports) -> None:
    callbacks, actions = ports
    callbacks.add(callback("c1"), 9)
    changed = replace(callback("c1", types=("Horn",)), body=b"{}", status="Paused", created_at_ms=1, updated_at_ms=5)
    assert callbacks.replace(changed) == replace(callback("c1", types=("Horn",)), body=b"{}", updated_at_ms=5)
    assert callbacks.replace(replace(changed, fleet_id="f2")) is None
    paused = callbacks.set_status("f1", "c1", "Paused", 6)
    assert paused is not None
    assert (paused.status, paused.updated_at_ms) == ("Paused", 6)
    assert callbacks.set_status("f2", "c1", "Running", 7) is None
    assert callbacks.callback("f1", "c1") == paused
    begin(actions, "a1")
    with pytest.raises(PendingError):
        callbacks.delete("f1", "c1")
    actions.advance("a1", Known(), lambda *_: move(Phase.DONE, Event("Success")), NOW)
    assert not callbacks.delete("f2", "c1")
    assert callbacks.delete("f1", "c1")
    assert not callbacks.delete("f1", "c1")
    assert actions.action("c1", VIN, "a1") is None


def test_an_action_keeps_what_was_told_in_order(ports: Ports) -> None:
    callbacks, actions = ports
    callbacks.add(callback("c1"), 9)
    made = begin(actions, "a1")
    assert made == actions.action("c1", VIN, "a1")
    assert made.told == (Event("Accepted"),)
    failed = Event("Failed", "DoorsOpen")
    after = actions.advance(
        "a1", Known(), lambda *_: move(Phase.DONE, Event("SentToVehicle"), failed, at_ms=NOW + 9), NOW + 9
    )
    assert after is not None
    assert (after.told, after.life) == ((Event("Accepted"), Event("SentToVehicle"), failed), Life(Phase.DONE, NOW + 9))
    assert (after.asked_at_ms, after.updated_at_ms) == (NOW, NOW + 9)
    assert actions.action("c1", VIN, "a1") == after
    assert actions.action("c2", VIN, "a1") is None
    assert actions.action("c1", OTHER_VIN, "a1") is None

    def never(*_: object) -> Move:
        raise AssertionError

    assert actions.advance("a1", Known(), never, NOW + 10) == after
    assert actions.advance("a2", Known(), never, NOW + 10) is None


def test_actions_are_listed_newest_first(ports: Ports) -> None:
    callbacks, actions = ports
    callbacks.add(callback("c1"), 9)
    for number in range(3):
        begin(actions, f"a{number}", Phase.DONE, NOW + number)
    total, found = actions.actions("c1", VIN, 0, 2)
    assert (total, [one.id for one in found]) == (3, ["a2", "a1"])
    assert [one.id for one in actions.actions("c1", VIN, 2, 9)[1]] == ["a0"]
    assert actions.actions("c1", OTHER_VIN, 0, 9) == (0, [])
    assert actions.in_progress() == []


def test_what_is_due_is_claimed_once_until_the_lease_ends_or_it_is_advanced(ports: Ports) -> None:
    callbacks, actions = ports
    callbacks.add(callback("c1"), 9)
    begin(actions, "a1", at_ms=NOW)
    assert actions.claim(NOW - 1, NOW + 10, 9) == []
    (claimed,) = actions.claim(NOW, NOW + 10, 9)
    assert claimed == actions.action("c1", VIN, "a1")
    assert actions.claim(NOW + 9, NOW + 99, 9) == []
    assert [one.id for one in actions.claim(NOW + 10, NOW + 20, 9)] == ["a1"]
    actions.advance("a1", Known(), lambda *_: None, NOW + 11)
    assert [one.id for one in actions.claim(NOW + 11, NOW + 20, 9)] == ["a1"]
    actions.advance("a1", Known(), lambda *_: move(Phase.SENDING, at_ms=NOW + 50), NOW + 12)
    assert actions.claim(NOW + 49, NOW + 99, 9) == []
    assert len(actions.claim(NOW + 50, NOW + 99, 9)) == 1
    actions.advance("a1", Known(), lambda *_: move(Phase.DONE, Event("Success")), NOW + 51)
    assert actions.claim(NOW + MONTH_MS, NOW + MONTH_MS, 9) == []


def test_what_is_known_of_a_vehicle_is_added_to_what_was_seen(ports: Ports) -> None:
    callbacks, actions = ports
    callbacks.add(callback("c1"), 9)
    found: list[Known] = []

    def look(known: Known) -> Move:
        found.append(known)
        return move(Phase.DONE, Event("Success"))

    def known(type_: RemoteType = "Doors", at_ms: int = NOW, vin: str = VIN) -> Known:
        actions.begin(action(f"{len(found)}", type_, vin), Known(battery_percent=5.0), look, at_ms)
        return found[-1]

    assert known() == Known(battery_percent=5.0)
    assert known().lately == 1
    assert known(at_ms=NOW + 60_000).lately == 0
    begin(actions, "a1", Phase.WAKING, NOW + 60_001, wakes=True)
    assert known(at_ms=NOW + 60_001) == Known(
        battery_percent=5.0, is_same_in_progress=True, is_waking=True, lately=2, wake_ups=1
    )
    assert not known("Horn", NOW + 60_001).is_same_in_progress
    assert known(vin=OTHER_VIN).wake_ups == 0
    assert known(at_ms=NOW + MONTH_MS).wake_ups == 0
    assert (actions.wake_ups(VIN, NOW), actions.wake_ups(VIN, NOW + MONTH_MS)) == (1, 0)
    actions.answered(VIN, "none", lambda _: None, NOW + 60_002)
    assert known("Horn", NOW + 60_002).heard_at_ms == NOW + 60_002
    actions.advance("a1", Known(), lambda *_: move(Phase.SENDING, sends=True), NOW + 60_003)
    after = known("Horn", NOW + 60_003)
    assert (after.sent_at_ms, after.is_waking) == (NOW + 60_003, False)


def test_an_answer_is_of_the_vehicle_that_was_asked(ports: Ports) -> None:
    callbacks, actions = ports
    callbacks.add(callback("c1"), 9)
    begin(actions, "a1")
    done = move(Phase.DONE, Event("Success"))
    assert actions.answered(OTHER_VIN, "a1", lambda _: done, NOW) is None
    assert actions.answered(VIN, "a2", lambda _: done, NOW) is None
    unchanged = actions.answered(VIN, "a1", lambda _: None, NOW)
    assert unchanged is not None
    assert unchanged.life.phase is Phase.SENDING
    after = actions.answered(VIN, "a1", lambda _: done, NOW)
    assert after is not None
    assert after.told == (Event("Accepted"), Event("Success"))


def test_nothing_is_asked_with_a_callback_or_of_a_vehicle_that_was_deleted_meanwhile(database: Database) -> None:
    callbacks, actions = SqliteCallbacks(database), SqliteActions(database)
    done = move(Phase.DONE, Event("Success"))
    assert actions.begin(action("a1"), Known(), lambda _: done, NOW) is None
    callbacks.add(callback("c1"), 9)
    assert actions.begin(action("a1"), Known(), lambda _: done, NOW) is not None
    assert actions.begin(action("a2", vin="VF3STRANGER000009"), Known(), lambda _: done, NOW) is None
    SqliteRegistry(database).add_vehicle(Vehicle("9" * 40, "VF3STRANGER000009", "model", "", "", 1, 1), ["f2"])
    assert actions.begin(action("a2", vin="VF3STRANGER000009"), Known(), lambda _: done, NOW) is None


def test_a_vehicle_that_is_not_registered_is_not_remembered(database: Database) -> None:
    stranger = "VF3STRANGER000009"
    assert SqliteActions(database).answered(stranger, "a1", lambda _: None, NOW) is None
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM remote_contact").fetchone() == (0,)


def test_a_callback_that_is_deleted_has_nothing_waiting(database: Database) -> None:
    callbacks, actions = SqliteCallbacks(database), SqliteActions(database)
    callbacks.add(callback("c1"), 9)
    with database.write() as connection:
        put(connection, [Notification("n1", "c1", "f1", VIN, 1, False, b"{}", {})], NOW)
    outbox = SqliteOutbox(database)
    assert [one.sender for one in outbox.senders()] == ["c1"]
    outbox.settle([Attempted("c1", ("n1",), trouble=Trouble("c1", 1, 1, 1, 2))], 1)
    assert callbacks.replace(replace(callback("c1"), fleet_id="f2")) is None
    assert [one.sender for one in outbox.troubles()] == ["c1"]
    # With another target it is tried anew.
    assert callbacks.replace(callback("c1"))
    assert outbox.troubles() == []
    assert callbacks.delete("f1", "c1")
    assert SqliteOutbox(database).senders() == []
    assert actions.in_progress() == []


def test_actions_are_deleted_when_they_were_done_long_ago(database: Database) -> None:
    callbacks, actions, pruning = SqliteCallbacks(database), SqliteActions(database), SqlitePruning(database)
    callbacks.add(callback("c1"), 9)
    for number in range(3):
        begin(actions, f"a{number}", Phase.DONE, NOW + number, wakes=True)
    begin(actions, "going", at_ms=NOW)
    assert pruning.prune_remotes(NOW + 2, 1) == 1
    assert pruning.prune_remotes(NOW + 2, 9) == 1
    assert pruning.prune_remotes(NOW + 2, 9) == 0
    assert {one.id for one in actions.actions("c1", VIN, 0, 9)[1]} == {"a2", "going"}
    assert actions.wake_ups(VIN, NOW) == 3
    assert pruning.prune_remotes(NOW + MONTH_MS, 9) == 1
    assert actions.wake_ups(VIN, NOW) == 0


def test_an_erased_vehicle_leaves_nothing(database: Database) -> None:
    callbacks, actions = SqliteCallbacks(database), SqliteActions(database)
    callbacks.add(callback("c1"), 9)
    begin(actions, "a1", Phase.WAKING, wakes=True, sends=True)
    SqliteErasing(database).erase(VIN)
    with database.read() as connection:
        for table in ("remote_action", "remote_event", "remote_wake_up", "remote_contact"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert callbacks.callback("f1", "c1") is not None
