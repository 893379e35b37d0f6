"""Programs: kept, said as published data, and done at their times by the box itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from agent.remote.programs import MISSED_MS, KeptPrograms, Programs
from agent.remote.timetable import due, spent
from cloud_bridge.unify.unifier import Unifier
from contract.actions import (
    Charging,
    ChargingProgram,
    ConditioningProgram,
    DeletedProgram,
    NextCharge,
    Preconditioning,
)
from contract.catalog import DATA, DAYS
from contract.manifest import manifest_id
from contract.result import Cause, Outcome
from contract.upload import Ledger, Upload
from tests.agent.remote import model
from tests.agent.remote.world import World, monotonic_ms, outcomes

PARIS = ZoneInfo("Europe/Paris")
MINUTE_MS = 60_000
CHARGING = model.PROFILE + (
    '\n[actions.charge]\nframes = [{ id = 0x500, data = "01" }]\n'
    '\n[actions.stop-charging]\nframes = [{ id = 0x500, data = "00" }]\n'
)


def utc_ms(text: str) -> int:
    """Of an ISO 8601 time with its offset."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def conditioned(start: str, *days: str, recurrence: Literal["None", "Daily"] = "Daily") -> ConditioningProgram:
    hour, minute = map(int, start.split(":"))
    return ConditioningProgram(1, True, (hour * 60 + minute) * 60, days, recurrence)


def times(program: ConditioningProgram | ChargingProgram, begin: str, end: str) -> list[str]:
    """When a program is due in Paris, in UTC, minute by minute."""
    first, last = utc_ms(begin), utc_ms(end)
    conditioning = (program,) if isinstance(program, ConditioningProgram) else ()
    charging = (program,) if isinstance(program, ChargingProgram) else ()
    return [
        f"{datetime.fromtimestamp(at_ms / 1000, UTC):%dT%H:%M} {step}"
        for at_ms in range(first + MINUTE_MS, last + 1, MINUTE_MS)
        for step in due(conditioning, charging, None, PARIS, at_ms - MINUTE_MS, at_ms)
    ]


def test_a_program_is_due_at_its_time_of_day_on_its_days() -> None:
    program = conditioned("07:30", "Mon", "Wed")
    assert times(program, "2024-01-01T00:00Z", "2024-01-05T00:00Z") == [
        "01T06:30 precondition",
        "03T06:30 precondition",
    ]
    assert times(replace(program, enabled=False), "2024-01-01T00:00Z", "2024-01-02T00:00Z") == []
    assert times(conditioned("07:30"), "2024-01-01T00:00Z", "2024-01-02T00:00Z") == []


@pytest.mark.parametrize(
    ("start", "begin", "expected"),
    [
        ("02:30", "2024-03-31T00:00Z", ["31T01:30 precondition"]),  # There is no 2:30: it is 3:30.
        ("07:30", "2024-03-31T00:00Z", ["31T05:30 precondition"]),
        ("02:30", "2024-10-27T00:00Z", ["27T00:30 precondition"]),  # There are two: the first.
    ],
)
def test_a_day_on_which_the_clock_changes_has_each_time_once(start: str, begin: str, expected: list[str]) -> None:
    end = begin.replace("T00", "T12")
    assert times(conditioned(start, "Sun"), begin, end) == expected


def test_charging_ends_on_the_next_day_where_its_end_is_earlier() -> None:
    night = ChargingProgram(1, True, 22 * 3600, 6 * 3600, ("Mon",))
    expected = ["01T21:00 charge", "02T05:00 stop-charging"]
    assert times(night, "2024-01-01T00:00Z", "2024-01-04T00:00Z") == expected
    assert times(replace(night, end_s=None), "2024-01-01T00:00Z", "2024-01-04T00:00Z") == expected[:1]


def test_without_recurrence_each_day_is_done_once_and_then_the_program_is_off() -> None:
    program = conditioned("07:30", "Mon", "Tue", recurrence="None")
    at_ms = utc_ms("2024-01-01T06:30Z")
    (left,), _ = spent((program,), None, PARIS, at_ms - 1, at_ms)
    assert (left.enabled, left.days) == (True, ("Tue",))
    at_ms = utc_ms("2024-01-02T06:30Z")
    (left,), _ = spent((left,), None, PARIS, at_ms - 1, at_ms)
    assert (left.enabled, left.days) == (False, ())
    daily = conditioned("07:30", "Mon")
    assert spent((daily,), None, PARIS, at_ms - 86_400_000, at_ms) == ((daily,), None)


def test_the_next_charge_is_due_once() -> None:
    upcoming = NextCharge(1000, 0)
    assert due((), (), upcoming, UTC, 999, 1000) == ["charge"]
    assert due((), (), upcoming, UTC, 1000, 2000) == []
    assert spent((), upcoming, UTC, 0, 999) == ((), upcoming)
    assert spent((), upcoming, UTC, 0, 1000) == ((), None)


def test_programs_are_kept_slot_by_slot_and_what_was_deleted_is_off(tmp_path: Path) -> None:
    kept = KeptPrograms(tmp_path / "programs", PARIS)
    one = conditioned("07:30", "Mon")
    two = replace(one, slot=2)
    assert kept.take(Preconditioning(programs=(two, one)), 5)
    assert not kept.take(Preconditioning(programs=(one,)), 5)
    assert kept.take(Preconditioning(programs=(DeletedProgram(2), DeletedProgram(3))), 5)
    assert kept.take(Charging(programs=(ChargingProgram(4, True, 0, None, DAYS),)), 5)
    again = KeptPrograms(tmp_path / "programs", PARIS).programs
    assert again == kept.programs
    assert again.conditioning == (one, replace(two, enabled=False, days=()))
    (tmp_path / "programs").write_bytes(b"\0")
    assert KeptPrograms(tmp_path / "programs", PARIS).programs == Programs()


def test_what_is_due_is_done_once_and_not_what_was_due_before_it_was_asked_for_or_long_ago(tmp_path: Path) -> None:
    due_ms = utc_ms("2024-01-01T06:30Z")
    kept = KeptPrograms(tmp_path / "programs", PARIS)
    kept.take(Preconditioning(programs=(conditioned("07:30", "Mon"),)), due_ms + 1)
    assert kept.due(due_ms + 2) == []
    week_ms = 7 * 86_400_000
    assert kept.due(due_ms + week_ms - 1) == []
    assert kept.due(due_ms + week_ms) == ["precondition"]
    assert kept.due(due_ms + week_ms + 1000) == []
    again = KeptPrograms(tmp_path / "programs", PARIS)
    assert again.due(due_ms + week_ms + 2000) == []
    assert again.due(due_ms + 2 * week_ms + 299_999) == ["precondition"]  # The box was off.
    assert again.due(due_ms + 3 * week_ms + 300_000) == []


def test_a_clock_that_was_ahead_has_no_program_wait_for_that_time(tmp_path: Path) -> None:
    due_ms, year_ms = utc_ms("2024-01-01T06:30Z"), 365 * 86_400_000
    kept = KeptPrograms(tmp_path / "programs", PARIS)
    kept.take(Preconditioning(programs=(conditioned("07:30", "Mon"),)), due_ms + 10 * year_ms)
    assert KeptPrograms(tmp_path / "programs", PARIS).due(due_ms - 1000) == []
    assert kept.due(due_ms - 1000) == []
    assert kept.due(due_ms) == ["precondition"]
    assert kept.due(due_ms + 1000) == []
    again = KeptPrograms(tmp_path / "programs", PARIS)
    assert again.due(due_ms + 2000) == []
    assert again.take(Preconditioning(programs=(conditioned("07:30", "Tue"),)), None)
    assert again.programs.done_utc_ms == due_ms  # Who does not know the time changes nothing of it.


@pytest.mark.parametrize("back_ms", [1, 60_000, MISSED_MS])
def test_a_clock_that_is_put_back_a_little_has_nothing_done_twice(tmp_path: Path, back_ms: int) -> None:
    due_ms = utc_ms("2024-01-01T06:30Z")
    kept = KeptPrograms(tmp_path / "programs", PARIS)
    kept.take(Preconditioning(programs=(conditioned("07:30", "Mon"),)), due_ms - 1000)
    assert kept.due(due_ms) == ["precondition"]
    for at_ms in range(due_ms - back_ms, due_ms + 1000, max(1, back_ms // 10)):
        assert kept.due(at_ms) == []


def test_what_the_vehicle_was_handed_it_does_itself(tmp_path: Path) -> None:
    due_ms = utc_ms("2024-01-01T06:30Z")
    kept = KeptPrograms(tmp_path / "programs", PARIS)
    kept.take(Preconditioning(programs=(conditioned("07:30", "Mon", recurrence="None"),)), due_ms - 1000)
    kept.take(Charging(programs=(ChargingProgram(1, True, 27_000, None, ("Mon",)),)), due_ms - 1000)
    assert kept.due(due_ms, ["set-conditioning-program"]) == ["charge"]
    assert not kept.programs.conditioning[0].enabled  # It was done.


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, profile=CHARGING)
    made.awake()
    yield made
    made.close()


def test_the_vehicle_is_preconditioned_by_the_box_at_its_time(world: World) -> None:
    program = ConditioningProgram(1, True, 22 * 3600 + 14 * 60, DAYS, "Daily")  # 22:13:20 is it now, UTC.
    assert outcomes(world.ask(Preconditioning(programs=(program,)))) == [Outcome.RECEIVED, Outcome.DONE]
    assert world.body.requests == []
    world.utc_ms = (world.utc_ms or 0) + 60_000
    assert world.until(lambda: world.body.heating)
    assert world.until(lambda: world.remote.health().running == ())
    assert len(world.body.requests) == 2


ROUTINE = bytes.fromhex("3101f01001")
QUICK = CHARGING.replace('proof = "Body.Heating == 1"', 'proof = "Body.Heating == 1"\nwithin = "1s"')


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[World]:
    """A vehicle that does not heat, and is to heat in less than a minute."""
    made = World(tmp_path, profile=QUICK)
    made.awake()
    made.body.obeys = False
    program = ConditioningProgram(1, True, 22 * 3600 + 14 * 60, DAYS, "Daily")
    assert outcomes(made.ask(Preconditioning(programs=(program,)))) == [Outcome.RECEIVED, Outcome.DONE]
    yield made
    made.close()


def test_a_program_waits_for_an_action_of_its_kind(cold: World) -> None:
    action = Preconditioning(True)
    cold.remote.take(cold.command(action), action)
    assert cold.until(lambda: ROUTINE in cold.body.requests)
    cold.utc_ms = (cold.utc_ms or 0) + 60_000
    cold.results.clear()
    assert cold.until(lambda: any(result.outcome.final for result in cold.results))
    assert cold.body.requests.count(ROUTINE) == 1
    assert cold.until(lambda: cold.body.requests.count(ROUTINE) == 2)
    assert cold.until(lambda: cold.remote.health().running == ())
    assert (cold.remote.health().failed, cold.body.requests.count(ROUTINE)) == (2, 2)


def test_an_action_is_refused_while_a_program_of_its_kind_is_done(cold: World) -> None:
    cold.utc_ms = (cold.utc_ms or 0) + 60_000
    assert cold.until(lambda: cold.remote.health().running == ("Preconditioning",))
    command = replace(cold.command(Preconditioning(True)), expires_utc_ms=cold.utc_ms + 60_000)
    (refused,) = cold.carry_out(command, Preconditioning(True))
    assert (refused.outcome, refused.cause) == (Outcome.FAILED, Cause.SAME_IN_PROGRESS)


def test_of_programs_of_two_kinds_one_that_fails_keeps_the_other_from_nothing(cold: World) -> None:
    assert outcomes(cold.ask(Charging(next=NextCharge((cold.utc_ms or 0) + 46_000, 0))))[-1] is Outcome.DONE
    cold.utc_ms = (cold.utc_ms or 0) + 60_000
    assert cold.until(lambda: cold.body.sent(0x500) == [b"\x01"])
    assert cold.until(lambda: cold.remote.health().running == ())
    assert (cold.remote.health().failed, cold.body.requests.count(ROUTINE)) == (1, 1)


def test_programs_need_the_right_to_do_what_they_ask_for(tmp_path: Path) -> None:
    world = World(tmp_path, allow=["set-conditioning-program"])
    (refused,) = world.ask(Preconditioning(programs=(conditioned("07:30", "Mon"),)))
    assert (refused.why, refused.cause) == ("[remote] allow has no precondition", Cause.MISSING_RIGHTS)
    (unserved,) = world.ask(Charging(next=NextCharge(0, 0)))
    assert unserved.cause is Cause.WRONG_COMMAND
    world.close()


def test_programs_are_published_at_once(world: World) -> None:
    program = ConditioningProgram(2, True, 27_000, ("Mon", "Sun"), "Daily")
    world.ask(Preconditioning(programs=(program,)))
    world.ask(Charging(programs=(ChargingProgram(1, True, 79_200, 21_600, ("Fri",)),)))
    world.ask(Charging(next=NextCharge(0, 90)))
    began_ms = monotonic_ms()
    assert world.until(lambda: monotonic_ms() > began_ms + 1000 and bool(world.batches[-1].events))
    unifier = Unifier(world.plan.manifest, world.plan.profile)
    said: dict[str, object] = {}
    for batch in world.batches:
        upload = Upload(
            boot=bytes(16),
            sequence=0,
            vin=model.VIN,
            manifest=manifest_id(world.plan.manifest),
            reason=batch.reason,
            start_ms=batch.start_ms,
            end_ms=batch.end_ms,
            anchor=None,
            ledger=Ledger(),
            grids=batch.grids,
            changes=batch.changes,
        )
        said |= {sample.datum: sample.value for sample in unifier.unify(upload)}
    second = "preconditioning.airConditioning.programs.2"
    assert {key[len(second) + 1 :]: value for key, value in said.items() if key.startswith(second)} == {
        "enabled": True,
        "recurrence": "Daily",
        "start": 27_000,
        **{f"occurence.{day}": day in ("Mon", "Sun") for day in DAYS},
    }
    assert said["energies.Electric.charging.schedule.programs.1.end"] == 21_600
    assert said["energies.Electric.charging.schedule.programs.1.occurence.Fri"] is True
    assert said["energies.Electric.charging.nextDelayedTime"] == 5400
    assert not any(key.startswith("preconditioning.airConditioning.programs.1") for key in said)


def test_a_profile_that_can_precondition_serves_its_programs_and_no_other(tmp_path: Path) -> None:
    data = model.plan(tmp_path).profile.data
    assert data.keys() <= DATA.keys()
    assert "preconditioning.airConditioning.programs.4.occurence.Sun" in data
    assert not any("charging" in key for key in data)
