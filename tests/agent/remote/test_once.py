"""A command is executed at most once: replayed, expired, interrupted, and with a disk that refuses or is damaged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.remote.executed import MOST, Executed
from agent.remote.execution import EXPIRED
from contract.actions import Doors, Horn, Navigation, Place
from contract.command import AHEAD_MS, Command
from contract.result import Cause, Outcome, Result
from tests.agent.remote import model
from tests.agent.remote.body import HORN, LOCK
from tests.agent.remote.model import VIN
from tests.agent.remote.world import NOW_MS, World, outcomes

LOCKED, UNLOCKED = Doors(locked=True), Doors(locked=False)
WAY, HOOTING = Navigation((Place(1, 2),)), Horn(on=True)
YEAR_MS = 365 * 86_400_000


def test_a_command_that_comes_again_is_answered_the_same_and_not_done_again(world: World) -> None:
    command = world.command(LOCKED)
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.RECEIVED, Outcome.SENT, Outcome.DONE]
    world.body.locks = 2
    assert world.until(lambda: world.sampler.value("Body.Locks", world.interface.heard_ms or 0) == "Unlocked")
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.DONE]
    world.power_cut()
    world.start()
    world.awake()
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.DONE]
    assert len(world.body.sent(LOCK)) == 1


def test_a_failure_stays_one_however_the_vehicle_is_later(world: World) -> None:
    world.body.door_open = True
    assert world.until(lambda: world.sampler.value("Motion.Door", world.interface.heard_ms or 0) == 1)
    command = world.command(LOCKED)
    world.carry_out(command, LOCKED)
    world.body.door_open = False
    assert world.until(lambda: world.sampler.value("Motion.Door", world.interface.heard_ms or 0) == 0)
    (again,) = world.carry_out(command, LOCKED)
    assert (again.outcome, again.cause) == (Outcome.FAILED, Cause.DOORS_OPEN)
    assert world.body.sent(LOCK) == []


def test_a_command_that_comes_again_while_it_is_done_is_being_done(world: World) -> None:
    world.body.obeys = False
    command = world.command(LOCKED)
    world.remote.take(command, LOCKED)
    world.remote.take(command, LOCKED)
    assert outcomes(world.results) == [Outcome.RECEIVED, Outcome.RECEIVED]


@pytest.mark.parametrize("transmitted", [False, True])
def test_what_a_power_cut_interrupted_is_said_to_be_and_not_done_again(world: World, transmitted: bool) -> None:
    world.body.obeys = False
    command = world.command(LOCKED)
    world.remote.take(command, LOCKED)
    if transmitted:
        assert world.until(lambda: len(world.body.sent(LOCK)) == 1)
    world.power_cut()
    world.body.obeys = True
    world.results.clear()
    world.start()
    (said,) = world.results
    assert (said.id, said.outcome, said.cause) == (command.id, Outcome.FAILED, Cause.GENERAL_ERROR)
    assert "interrupted" in said.why
    world.awake()
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.FAILED]
    assert len(world.body.sent(LOCK)) == transmitted


@pytest.mark.parametrize("late_ms", [0, 1])
def test_a_command_that_has_expired_is_not_done(world: World, late_ms: int) -> None:
    command = world.command(LOCKED, lasts_ms=1000)
    world.utc_ms = NOW_MS + 1000 + late_ms
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.EXPIRED]
    assert world.body.sent(LOCK) == []


def test_without_a_clock_nothing_is_done_and_with_one_it_is_when_it_comes_again(world: World) -> None:
    command = world.command(LOCKED)
    world.utc_ms = None
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.TIMELESS]
    assert world.body.sent(LOCK) == []
    world.utc_ms = NOW_MS
    assert outcomes(world.carry_out(command, LOCKED))[-1] is Outcome.DONE


def test_what_cannot_be_kept_is_not_done(world: World) -> None:
    (world.folder / "state" / "executed.new").mkdir(parents=True)
    command = world.command(LOCKED)
    (failed,) = world.carry_out(command, LOCKED)
    assert (failed.outcome, failed.cause, failed.why) == (Outcome.FAILED, Cause.GENERAL_ERROR, "it cannot be kept")
    assert world.remote.health().unwritten > 0
    assert world.body.sent(LOCK) == []
    (world.folder / "state" / "executed.new").rmdir()
    assert world.until(lambda: (world.folder / "state" / "executed").exists())
    assert outcomes(world.carry_out(command, LOCKED)) == [Outcome.FAILED]


def command(number: int, expires_ms: int = NOW_MS + 1000, issued_ms: int = NOW_MS) -> Command:
    return Command(number.to_bytes(16, "big"), VIN, expires_ms, LOCKED, issued_ms)


def test_ids_are_forgotten_when_they_have_expired_and_stay_expired_whatever_the_clock_says_then(tmp_path: Path) -> None:
    executed = Executed(tmp_path / "executed")
    for number in range(MOST):
        assert executed.begin(command(number), NOW_MS)
        executed.finish(Result(command(number).id, Outcome.DONE))
    assert not executed.begin(command(MOST), NOW_MS)
    late_ms = NOW_MS + 1000
    assert executed.begin(command(MOST, late_ms + 1000), late_ms)
    again = Executed(tmp_path / "executed")
    assert again.entry(command(0).id) is None
    assert again.void(command(0), NOW_MS) == "it has expired"  # The clock was put back.
    assert again.void(command(7, late_ms + 1), NOW_MS) is None


def test_an_interrupted_command_is_not_forgotten_before_it_was_said(tmp_path: Path) -> None:
    Executed(tmp_path / "executed").begin(command(1), NOW_MS)
    again = Executed(tmp_path / "executed")
    assert again.interrupted == (command(1).id.hex(),)
    again.begin(command(2, NOW_MS + 9000), NOW_MS + 5000)
    assert again.entry(command(1).id) is not None


@pytest.mark.parametrize("damage", [b"", b"canlift executed 1 00000000\n{}", b"\0" * 100])
def test_with_a_damaged_memory_nothing_is_done_that_was_issued_before(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "executed").write_bytes(damage)
    executed = Executed(tmp_path / "executed")
    assert "not known any more" in str(executed.void(command(1), NOW_MS))
    later_ms = NOW_MS + AHEAD_MS + 1
    later = command(2, later_ms + 3000, later_ms)
    assert executed.void(later, later_ms) is None
    assert executed.begin(later, later_ms)
    assert "not known" in str(Executed(tmp_path / "executed").void(command(1), NOW_MS + 2))


def test_with_a_damaged_memory_and_a_clock_that_is_behind_no_replay_is_done(tmp_path: Path) -> None:
    (tmp_path / "executed").write_bytes(b"\0")
    executed = Executed(tmp_path / "executed")
    # Both were done, now and in a minute; the clock is behind by as much as nobody notices.
    replays = [command(number, NOW_MS + 180_000, NOW_MS + number * 60_000) for number in range(2)]
    for late_ms in range(-AHEAD_MS + 60_000, 180_000, 10_000):
        assert all(executed.void(each, NOW_MS + late_ms) is not None for each in replays)


def test_a_clock_that_was_ahead_silences_nothing_once_it_is_right(tmp_path: Path) -> None:
    executed = Executed(tmp_path / "executed")
    assert executed.begin(command(1), NOW_MS)
    executed.finish(Result(command(1).id, Outcome.DONE))
    ahead_ms = NOW_MS + 10 * YEAR_MS
    assert executed.void(command(2), ahead_ms) == "it has expired"
    assert executed.begin(command(3, NOW_MS + 2000), ahead_ms)
    assert executed.entry(command(1).id) is None  # By that clock it had expired.
    assert executed.void(command(1), NOW_MS) == "it has expired"
    assert executed.void(command(4, NOW_MS + 1001), NOW_MS) is None


def test_a_clock_that_was_ahead_when_the_memory_was_damaged_silences_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "executed").write_bytes(b"\0")
    executed = Executed(tmp_path / "executed")
    assert executed.void(command(1), NOW_MS + 10 * YEAR_MS) == "it has expired"
    assert "not known any more" in str(executed.void(command(1), NOW_MS))
    later_ms = NOW_MS + AHEAD_MS + 1
    assert executed.void(command(2, later_ms + 1000, later_ms), later_ms) is None


def test_what_is_issued_later_than_it_is_by_the_clock_waits_for_a_better_one(world: World) -> None:
    command = world.command(LOCKED)
    world.utc_ms = NOW_MS - AHEAD_MS - 1
    (timeless,) = world.carry_out(command, LOCKED)
    assert (timeless.outcome, timeless.why) == (Outcome.TIMELESS, "by the vehicle's clock it is not issued yet")
    assert world.body.sent(LOCK) == []
    world.utc_ms = NOW_MS - AHEAD_MS
    assert outcomes(world.carry_out(command, LOCKED))[-1] is Outcome.DONE


def test_what_waits_behind_another_until_it_has_expired_is_not_transmitted(tmp_path: Path) -> None:
    slow = model.PROFILE.replace('count = 3, every = "20ms"', 'count = 3, every = "2s"')
    world = World(tmp_path, profile=slow)
    world.body.locks = 1
    assert world.until(lambda: world.sampler.value("Body.Locks", world.interface.heard_ms or 0) == "Locked")
    world.remote.take(world.command(UNLOCKED), UNLOCKED)
    assert world.until(lambda: len(world.body.sent(LOCK)) == 1)
    command = world.command(WAY, lasts_ms=1000)
    (received, failed) = world.carry_out(command, WAY)
    assert received.outcome is Outcome.RECEIVED
    assert (failed.outcome, failed.cause, failed.why) == (Outcome.FAILED, Cause.VEHICLE_ERROR, EXPIRED)
    assert world.body.requests == []
    assert len(world.body.sent(LOCK)) == 3
    assert outcomes(world.carry_out(command, WAY)) == [Outcome.FAILED]
    assert outcomes(world.ask(WAY))[-1] is Outcome.DONE
    world.close()


def test_what_has_to_hear_the_bus_first_until_it_has_expired_is_not_transmitted(world: World) -> None:
    """Nobody else sends the horn's message at first; it is heard when it is too late."""
    command = world.command(HOOTING, lasts_ms=200)
    world.remote.take(command, HOOTING)
    began_s = time.monotonic()
    assert world.until(lambda: time.monotonic() > began_s + 0.5)
    world.body.sends_horn = True
    assert world.until(lambda: world.results[-1].outcome.final)
    assert world.results[-1].why == EXPIRED
    assert not any(frame[1] == 0x44 and frame[0] & 1 for frame in world.body.sent(HORN))


def test_so_much_is_kept_that_it_can_be_read_again(tmp_path: Path) -> None:
    executed = Executed(tmp_path / "executed")
    for number in range(MOST):
        executed.begin(command(number), NOW_MS)
        executed.finish(Result(command(number).id, Outcome.FAILED, "ä" * 500, Cause.BATTERY_LEVEL))
    assert Executed(tmp_path / "executed").entry(command(MOST - 1).id) is not None
