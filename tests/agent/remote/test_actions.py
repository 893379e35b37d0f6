"""Actions on python-can's virtual bus: what the body controller hears, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.actions import Doors, Horn, Lights, Navigation, Place, Preconditioning, WakeUp
from contract.result import Cause, Outcome
from contract.upload import Privacy, Reason
from tests.agent.remote import model
from tests.agent.remote.body import HORN, LOCK
from tests.agent.remote.world import World, outcomes

DONE = [Outcome.RECEIVED, Outcome.SENT, Outcome.DONE]
FAILED = [Outcome.RECEIVED, Outcome.FAILED]


def test_the_doors_are_locked_and_the_vehicle_says_so(world: World) -> None:
    assert outcomes(world.ask(Doors(locked=True))) == DONE
    assert world.body.sent(LOCK) == [bytes.fromhex("100f000000000000")]
    assert world.body.locks == 1
    assert outcomes(world.ask(Doors(locked=False))) == DONE
    assert world.body.sent(LOCK)[1:] == [bytes.fromhex("2000000000000000")] * 3


def test_what_is_done_already_is_not_transmitted(world: World) -> None:
    world.body.locks = 1
    assert world.until(lambda: world.sampler.value("Body.Locks", world.interface.heard_ms or 0) == "Locked")
    assert outcomes(world.ask(Doors(locked=True))) == [Outcome.RECEIVED, Outcome.ALREADY_DONE]
    assert world.body.sent(LOCK) == []


def test_a_message_that_somebody_else_sends_too_keeps_its_other_bits(world: World) -> None:
    world.body.sends_horn = True
    assert outcomes(world.ask(Horn(on=True))) == DONE
    frames = world.body.sent(HORN)
    assert len(frames) == 5
    assert {frame[:2] for frame in frames} == {bytes((0b101, 0x44))}
    assert world.body.wrong == []


def test_what_nobody_sends_cannot_be_completed(world: World) -> None:
    (_, failed) = world.ask(Horn(on=True))
    assert (failed.outcome, failed.cause) == (Outcome.FAILED, Cause.VEHICLE_ERROR)
    assert "nobody sends HornCommand" in failed.why
    assert world.body.sent(HORN) == []


@pytest.mark.parametrize("busy", [0, 2])
def test_a_routine_is_run_also_by_a_computer_that_is_busy_first_and_needs_longer(world: World, busy: int) -> None:
    world.body.busy = busy
    assert outcomes(world.ask(Preconditioning(True))) == DONE
    session, routine = bytes.fromhex("1003"), bytes.fromhex("3101f01001")
    assert world.body.requests == [*[session] * (busy + 1), routine]


def test_a_routine_that_is_refused_has_failed(world: World) -> None:
    world.body.refuses = 0x22
    (_, failed) = world.ask(Preconditioning(True))
    assert failed.cause is Cause.VEHICLE_ERROR
    assert failed.why == "the request 31 01 F0 10 to 744 is refused with 22"


def test_what_is_not_answered_is_asked_once(world: World) -> None:
    world.body.silent = True
    world.body.requests.clear()
    (_, failed) = world.ask(Preconditioning(True))
    assert failed.why == "the request 10 03 to 744 is not answered"
    assert len(world.body.sent(0x744)) == 1


def test_a_way_is_sent_place_by_place_and_the_answers_prove_it(world: World) -> None:
    assert outcomes(world.ask(Navigation((Place(1.5, -2.5), Place(3, 4))))) == DONE
    assert [request.hex() for request in world.body.requests] == [
        "2ed010" + (-25_000_000).to_bytes(4, "big", signed=True).hex(),
        "2ed011" + (15_000_000).to_bytes(4, "big").hex(),
        "3101f0110102",
        "2ed010" + (40_000_000).to_bytes(4, "big").hex(),
        "2ed011" + (30_000_000).to_bytes(4, "big").hex(),
        "3101f0110202",
    ]


def test_a_vehicle_that_does_not_do_it_in_time_has_failed(world: World) -> None:
    world.body.obeys = False
    (*_, failed) = world.ask(Doors(locked=True))
    assert failed.cause is Cause.VEHICLE_ERROR
    assert failed.why == "Body.Locks == 'Locked' did not hold within 2 s"


def test_what_must_not_hold_and_what_must_are_told_by_their_causes(world: World) -> None:
    world.body.door_open = True
    assert world.until(lambda: world.sampler.value("Motion.Door", world.interface.heard_ms or 0) == 1)
    (_, open_door) = world.ask(Doors(locked=True))
    assert (open_door.outcome, open_door.cause) == (Outcome.FAILED, Cause.DOORS_OPEN)
    world.body.locks = 0
    assert world.until(lambda: world.sampler.value("Body.Locks", world.interface.heard_ms or 0) == "Open")
    (_, not_locked) = world.ask(Doors(locked=False))
    assert not_locked.cause is Cause.NOT_LOCKED
    assert world.body.sent(LOCK) == []


def test_a_vehicle_that_moves_is_asked_for_nothing(world: World) -> None:
    world.body.speed_kmh = 0.5
    assert world.until(lambda: (world.sampler.value("Motion.Speed", world.interface.heard_ms or 0) or 0) != 0)
    (_, failed) = world.ask(Doors(locked=True))
    assert (failed.outcome, failed.cause) == (Outcome.FAILED, Cause.IN_USE)
    assert world.body.sent(LOCK) == []


def test_a_vehicle_that_was_never_heard_is_not_known_to_stand(tmp_path: Path) -> None:
    world = World(tmp_path, profile=model.PROFILE.replace("[actions.wake-up]", "[actions.horn-off]"))
    world.body.speaks = False
    (_, failed) = world.ask(Doors(locked=True))
    assert failed.cause is Cause.IN_USE
    assert world.body.heard == []
    world.close()


def test_a_vehicle_that_begins_to_move_ends_what_is_transmitted(tmp_path: Path) -> None:
    slow = model.PROFILE.replace('count = 3, every = "20ms"', 'count = 100, every = "500ms"')
    world = World(tmp_path, profile=slow)
    world.body.locks = 1
    world.awake()
    command = world.command(Doors(locked=False))
    world.body.obeys = False
    world.remote.take(command, Doors(locked=False))
    assert world.until(lambda: len(world.body.sent(LOCK)) == 2)
    world.body.speed_kmh = 3
    assert world.until(lambda: world.results[-1].outcome.final)
    assert world.results[-1].cause is Cause.IN_USE
    assert world.until(lambda: world.remote.health().running == ())
    sent = len(world.body.sent(LOCK))
    assert sent < 100
    ended_ms = world.now_ms()
    assert world.until(lambda: world.now_ms() > ended_ms + 2 * 500)
    assert len(world.body.sent(LOCK)) == sent
    world.close()


def test_a_sleeping_vehicle_is_woken_and_stands_if_it_stood(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.awake()
    world.silent()
    world.body.wakes_by = 0x400
    assert outcomes(world.ask(Doors(locked=True))) == DONE
    assert world.body.sent(0x400) == [bytes.fromhex("00ff")] * 2
    assert [message.arbitration_id for message in world.body.heard] == [0x400, 0x400, LOCK]
    world.close()


@pytest.mark.parametrize("speed_kmh", [0, 50])
def test_waking_up_says_how_the_vehicle_is_and_sends_one_that_is_awake_nothing(world: World, speed_kmh: int) -> None:
    world.body.speed_kmh = speed_kmh
    assert world.until(lambda: world.sampler.value("Motion.Speed", world.interface.heard_ms or 0) == speed_kmh)
    world.batches.clear()
    assert outcomes(world.ask(WakeUp())) == [Outcome.RECEIVED, Outcome.DONE]
    assert world.body.heard == []  # It was awake.
    told = next(batch for batch in world.batches if batch.events)
    assert (told.reason, told.events[0].name) == (Reason.EVENT, "remote")
    numbers = {signal.name: number for number, signal in enumerate(world.plan.signals)}
    said = {change.signal for change in told.changes}
    said |= {number for grid in told.grids for number in world.plan.groups[grid.group].signals}
    assert {numbers["Motion.Speed"], numbers["Body.Locks"]} <= said


@pytest.mark.parametrize(
    ("action", "why", "cause"),
    [
        (Lights(on=True), "the profile has no [actions] for lights-on", Cause.WRONG_COMMAND),
        (Doors(locked=False), "[remote] allow has no unlock", Cause.MISSING_RIGHTS),
    ],
)
def test_only_what_profile_and_settings_both_name_is_transmitted(
    tmp_path: Path, action: Doors | Lights, why: str, cause: Cause
) -> None:
    world = World(tmp_path, allow=["lock", "lights-on"])
    world.body.locks = 1
    world.awake()
    (refused,) = world.ask(action)
    assert (refused.outcome, refused.why, refused.cause) == (Outcome.REFUSED, why, cause)
    assert world.body.heard == []
    assert world.remote.health().refused == 1
    world.close()


def test_in_full_privacy_nothing_is_done_but_for_a_theft(world: World) -> None:
    world.privacy = Privacy.FULL
    (failed,) = world.ask(Doors(locked=True))
    assert (failed.outcome, failed.cause) == (Outcome.FAILED, Cause.PRIVACY_LEVEL)
    assert outcomes(world.ask(WakeUp()))[-1] is Outcome.DONE


def test_one_of_a_kind_is_done_at_a_time_and_others_meanwhile(world: World) -> None:
    world.body.obeys = False
    first, second = world.command(Doors(locked=True)), world.command(Doors(locked=True))
    world.remote.take(first, Doors(locked=True))
    world.remote.take(second, Doors(locked=True))
    assert world.results[-1].cause is Cause.SAME_IN_PROGRESS
    navigation = Navigation((Place(1, 2),))
    assert outcomes(world.carry_out(world.command(navigation), navigation))[-1] is Outcome.DONE
    assert world.until(lambda: any(result.id == first.id and result.outcome.final for result in world.results))


def test_a_vehicle_that_does_not_wake_up_is_said_not_to(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.awake()
    world.silent()
    world.haste_ms = 100
    (_, failed) = world.ask(WakeUp())
    assert (failed.outcome, failed.why) == (Outcome.FAILED, "the vehicle does not wake up")
    assert outcomes(world.ask(Doors(locked=True)))[:2] == [Outcome.RECEIVED, Outcome.SENT]  # It stood.
    world.close()


def test_what_a_frame_cannot_say_is_not_sent_and_not_told_either(tmp_path: Path) -> None:
    narrow = model.PROFILE.replace("latitude*10000000:4", "latitude*10000000:1")
    world = World(tmp_path, profile=narrow)
    world.awake()
    (_, failed) = world.ask(Navigation((Place(5.97, 62.53),)))
    assert (failed.cause, failed.why) == (Cause.VEHICLE_ERROR, "latitude has no room in 1 bytes")
    assert world.body.requests == []
    world.close()
