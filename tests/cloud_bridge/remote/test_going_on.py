"""What is in progress goes on with whoever is there, and what cannot be gone on with is given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.remote import control, driver
from cloud_bridge.remote.driver import LEASE_MS
from cloud_bridge.store.port.remote import RemoteAction
from contract.result import Outcome
from contract.wire import Refusal, WireError
from tests.cloud_bridge.remote.world import OTHER_VIN, World


def test_two_bridges_never_go_on_with_one_action_at_the_same_time(world: World) -> None:
    world.heard()
    action = world.lock()
    (leased,) = world.actions.claim(world.now_ms, world.now_ms + LEASE_MS, 10)
    assert leased.id == action.id
    assert world.another_driver().drive() == 0
    assert world.drive(LEASE_MS)  # Who had it is gone.
    assert world.drive() == []


def test_a_bridge_that_was_killed_after_writing_and_before_sending_sends_it_when_it_is_back(tmp_path: Path) -> None:
    killed = World(tmp_path, has_broker=False)
    killed.heard()
    action = killed.lock()
    assert killed.drive() == []
    killed.close()
    back = World(tmp_path, now_ms=killed.now_ms + 10_000)
    (command,) = back.drive()
    back.answer(command, Outcome.DONE)
    assert back.story(action) == ["Accepted", "SentToVehicle", "Success"]
    back.close()


def test_an_action_of_a_release_that_knew_more_is_given_up(world: World) -> None:
    world.heard()
    action = world.lock()
    with world.database.write() as connection:
        connection.execute("UPDATE remote_action SET body = ?", (b'{"flyAway": true}',))
    assert world.drive() == []
    assert world.story(action)[-1] == "Failed GeneralError"


def test_a_vehicle_that_is_erased_leaves_nothing_to_go_on_with(world: World) -> None:
    world.heard()
    world.lock()
    claimed = world.actions.claim(world.now_ms, world.now_ms + LEASE_MS, 10)
    with world.database.write() as connection:
        connection.execute("DELETE FROM remote_action")
    assert world.control.look(claimed[0], world.now_ms) is None


@pytest.mark.parametrize("part", ["command_for", "seen"])
def test_an_action_that_shows_a_defect_is_given_up_and_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    asleep = part == "seen"  # Then what the vehicle said is looked at again.
    if not asleep:
        world.heard()
        world.heard(OTHER_VIN)
    action, other = world.lock(), world.lock(OTHER_VIN)
    is_first = True

    def defective(*arguments: object, **more: object) -> object:
        nonlocal is_first
        if is_first:
            is_first = False
            raise ZeroDivisionError
        return whole(*arguments, **more)

    module = control if asleep else driver
    whole = getattr(module, part)
    monkeypatch.setattr(module, part, defective)
    world.defects = 1
    world.drive(10_000)
    told = [world.story(each)[-1] for each in (action, other)]
    assert sorted(told) == sorted(["Failed GeneralError", "WakingUpVehicle" if asleep else "Accepted"])
    assert caplog.text.count("remote actions: a defect; what is of action") == 1
    assert world.drive(10_000) != []


def test_an_action_that_cannot_be_said_is_given_up_and_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.heard()
    action = world.lock()

    def refused(_: RemoteAction, __: bytes) -> bytes | None:
        raise WireError(Refusal.OUT_OF_RANGE, "beyond what a command can say")

    with monkeypatch.context() as broken:
        broken.setattr(driver, "command_for", refused)
        assert world.drive() == []
    assert world.story(action) == ["Accepted", "Failed GeneralError"]
    again = world.lock()
    (command,) = world.drive()
    assert command.id.hex() == again.id
