"""A theft decides what may be asked of a vehicle, and the vehicle hears when it is over."""

from __future__ import annotations

import pytest

from cloud_bridge.actions.life import AWAKE_MS
from cloud_bridge.store.port.errors import RegistryError
from contract.actions import Immobilization, Stolen, Tracking
from contract.result import Outcome
from tests.cloud_bridge.remote.world import VIN, World


def test_a_theft_is_recorded_and_decides_what_may_be_asked(world: World) -> None:
    world.heard()
    track = {"stolen": {"trackingPeriod": {"running": 30, "shutdown": 120}}}
    stop = {"stolen": {"immobilization": {"activate": True}}}
    assert world.story(world.ask(stop)) == ["Failed NotPossibleDueToVehicleStolenState"]
    assert world.story(world.ask({"stolen": {"stolen": True}})) == ["Accepted", "Success"]
    (theft,) = world.registry.thefts(VIN)
    assert (theft.started_at_ms, theft.ended_at_ms, theft.declared_at_ms) == (world.now_ms, None, world.now_ms)
    with pytest.raises(RegistryError):
        world.registry.add_theft(VIN, theft)
    assert world.story(world.ask({"stolen": {"stolen": True}})) == ["Accepted", "AlreadyDone"]
    assert world.story(world.lock()) == ["Failed NotPossibleDueToVehicleStolenState"]
    assert world.drive() == []
    for body, action in ((track, Stolen(tracking=Tracking(30, 120))), (stop, Immobilization(on=True))):
        asked = world.ask(body)
        (command,) = world.drive()
        assert command.body == action
        world.answer(command, Outcome.DONE)
        assert world.story(asked)[-1] == "Success"
        assert world.now(asked).type == "Stolen"
    world.pass_ms(1000)
    recovered = world.ask({"stolen": {"stolen": False}})
    (theft,) = world.registry.thefts(VIN)
    assert theft.ended_at_ms == world.now_ms
    assert world.story(recovered) == ["Accepted"]
    (command,) = world.drive()
    assert command.body == Stolen(stolen=False)
    world.answer(command, Outcome.RECEIVED, Outcome.DONE)
    assert world.story(recovered) == ["Accepted", "SentToVehicle", "Success"]
    assert world.story(world.ask({"stolen": {"stolen": False}})) == ["Accepted", "AlreadyDone"]
    assert world.story(world.ask({"stolen": {"immobilization": {"activate": False}}})) == ["Accepted"]


def test_an_owner_may_immobilize_a_vehicle_that_is_not_stolen_but_not_one_that_keeps_everything_back(
    world: World,
) -> None:
    world.heard()
    asked = world.ask({"immobilization": {"activate": True}})
    (command,) = world.drive()
    assert command.body == Immobilization(on=True)
    world.answer(command, Outcome.DONE)
    assert world.story(asked) == ["Accepted", "SentToVehicle", "Success"]
    world.says(privacy__state="Full")
    assert world.story(world.ask({"immobilization": {"activate": True}})) == [
        "Failed NotPossibleDueToVehiclePrivacyLevel"
    ]


def test_a_vehicle_that_was_not_tracked_need_not_hear_that_it_was_recovered(world: World) -> None:
    assert world.story(world.ask({"stolen": {"stolen": True}})) == ["Accepted", "Success"]
    assert world.story(world.ask({"stolen": {"stolen": False}})) == ["Accepted", "Success"]
    assert world.drive() == []


def test_a_vehicle_that_does_not_hear_that_it_was_recovered_is_told_with_the_next_request(world: World) -> None:
    world.heard()
    world.ask({"stolen": {"stolen": True}})
    world.ask({"stolen": {"trackingPeriod": {"running": 30}}})
    (command,) = world.drive()
    world.answer(command, Outcome.DONE)
    world.pass_ms(AWAKE_MS)
    for _ in range(world.rules.wake_ups + 1):  # The month's wake-ups do not keep a theft from ending.
        action = world.ask({"stolen": {"stolen": False}})
        world.drive(world.rules.reach_ms)
        assert world.story(action) == ["Accepted", "WakingUpVehicle", "Failed VehicleConnectionTimeout"]
    (theft,) = world.registry.thefts(VIN)
    assert theft.ended_at_ms is not None
    world.heard()
    action = world.ask({"stolen": {"stolen": False}})
    (command,) = world.drive()
    assert command.body == Stolen(stolen=False)
    world.answer(command, Outcome.ALREADY_DONE)
    assert world.story(action)[-1] == "AlreadyDone"
    assert world.story(world.ask({"stolen": {"stolen": False}})) == ["Accepted", "AlreadyDone"]
