"""Actions from the request to their end, on a real database: what is sent, and what callbacks are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.actions.life import AWAKE_MS, SETTLE_MS, Phase
from cloud_bridge.remote import control, driver
from cloud_bridge.remote.control import AGAIN_MS
from cloud_bridge.remote.driver import LEASE_MS
from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.identities import Issued
from cloud_bridge.store.port.remote import RemoteAction
from contract.actions import Doors, Immobilization, Stolen, Tracking, WakeUp
from contract.result import Cause, Outcome
from contract.wire import Refusal, WireError
from tests.cloud_bridge.remote.world import OTHER_VIN, VIN, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def test_an_awake_vehicle_gets_the_signed_command_and_the_callback_hears_each_step(world: World) -> None:
    world.heard()
    action = world.lock()
    assert world.story(action) == ["Accepted"]
    (command,) = world.drive()
    assert (command.vin, command.id.hex(), command.body) == (VIN, action.id, Doors(locked=True))
    assert (command.issued_utc_ms, command.expires_utc_ms) == (world.now_ms, world.now_ms + world.rules.reach_ms)
    world.answer(command, Outcome.RECEIVED)
    assert world.story(action) == ["Accepted", "SentToVehicle"]
    world.answer(command, Outcome.SENT, Outcome.DONE)
    assert world.story(action) == ["Accepted", "SentToVehicle", "Success"]
    assert world.told == 3
    assert world.drive(60_000) == []


def test_a_sleeping_vehicle_is_woken_up_and_only_then_asked(world: World) -> None:
    action = world.lock()
    assert world.story(action) == ["Accepted", "WakingUpVehicle"]
    (wake,) = world.drive()
    assert isinstance(wake.body, WakeUp)
    assert wake.id.hex() != action.id
    assert world.drive(500) == []
    world.pass_ms(1000)
    world.answer(wake, Outcome.DONE)
    assert world.drive() == []
    assert world.story(action)[2:] == ["CheckingVehicle"]
    world.pass_ms(1000)
    world.heard()
    (command,) = world.drive()
    assert isinstance(command.body, Doors)
    world.answer(command, Outcome.ALREADY_DONE)
    assert world.story(action)[2:] == ["CheckingVehicle", "SentToVehicle", "AlreadyDone"]


def test_an_upload_of_the_vehicle_is_enough_to_know_that_it_woke_up(world: World) -> None:
    action = world.lock()
    world.drive()
    world.pass_ms(700)
    world.heard()
    (command,) = world.drive()
    assert isinstance(command.body, Doors)
    assert world.story(action)[2:] == ["CheckingVehicle"]


def test_a_vehicle_that_says_nothing_of_itself_after_waking_is_asked_all_the_same(world: World) -> None:
    world.lock()
    (wake,) = world.drive()
    world.answer(wake, Outcome.REFUSED)  # Not allowed to wake it up; but it is there.
    assert world.drive() == []
    (command,) = world.drive(SETTLE_MS)
    assert isinstance(command.body, Doors)


def test_what_is_not_answered_is_sent_again_with_the_same_id_until_it_has_expired(world: World) -> None:
    world.heard()
    action = world.lock()
    first = world.drive()
    again = [command for _ in range(200) for command in world.drive(1000)]
    assert first + again == first * (1 + len(again))
    assert len(again) == world.rules.reach_ms // 10_000 - 1
    assert world.story(action) == ["Accepted", "Failed VehicleConnectionTimeout"]


def test_a_vehicle_that_took_it_is_asked_again_what_came_of_it_by_the_same_bytes(world: World) -> None:
    """With another expiry it would execute again what it had forgotten when that had expired."""
    world.heard()
    action = world.lock()
    (command,) = world.drive()
    world.pass_ms(15_000)
    world.answer(command, Outcome.RECEIVED)
    again = [command for _ in range(60) for command in world.drive(1000)]
    assert again == [command] * 2
    assert {payload for _, payload, _ in world.published} == {world.published[0][1]}
    assert world.story(action) == ["Accepted", "SentToVehicle", "Failed VehicleConnectionTimeout"]


def test_a_wake_up_is_the_same_command_before_and_after_the_vehicle_is_heard(world: World) -> None:
    world.ask({"wakeUp": {}})
    (command,) = world.drive()
    world.pass_ms(world.rules.reach_ms - 1000)
    world.heard()
    assert world.drive() == [command]
    assert world.drive(20_000) == [command]


@pytest.mark.parametrize(
    ("outcome", "cause", "told"),
    [
        (Outcome.REPEATED, None, "Success"),
        (Outcome.EXPIRED, None, "Failed VehicleConnectionTimeout"),
        (Outcome.REFUSED, None, "Failed MissingRights"),
        (Outcome.REFUSED, Cause.WRONG_COMMAND, "Failed WrongCommand"),
        (Outcome.UNTRUSTED, None, "Failed MissingRights"),
        (Outcome.FOREIGN, None, "Failed GeneralError"),
        *[(Outcome.FAILED, cause, f"Failed {cause.value}") for cause in Cause if cause is not Cause.TOO_MANY],
    ],
)
def test_what_the_vehicle_says_is_told_in_published_words(
    world: World, outcome: Outcome, cause: Cause | None, told: str
) -> None:
    world.heard()
    action = world.lock()
    (command,) = world.drive()
    world.answer(command, outcome, cause=cause)
    assert world.story(action) == ["Accepted", "SentToVehicle", told]


def test_a_vehicle_without_the_time_is_asked_again_and_may_know_it_then(world: World) -> None:
    world.heard()
    action = world.lock()
    (command,) = world.drive()
    world.answer(command, Outcome.TIMELESS)
    assert world.drive(10_000) == [command]
    world.answer(command, Outcome.DONE)
    assert world.story(action)[-1] == "Success"
    other = world.lock(OTHER_VIN)
    (wake,) = world.drive()
    world.answer(wake, Outcome.TIMELESS)
    world.drive()
    (command,) = world.drive(SETTLE_MS)
    world.answer(command, Outcome.TIMELESS)
    world.drive(world.rules.reach_ms + world.rules.answer_ms)
    assert world.story(other)[-1] == "Failed VehicleError"


def test_a_vehicle_that_has_no_room_for_it_is_asked_again_and_nothing_is_told_as_failed_that_may_be_done(
    world: World,
) -> None:
    world.heard()
    action = world.lock()
    (command,) = world.drive()
    world.answer(command, Outcome.FAILED, cause=Cause.TOO_MANY)
    assert world.story(action) == ["Accepted"]
    assert world.drive(10_000) == [command]
    world.answer(command, Outcome.DONE)
    assert world.story(action) == ["Accepted", "SentToVehicle", "Success"]
    other = world.ask({"horn": {"state": "Activated"}})
    (command,) = world.drive()
    world.answer(command, Outcome.FAILED, cause=Cause.TOO_MANY)
    world.drive(world.rules.reach_ms + world.rules.answer_ms)
    assert world.story(other) == ["Accepted", "Failed TooManyRequestSent"]


def test_answers_that_come_late_twice_or_from_another_vehicle_change_nothing(world: World) -> None:
    world.heard()
    action = world.lock()
    (command,) = world.drive()
    stranger = type(command)(command.id, OTHER_VIN, command.expires_utc_ms, command.body)
    world.answer(stranger, Outcome.DONE)
    assert world.story(action) == ["Accepted"]
    world.answer(command, Outcome.DONE, Outcome.DONE, Outcome.RECEIVED, Outcome.FAILED, cause=Cause.VEHICLE_ERROR)
    assert world.story(action) == ["Accepted", "SentToVehicle", "Success"]


def test_a_copy_that_expired_on_its_way_says_nothing_of_what_is_being_done(world: World) -> None:
    world.heard()
    action = world.lock()
    (command,) = world.drive()
    world.answer(command, Outcome.RECEIVED, Outcome.EXPIRED, Outcome.DONE)
    assert world.story(action) == ["Accepted", "SentToVehicle", "Success"]


def test_one_of_a_kind_at_a_time(world: World) -> None:
    world.heard()
    first = world.lock()
    second = world.ask({"door": {"state": "Unlocked"}})
    assert world.story(second) == ["Failed SameActionInProgress"]
    assert world.story(world.ask({"horn": {"state": "Activated"}})) == ["Accepted"]
    world.heard(OTHER_VIN)
    assert world.story(world.lock(OTHER_VIN)) == ["Accepted"]
    (command,) = [command for command in world.drive() if command.id.hex() == first.id]
    world.answer(command, Outcome.DONE)
    assert world.story(first)[-1] == "Success"
    assert world.story(world.lock()) == ["Accepted"]


def test_what_the_model_cannot_do_is_a_wrong_command(world: World) -> None:
    world.able = False
    assert world.story(world.lock()) == ["Failed WrongCommand"]


def test_too_many_at_once_are_refused(world: World) -> None:
    world.heard()
    for _ in range(world.rules.most_in_a_minute):
        world.lock()
    horn = {"horn": {"state": "Activated"}}
    assert world.story(world.ask(horn)) == ["Failed TooManyRequestInShortTime"]
    world.pass_ms(60_000)
    assert world.story(world.ask(horn)) == ["Accepted"]


def test_wake_ups_are_counted_by_the_month_and_the_block_ends_with_it(world: World) -> None:
    for number in range(3):
        action = world.lock()
        assert world.actions.wake_ups(VIN, world.now_ms) == number + 1
        world.drive()
        world.drive(world.rules.reach_ms)
        assert world.story(action)[-1] == "Failed VehicleConnectionTimeout"
    refused = world.lock()
    assert world.story(refused) == ["TooManyWakeUpsOverMonth", "Failed TooManyWakeUpsOverMonth"]
    world.heard()
    assert world.story(world.ask({"wakeUp": {"action": "WakeUp"}}))[0] == "TooManyWakeUpsOverMonth"
    assert world.story(world.lock()) == ["Accepted"]
    world.pass_ms(31 * 24 * 3_600_000)
    assert world.story(world.ask({"wakeUp": {}})) == ["Accepted", "WakingUpVehicle"]


def test_two_that_wait_for_one_vehicle_are_one_wake_up(world: World) -> None:
    world.lock()
    world.ask({"horn": {"state": "Activated"}})
    assert world.actions.wake_ups(VIN, world.now_ms) == 1


def test_a_wake_up_is_its_own_command(world: World) -> None:
    action = world.ask({"wakeUp": {"action": "WakeUp"}})
    (command,) = world.drive()
    assert command.id.hex() == action.id
    world.answer(command, Outcome.RECEIVED, Outcome.DONE)
    assert world.story(action) == ["Accepted", "WakingUpVehicle", "SentToVehicle", "Success"]


def test_a_message_that_was_sent_keeps_the_vehicle_awake_for_three_minutes(world: World) -> None:
    world.heard()
    world.pass_ms(AWAKE_MS - 1)
    world.lock()
    world.pass_ms(AWAKE_MS - 1)
    assert world.story(world.ask({"horn": {"state": "Activated"}})) == ["Accepted"]
    world.pass_ms(AWAKE_MS)
    assert world.story(world.ask({"lights": {"on": True}})) == ["Accepted", "WakingUpVehicle"]


def test_a_destination_wakes_nothing_and_keeps_nothing_awake(world: World) -> None:
    action = world.ask({"navigation": {"positions": [{"type": "Point", "coordinates": [2.3, 48.9]}]}})
    (command,) = world.drive()
    assert world.story(action) == []
    assert world.now(action).last is None
    world.answer(command, Outcome.RECEIVED, Outcome.DONE)
    assert world.story(action) == ["SentToVehicle", "Success"]
    assert world.actions.wake_ups(VIN, world.now_ms) == 0


def test_what_the_vehicle_said_of_its_battery_and_privacy_counts(world: World) -> None:
    world.heard()
    world.says(energies__Electric__level=4.0)
    assert world.story(world.lock())[0] == "VehicleBatteryChargeTooLow"
    world.says(energies__Electric__level=4.0, energies__Electric__charging__status="InProgress")
    assert world.story(world.lock()) == ["Accepted"]
    world.says(privacy__state="Full")
    assert world.story(world.ask({"lights": {"on": True}})) == ["Failed NotPossibleDueToVehiclePrivacyLevel"]
    world.says(privacy__state="Geolocation")
    assert world.story(world.ask({"lights": {"on": True}})) == ["Accepted"]


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


def enroll(world: World, serial: int = 1) -> None:
    world.identities.add(Issued(serial, VIN, b"der", world.now_ms, world.now_ms + 10**10))


def test_of_a_vehicle_whose_certificate_is_revoked_it_is_said_at_once_that_it_is_not_reached(world: World) -> None:
    enroll(world)
    world.heard()
    world.identities.revoke(VIN, world.now_ms)
    assert world.story(world.lock()) == ["Failed VehicleConnectionTimeout"]
    assert world.drive() == []
    assert world.story(world.lock(OTHER_VIN)) == ["Accepted", "WakingUpVehicle"]
    enroll(world, 2)
    again = world.lock()
    assert world.story(again) == ["Accepted"]
    assert [command.id.hex() for command in world.drive() if command.vin == VIN] == [again.id]


@pytest.mark.parametrize("phase", [Phase.WAKING, Phase.CHECKING, Phase.SENDING, Phase.SENT])
def test_what_is_under_way_when_the_certificate_is_revoked_ends_and_nothing_more_is_sent(
    world: World, phase: Phase
) -> None:
    enroll(world)
    if phase in (Phase.SENDING, Phase.SENT):
        world.heard()
    action = world.lock()
    sent = world.drive()
    if phase is Phase.CHECKING:
        world.pass_ms(1000)
        world.answer(sent[0], Outcome.DONE)
        world.drive()
    if phase is Phase.SENT:
        world.answer(sent[0], Outcome.RECEIVED)
    assert world.now(action).life.phase is phase
    before = world.story(action)
    world.pass_ms(10)
    world.identities.revoke(VIN, world.now_ms)
    assert world.drive() == []
    assert world.story(action) == [*before, "Failed VehicleConnectionTimeout"]
    assert world.drive(AGAIN_MS) == []


def test_a_theft_ends_also_where_the_vehicle_cannot_be_told(world: World) -> None:
    enroll(world)
    world.heard()
    world.ask({"stolen": {"stolen": True}})
    world.ask({"stolen": {"trackingPeriod": {"running": 30}}})
    (command,) = world.drive()
    world.answer(command, Outcome.DONE)
    world.identities.revoke(VIN, world.now_ms)
    assert world.story(world.ask({"stolen": {"stolen": False}})) == ["Failed VehicleConnectionTimeout"]
    (theft,) = world.registry.thefts(VIN)
    assert theft.ended_at_ms is not None


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


def test_what_is_in_progress_is_listed(world: World) -> None:
    world.heard()
    first, second = world.lock(), world.ask({"horn": {"state": "Activated"}})
    assert {action.id for action in world.actions.in_progress()} == {first.id, second.id}
    assert all(action.life.phase is Phase.SENDING for action in world.actions.in_progress())


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
