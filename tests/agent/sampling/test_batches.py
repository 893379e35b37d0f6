"""When a batch ends, and what is in it: with the cadence, before a sleep, and when it is full."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from agent.bus.frame import Frame
from agent.gnss.fix import Fix, to_frame
from agent.plan.plan import Plan
from agent.sampling.filling import FULL_CHANGES
from agent.sampling.sampler import Sampler
from contract.upload import MAXIMUM_BYTES, Anchor, AnchorSource, Count, Reason, decode_upload, encode_upload
from tests.agent import model
from tests.agent.model import cell, motion, page, satellite, state
from tests.agent.sampling.sampled import awake, changes, frames_of_the_model, grid, sampled, total, upload


def test_what_comes_at_the_very_end_of_a_batch_is_in_the_next_one(plan: Plan) -> None:
    frames = [*awake(61_000), motion(59_999, oil=0), motion(60_000, 100, oil=1)]
    first, second = sampled(plan, frames)
    assert (first.end_ms, second.start_ms) == (60_000, 60_000)
    assert changes(plan, [first], "Motion.Oil") == [(59_999, 0)]
    assert changes(plan, [second], "Motion.Oil") == [(60_000, 1)]
    assert 60_000 not in grid(plan, [first], "Motion.Speed")
    assert grid(plan, [second], "Motion.Speed")[60_000] == 100


def test_the_first_batch_after_waking_ends_soon_and_the_next_with_the_cadence(tmp_path: Path) -> None:
    plan = model.plan(tmp_path, first_ms=2000)
    frames = [*awake(70_000, since_ms=500), *awake(210_000, since_ms=205_250)]
    batches = sampled(plan, frames)
    assert [batch.end_ms for batch in batches if batch.reason is Reason.CADENCE] == [2500, 60_000, 207_250]
    seconds = grid(plan, batches, "Motion.Speed")
    assert len(seconds) == len(set(seconds))


def test_silent_buses_are_asleep_and_the_batch_ends_with_the_last_frame(plan: Plan) -> None:
    frames = [*awake(3000), motion(2950, 700, level=61), *awake(205_000, since_ms=200_000)]
    first, second = sampled(plan, frames)
    assert (first.reason, first.start_ms, first.end_ms) == (Reason.SLEEP, 0, 2951)
    assert (second.reason, second.start_ms) == (Reason.SLEEP, 200_000)
    # What was said last of regular signals, after their last sample.
    assert changes(plan, [first], "Motion.Speed") == [(2950, 700)]
    assert changes(plan, [first], "Motion.Level") == [(2950, 61)]
    # Nothing of it is known after the sleep; what still counts is said anew.
    assert set(grid(plan, [second], "Motion.Speed").values()) <= {None}
    assert changes(plan, [second], "State.Ignition") == [(200_000, 0)]


def test_before_a_sleep_everything_that_is_still_said_is_said_once_more(plan: Plan) -> None:
    frames = [*awake(5500), *(motion(at_ms, 100, oil=1) for at_ms in range(0, 5500, 100)), page(200, 1, 7)]
    *_, last = sampled(plan, frames)
    assert last.reason is Reason.SLEEP
    said = {(change.at_ms, plan.signals[change.signal].name, change.raw) for change in last.changes}
    assert said >= {
        (5400, "Motion.Speed", 100),
        (5400, "Motion.Level", 60),
        (5400, "Motion.Oil", 1),
        (5400, "State.Ignition", 0),
    }
    pages = [each for each in said if each[1] == "Pages.Throttle"]
    assert (5400, "Pages.Throttle", 7) not in pages  # not heard since


def test_silence_is_seen_by_the_clock_as_it_is_by_the_next_frame(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    assert sampler.feed([*awake(3000), motion(2950, 700)]) == []
    assert sampler.advance(62_950) == []
    (asleep,) = sampler.advance(62_951)
    assert asleep == sampled(plan, [*awake(3000), motion(2950, 700), state(70_000)])[0]
    assert sampler.advance(1_000_000) == []
    assert sampler.close(1_000_000, Reason.CADENCE) is None


def test_the_first_of_the_surest_times_in_a_batch_anchors_it(plan: Plan) -> None:
    utc_s = 1_700_000_000
    frames = [
        *awake(200_000),
        satellite(10_000, utc_s, fixed=0),
        to_frame(Fix(70_000, utc_ms=utc_s * 1000 + 70_100)),
        satellite(130_000, utc_s + 130),
        satellite(131_000, utc_s + 999),
    ]
    anchors = [batch.anchor for batch in sampled(plan, frames)]
    receiver = Anchor(70_000, utc_s * 1000 + 70_100, 300, AnchorSource.GNSS)
    bus = Anchor(130_000, utc_s * 1000 + 130_000, 50, AnchorSource.GNSS)
    assert anchors == [None, receiver, bus, None]


def test_a_full_batch_ends_at_once_and_nothing_is_lost(plan: Plan) -> None:
    count = FULL_CHANGES + 100
    frames = [*awake(count + 100), *(motion(10 + at_ms, oil=at_ms % 2) for at_ms in range(count))]
    batches = sampled(plan, frames)
    assert len(batches) == 2
    assert batches[0].end_ms == batches[1].start_ms
    assert len(changes(plan, batches, "Motion.Oil")) == count
    assert changes(plan, batches, "Motion.Oil") == [(10 + at_ms, at_ms % 2) for at_ms in range(count)]


def test_a_batch_that_is_filled_by_what_ceases_to_count_ends_at_once(plan: Plan) -> None:
    spoken = FULL_CHANGES - 2  # and one of the ignition
    frames = [*awake(spoken), *(motion(at_ms, oil=at_ms % 2) for at_ms in range(spoken))]
    frames += [cell(at_ms, 1.0) for at_ms in range(0, spoken + 10_000, 100)]
    batches = sampled(plan, frames)
    ceased_ms = next(at_ms for at_ms, raw in changes(plan, batches, "Motion.Oil") if raw is None)
    assert ceased_ms > spoken + 1900
    assert [batch.end_ms for batch in batches] == [ceased_ms + 1, frames[-1].at_ms + 1]


@pytest.mark.slow
def test_a_batch_is_full_before_it_is_too_large_for_an_upload_whatever_is_in_it(tmp_path: Path) -> None:
    fast = model.PROFILE.replace('fast = { every = "1s" }', 'fast = { every = "10ms" }')
    plan = model.plan(tmp_path, fast, cadence_ms=3_600_000)
    noise = random.Random(5)
    frames = [
        frame
        for at_ms in range(0, 480_000, 10)
        for frame in (motion(at_ms, noise.randrange(30_000)), cell(at_ms, noise.uniform(-500, 500)))
    ]
    batches = sampled(plan, [*awake(480_000), *frames])
    assert len(batches) > 1
    sizes = [len(encode_upload(upload(plan, batch), plan.manifest)) for batch in batches]
    assert sum(sizes) > MAXIMUM_BYTES  # one batch would have been too much


def test_any_number_of_frames_of_one_time_make_one_batch_that_can_be_sent_and_ends_with_what_was_said_last(
    plan: Plan,
) -> None:
    frames = [*awake(50), *(motion(50, oil=each & 1) for each in range(4 * FULL_CHANGES)), state(60)]
    batches = sampled(plan, frames)
    assert sum(len(batch.changes) for batch in batches) < FULL_CHANGES + 2 * len(plan.signals)
    assert changes(plan, batches, "Motion.Oil")[-1] == (50, 1)
    kept = len(changes(plan, batches, "Motion.Oil"))
    assert kept + total(batches, Count.INVALID) == 4 * FULL_CHANGES
    assert total(batches, Count.FRAMES) == len(frames)


def test_a_parked_vehicle_keeps_its_own_cadence_until_a_trip_begins(tmp_path: Path) -> None:
    profile = model.PROFILE + (
        '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n[cadence]\ndriving = "10s"\nparked = "40s"\n'
    )
    plan = model.plan(tmp_path, profile)
    frames = [state(at_ms, ignition=45_000 <= at_ms < 72_000) for at_ms in range(0, 130_000, 100)]
    ends = [batch.end_ms for batch in sampled(plan, frames)]
    assert ends == [40_000, 50_000, 60_000, 70_000, 80_000, 120_000, 129_901]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(frames=frames_of_the_model)
def test_every_batch_is_an_upload_that_survives_the_wire_and_time_has_no_gap_or_overlap(
    plan: Plan, frames: list[Frame]
) -> None:
    batches = sampled(plan, frames)
    for sequence, batch in enumerate(batches):
        sent = upload(plan, batch, sequence)
        assert decode_upload(encode_upload(sent, plan.manifest), plan.manifest) == sent
    for before, after in pairwise(batches):
        assert before.end_ms == after.start_ms or (before.reason is Reason.SLEEP and before.end_ms < after.start_ms)
    assert total(batches, Count.FRAMES) == sum(frame.bus != "GNSS" for frame in frames)
    for signal in plan.signals[: sum(len(group.signals) for group in plan.groups)]:
        grid(plan, batches, signal.name)  # Fails where a time is sampled twice.
