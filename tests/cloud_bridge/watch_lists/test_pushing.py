"""Lists of vehicles follow monitors, fleets and profiles; the broker's copy follows them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloud_bridge.identity.strangers import Strangers
from cloud_bridge.settings import Database as DatabaseSettings
from cloud_bridge.settings import Settings, Vehicles
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.identities import Issued
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.registry import Fleet, Vehicle
from cloud_bridge.store.port.watch_lists import WatchLists
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.watch_lists import SqliteWatchLists
from cloud_bridge.threads.faults import Faults
from cloud_bridge.watch_lists import pushing
from cloud_bridge.watch_lists.line import Report
from cloud_bridge.watch_lists.pushing import Pushing
from contract.anchor import MAXIMUM_UTC_MS
from contract.command import Watching, decode_command
from contract.signing import key_id, public_key
from contract.watching import Condition, Operator, WatchList, WatchReport, decode_list
from contract.wire import digest
from tests.cloud_bridge.monitors.bodies import body, data
from tests.conftest import ROOT

ONE, TWO, THREE = "VR3CANL1FT0000001", "VR3CANL1FT0000002", "VR3CANL1FT0000003"
KEY = bytes([1] * 32)
KEYS = {key_id(public_key(KEY)): public_key(KEY)}
FAST = Condition(Operator.ABOVE, ("kinetic.speed",), (50.0,), 2.0)
LOCKS = Condition(Operator.CHANGED, ("doorsState.locked*",))
SPEEDING = body(data("a", "vehicle.kinetic.speed", "greaterThan", "50"))
LOCKING = body(data("a", "vehicle.doorsState.lockedState", "onChange"))


class Broker:
    """Keeps what is retained, as a broker does; `takes`: whether it takes anything over."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.takes = True
        self.on_publish: Callable[[], None] = lambda: None
        self.published = 0
        self.said: list[Report] = []
        self.lost = False

    def publish(self, lists: Mapping[str, bytes]) -> set[str]:
        if not self.takes:
            return set()
        self.published += len(lists)
        self.retained |= lists
        self.on_publish()
        return set(lists)

    def take_back(self, vin: str) -> None:
        self.retained.pop(vin, None)

    def reports(self) -> list[Report]:
        said, self.said = self.said, []
        return said

    def forgotten(self) -> bool:
        lost, self.lost = self.lost, False
        return lost


class World:
    def __init__(self, folder: Path) -> None:
        self.profiles = folder / "vehicles"
        self.profiles.mkdir()
        shutil.copy(ROOT / "config" / "vehicles" / "demo-car.toml", self.profiles)
        self.storage = Storage(
            Settings(database=DatabaseSettings(folder / "bridge.db"), vehicles=Vehicles(self.profiles))
        )
        self.broker = Broker()
        self.faults = Faults()
        self.now_ms = 1_700_000_000_000
        for fleet in ("f1", "f2"):
            self.storage.registry.add_fleet(Fleet(fleet, fleet, "", 1, 1))
        for vin, fleets in ((ONE, ["f1"]), (TWO, ["f1", "f2"]), (THREE, ["f2"])):
            self.add(vin, *fleets)
        self.start()

    def start(self, lists: WatchLists | None = None) -> None:
        """A new process of the bridge."""
        storage = self.storage
        self.pushing = Pushing(
            lists or storage.watch_lists,
            storage.monitors,
            storage.profiles,
            self.broker,
            Strangers(storage.receiving, lambda: self.now_ms),
            self.faults,
            KEY,
            lambda: self.now_ms,
            lambda: None,
        )

    def add(self, vin: str, *fleets: str) -> None:
        self.storage.registry.add_vehicle(Vehicle(vin.lower(), vin, "demo-car", "", "Thermic", 1, 1), fleets)

    def monitor(self, fleet: str, name: str, asked: dict[str, Any]) -> None:
        text = json.dumps(asked).encode()
        self.storage.monitors.add(Monitor(name, fleet, text, "Running", 1, self.now_ms, self.now_ms), 1000)

    def turn(self) -> dict[str, tuple[Condition, ...]]:
        """What each vehicle finds at the broker after it."""
        self.now_ms += 1000
        self.pushing.turn()
        return {vin: self.list_of(vin).conditions for vin in self.broker.retained}

    def list_of(self, vin: str) -> WatchList:
        received = decode_command(self.broker.retained[vin])
        assert received.command.vin == vin
        assert received.signature is not None
        assert received.signature.by_one_of(KEYS)
        assert isinstance(received.command.body, Watching)
        return decode_list(received.command.body.document)

    def reports(self, vin: str, report: WatchReport | None = None) -> None:
        """The vehicle says what it has: by default what it found."""
        if report is None:
            listed = self.storage.watch_lists.listed(vin)
            assert listed is not None
            report = WatchReport(listed.number, digest(listed.document))
        self.broker.said.append(Report(vin, report))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.storage.close()


def test_without_monitors_nothing_is_published(world: World) -> None:
    assert world.turn() == {}
    assert world.storage.watch_lists.due() is None


def test_vehicles_watch_what_running_monitors_of_all_their_fleets_wait_for(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.monitor("f2", "m2", LOCKING)
    assert world.turn() == {ONE: (FAST,), TWO: (FAST, LOCKS), THREE: (LOCKS,)}


def test_a_list_is_published_once_and_stays_while_nothing_changes(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    before = dict(world.broker.retained)
    world.monitor("f2", "m2", SPEEDING)
    assert world.turn() == {ONE: (FAST,), TWO: (FAST,), THREE: (FAST,)}
    assert {vin: world.broker.retained[vin] for vin in before} == before
    assert world.broker.published == 3


def paused(world: World) -> None:
    world.storage.monitors.set_status("f1", "m1", "Paused", world.now_ms)


def deleted(world: World) -> None:
    world.storage.monitors.delete("f1", "m1")


def replaced(world: World) -> None:
    world.storage.monitors.replace("f1", "m1", json.dumps(LOCKING).encode(), world.now_ms)


@pytest.mark.parametrize(("change", "watched"), [(paused, ()), (deleted, ()), (replaced, (LOCKS,))])
def test_what_is_watched_goes_with_its_monitor(
    world: World, change: Callable[[World], None], watched: tuple[Condition, ...]
) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    first = world.list_of(ONE).number
    change(world)
    assert world.turn() == {ONE: watched, TWO: watched}
    assert world.list_of(ONE).number > first


def test_a_vehicle_that_joins_a_fleet_watches_for_it(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    world.add(THREE, "f1")
    world.add("VR3CANL1FT0000004", "f1")
    assert world.turn()[THREE] == world.turn()["VR3CANL1FT0000004"] == (FAST,)


def test_a_profile_that_changes_changes_what_is_watched(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    file = world.profiles / "demo-car.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith('"kinetic.speed"')]
    file.write_text("\n".join(lines))
    world.start()
    assert world.turn() == {ONE: (), TWO: ()}


def test_what_the_broker_did_not_take_over_is_published_by_the_next_process(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.broker.takes = False
    assert world.turn() == {}
    world.start()
    world.broker.takes = True
    assert world.turn() == {ONE: (FAST,), TWO: (FAST,)}


def test_a_broker_that_forgot_everything_gets_it_again(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    before = dict(world.broker.retained)
    world.broker.retained.clear()
    assert world.turn() == {}
    world.broker.lost = True
    assert world.turn() == {ONE: (FAST,), TWO: (FAST,)}
    assert world.broker.retained == before


def test_a_vehicle_that_has_another_list_gets_its_own_again(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    world.broker.retained.clear()
    world.reports(ONE)
    assert world.turn() == {}
    world.reports(ONE, WatchReport())
    assert world.turn() == {ONE: (FAST,)}


@pytest.mark.parametrize("vin", [ONE, THREE])
def test_a_list_that_is_not_known_here_is_overcome_by_a_greater_number(world: World, vin: str) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    unknown = 1_800_000_000_000
    world.reports(vin, WatchReport(unknown, bytes(8)))
    assert world.turn()[vin] == ((FAST,) if vin == ONE else ())
    assert world.list_of(vin).number > unknown
    same = world.list_of(vin).number
    world.reports(vin, WatchReport(same, b"another!"))
    world.turn()
    assert world.list_of(vin).number > same


@pytest.mark.parametrize("number", [MAXIMUM_UTC_MS - 1, MAXIMUM_UTC_MS])
def test_a_number_that_no_list_of_ours_can_have_is_believed_of_no_vehicle(world: World, number: int) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    before = world.list_of(ONE)
    world.reports(ONE, WatchReport(number, bytes(8)))
    world.turn()
    assert world.list_of(ONE) == before
    world.monitor("f1", "m2", LOCKING)
    assert world.turn()[ONE] == (FAST, LOCKS)


def test_what_is_due_while_the_database_refuses_is_done_when_it_does_no_more(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    impatient = Database(world.storage.database.path, busy_timeout_s=0.05)
    world.start(SqliteWatchLists(impatient))
    world.turn()
    world.broker.retained.clear()
    world.broker.lost = True
    world.reports(ONE, WatchReport())
    with world.storage.database.write(), pytest.raises(StoreError):
        world.pushing.turn()
    assert world.turn() == {ONE: (FAST,), TWO: (FAST,)}
    impatient.close()


def test_what_a_vehicle_cannot_watch_is_known_and_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    listed = world.storage.watch_lists.listed(ONE)
    assert listed is not None
    assert listed.skipped is None
    for _ in range(2):
        world.reports(ONE, WatchReport(listed.number, digest(listed.document), ("kinetic.speed",)))
        world.turn()
    found = world.storage.watch_lists.listed(ONE)
    assert found is not None
    assert found.skipped == ("kinetic.speed",)
    assert [record.getMessage() for record in caplog.records] == [f"vehicle {ONE} cannot watch kinetic.speed"]


def test_a_list_made_of_what_was_before_a_change_is_not_written(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    due = world.storage.watch_lists.due()
    assert due is not None
    world.monitor("f2", "m2", LOCKING)
    assert not world.storage.watch_lists.settle(due, {ONE: (FAST,)}, 1)
    assert world.storage.watch_lists.listed(ONE) is None
    assert world.turn()[TWO] == (FAST, LOCKS)


def test_a_vehicle_that_is_erased_has_no_list(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.turn()
    world.storage.erasing.erase(ONE)
    assert world.storage.watch_lists.listed(ONE) is None
    assert world.storage.watch_lists.to_publish(10) == []
    world.reports(ONE, WatchReport(world.list_of(ONE).number, bytes(8)))
    assert world.turn() == {TWO: (FAST,)}
    assert world.storage.watch_lists.listed(ONE) is None
    assert world.storage.receiving.intake(ONE).refusals == {"unregistered": 1}


def test_a_list_that_is_published_while_its_vehicle_is_erased_is_taken_back(world: World) -> None:
    world.monitor("f1", "m1", SPEEDING)

    def erase() -> None:
        if world.storage.registry.vehicle(ONE) is not None:
            world.storage.erasing.erase(ONE)

    world.broker.on_publish = erase
    world.turn()
    assert set(world.broker.retained) == {TWO}


def test_a_vehicle_that_is_revoked_finds_nothing_and_is_not_believed_until_it_has_another_certificate(
    world: World,
) -> None:
    world.storage.identities.add(Issued(1, ONE, b"one", world.now_ms, 2 * world.now_ms))
    world.monitor("f1", "m1", SPEEDING)
    assert world.turn() == {ONE: (FAST,), TWO: (FAST,)}
    world.storage.identities.revoke(ONE, world.now_ms)
    world.reports(ONE, WatchReport(1_800_000_000_000, bytes(8), ("kinetic.speed",)))
    assert world.turn() == {TWO: (FAST,)}
    assert world.storage.receiving.intake(ONE).refusals == {"revoked": 1}
    world.storage.identities.add(Issued(2, ONE, b"two", world.now_ms, 2 * world.now_ms))
    assert world.turn() == {ONE: (FAST,), TWO: (FAST,)}
    world.storage.identities.revoke(ONE, world.now_ms)
    world.monitor("f1", "m2", LOCKING)
    assert world.turn() == {ONE: (FAST,), TWO: (FAST, LOCKS)}  # Whoever revokes it takes back what is there.
    world.storage.identities.add(Issued(3, ONE, b"three", world.now_ms, 2 * world.now_ms))
    assert world.turn() == {ONE: (FAST, LOCKS), TWO: (FAST, LOCKS)}
    assert world.list_of(ONE).number < 1_800_000_000_000


class Defective:
    """Raises what nobody should, for what a test names."""

    def __init__(self, function: Callable[..., Any], *names: str) -> None:
        self._function = function
        self._names = names

    def __call__(self, *arguments: Any) -> Any:
        if any(name in str(arguments) for name in self._names):
            raise ZeroDivisionError
        return self._function(*arguments)


@pytest.mark.parametrize("part", ["_wanted", "_signed", "_take"])
def test_a_defect_with_one_vehicle_costs_no_other_and_is_counted_and_named(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.monitor("f2", "m2", LOCKING)
    defective = Defective(getattr(world.pushing, part), TWO)
    monkeypatch.setattr(world.pushing, part, defective)
    if part == "_take":
        world.reports(TWO, WatchReport(9))
        world.reports(THREE, WatchReport(9))
    for _ in range(3):
        found = world.turn()
    assert found[ONE] == (FAST,)
    assert found[THREE] == (LOCKS,)
    assert (TWO in found) is (part == "_take")
    assert world.faults.counts == {"watch lists": 1}
    assert f"vehicle {TWO}" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    world.start()
    world.monitor("f2", "m3", SPEEDING)
    assert world.turn()[TWO] == (FAST, LOCKS)


def test_a_defect_with_one_monitor_costs_the_others_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.monitor("f1", "m1", SPEEDING)
    world.monitor("f1", "m2", LOCKING)
    monkeypatch.setattr(pushing, "_watch", Defective(pushing._watch, "id='m1'"))
    assert world.turn() == {ONE: (LOCKS,), TWO: (LOCKS,)}
    assert world.faults.counts["watch lists"] >= 1


def test_thousands_of_vehicles_are_settled_at_once(world: World) -> None:
    for number in range(2000):
        world.add(f"VR3CANL1GT{number:07}", "f1")
    world.monitor("f1", "m1", SPEEDING)
    assert len(world.turn()) == 2002
