"""Actions from the request to their end, on a real database: what is sent, and what callbacks are told."""

from __future__ import annotations

import sqlite3

import pytest

from cloud_bridge.actions.life import AWAKE_MS, SETTLE_MS, Phase
from cloud_bridge.remote.control import AGAIN_MS
from cloud_bridge.store.port.identities import Issued
from contract.actions import Doors, WakeUp
from contract.result import Cause, Outcome, Result
from tests.cloud_bridge.remote.world import OTHER_VIN, VIN, World


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


def test_ten_thousand_answers_that_change_nothing_are_written_once_a_second(world: World) -> None:
    world.heard()
    action, other = world.lock(), world.lock(OTHER_VIN)
    command, wake = sorted(world.drive(), key=lambda sent: sent.vin)
    world.answer(command, Outcome.RECEIVED)
    looking = sqlite3.connect(world.database.path)

    def version() -> int:
        (number,) = looking.execute("PRAGMA data_version").fetchone()
        return int(number)

    before, writes = version(), 0
    for number in range(10_000):
        world.pass_ms(number % 2)
        unknown = number.to_bytes(16, "big")
        identity = (command.id, unknown, bytes.fromhex(other.id), wake.id)[number % 4]
        outcome = Outcome.RECEIVED if identity == command.id else Outcome.DONE
        world.driver.take(VIN, Result(identity, outcome, "x" * 256))
        if number % 100 == 99:
            before, writes = version(), writes + (version() != before)
    looking.close()
    assert writes == 5
    assert world.story(action) == ["Accepted", "SentToVehicle"]
    assert world.story(other) == ["Accepted", "WakingUpVehicle"]
    world.answer(command, Outcome.DONE)
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


def test_a_wake_up_waits_at_the_broker_no_longer_than_until_it_is_told_as_failed(world: World) -> None:
    action = world.ask({"wakeUp": {}})
    world.drive(1000)
    ((_, _, lasts_ms),) = world.published
    assert lasts_ms == world.rules.reach_ms - 1000
    world.drive(lasts_ms)
    assert world.story(action)[-1] == "Failed VehicleConnectionTimeout"


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


def test_what_is_in_progress_is_listed(world: World) -> None:
    world.heard()
    first, second = world.lock(), world.ask({"horn": {"state": "Activated"}})
    assert {action.id for action in world.actions.in_progress()} == {first.id, second.id}
    assert all(action.life.phase is Phase.SENDING for action in world.actions.in_progress())
