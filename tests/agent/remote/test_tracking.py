"""How often a stolen vehicle uploads: as the cloud says, until it says something else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.plan.plan import Plan
from agent.remote.tracking import KeptTracking
from agent.sampling.sampler import Sampler
from contract.actions import Stolen, Tracking
from contract.profile.cadence import VehicleState
from contract.result import Outcome
from contract.upload import Reason
from tests.agent.remote import model
from tests.agent.remote.world import World, outcomes

PROFILE = model.PROFILE.replace(
    "[gnss]",
    "[data.\"ignition.type\"]\nexpression = \"'Start' if Motion.Speed > 0 else 'Stop'\"\n\n"
    '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n\n[gnss]',
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return replace(model.plan(tmp_path, PROFILE), first_ms=0)


def ends(sampler: Sampler, begin_ms: int, until_ms: int, speed: int) -> list[int]:
    """When batches end while the vehicle says its speed."""
    frames = [
        Frame(at_ms, "can0", 0x100, False, speed.to_bytes(2, "little") + bytes(6))
        for at_ms in range(begin_ms, until_ms, 100)
    ]
    return [batch.end_ms for batch in sampler.feed(frames)]


def apart(times: list[int]) -> set[int]:
    return {later - earlier for earlier, later in pairwise(times)}


def test_it_uploads_as_often_as_it_was_asked_to_driving_and_parked(plan: Plan, tmp_path: Path) -> None:
    sampler = Sampler(plan, 0)
    tracking = KeptTracking(tmp_path / "tracking", plan.cadences_ms, sampler.upload_every)
    assert apart(ends(sampler, 0, 300_000, 100)) == {60_000}
    assert tracking.take(Tracking(running_s=5))
    assert apart(ends(sampler, 300_000, 400_000, 100)) == {5_000}
    assert 60_000 in apart(ends(sampler, 400_000, 700_000, 0))
    assert tracking.take(Tracking(shutdown_s=90))
    assert not tracking.take(Tracking(running_s=5))
    assert 90_000 in apart(ends(sampler, 700_000, 1_100_000, 0))
    assert apart(ends(sampler, 1_100_000, 1_160_000, 100)[1:]) == {5_000}
    assert tracking.take(None)
    assert apart(ends(sampler, 1_200_000, 1_500_000, 100)[1:]) == {60_000}


def test_it_does_so_after_a_restart_too_and_no_more_once_it_was_found(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "tracking"
    KeptTracking(file, plan.cadences_ms, lambda _: None).take(Tracking(5, 90))
    sampler = Sampler(plan, 0)
    again = KeptTracking(file, plan.cadences_ms, sampler.upload_every)
    assert apart(ends(sampler, 0, 60_000, 100)) == {5_000}
    again.take(None)
    untouched: list[object] = []
    KeptTracking(file, plan.cadences_ms, untouched.append)
    assert untouched == []


def test_a_sleeping_box_says_where_it_is_as_often(plan: Plan, tmp_path: Path) -> None:
    given: list[int] = []
    tracking = KeptTracking(tmp_path / "tracking", plan.cadences_ms, lambda ms: given.append(ms[VehicleState.ASLEEP]))
    tracking.take(Tracking(shutdown_s=60))
    assert given == [60_000]
    assert plan.cadences_ms[VehicleState.ASLEEP] == 0


def test_a_damaged_file_is_as_none(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "tracking").write_bytes(b"canlift tracking 1 00000000\n{}")
    assert KeptTracking(tmp_path / "tracking", plan.cadences_ms, lambda _: None).tracking == Tracking()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_the_cloud_is_told_what_came_of_it(world: World) -> None:
    track = Stolen(tracking=Tracking(running_s=5, shutdown_s=60))
    done, already = [Outcome.RECEIVED, Outcome.DONE], [Outcome.RECEIVED, Outcome.ALREADY_DONE]
    assert outcomes(world.ask(track)) == done
    assert outcomes(world.ask(track)) == already
    assert outcomes(world.ask(Stolen(stolen=True))) == already
    assert world.remote.health().tracking
    assert outcomes(world.ask(Stolen(stolen=False))) == done
    assert not world.remote.health().tracking
    (world.folder / "state" / "tracking.new").mkdir()
    (_, failed) = world.ask(track)
    assert failed.why.startswith("it cannot be kept")
    assert world.body.heard == []


def test_how_the_vehicle_is_can_be_told_at_any_time_and_sampling_goes_on(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    assert ends(sampler, 0, 10_550, 100) == []
    (told,) = sampler.tell("remote", 10_700)
    assert (told.reason, told.end_ms, [event.name for event in told.events]) == (Reason.EVENT, 10_501, ["remote"])
    speed = next(number for number, signal in enumerate(plan.signals) if signal.name == "Motion.Speed")
    assert {(change.at_ms, change.signal, change.raw) for change in told.changes} >= {(10_500, speed, 100)}
    assert ends(sampler, 10_600, 130_000, 100) == [60_000, 120_000]


def test_a_sleeping_vehicle_tells_that_it_is_there(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    (told,) = sampler.tell("remote", 500_000)
    assert (told.reason, told.start_ms, told.end_ms) == (Reason.EVENT, 500_000, 500_001)
    assert (told.changes, told.grids) == ((), ())
