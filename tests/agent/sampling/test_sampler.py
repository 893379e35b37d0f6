from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.gnss.fix import Fix, to_frame
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.filling import FULL_CHANGES
from agent.sampling.sampler import Sampler
from contract.manifest import manifest_id
from contract.upload import (
    MAXIMUM_BYTES,
    Anchor,
    AnchorSource,
    Change,
    Count,
    Reason,
    Upload,
    decode_upload,
    encode_upload,
)
from tests.agent import model
from tests.agent.model import cell, guarded, motion, number, page, satellite, state


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return model.plan(tmp_path_factory.mktemp("model"))


def sampled(plan: Plan, frames: Iterable[Frame]) -> list[Batch]:
    """All batches of a whole life: fed at once, and closed."""
    ordered = sorted(frames, key=lambda frame: frame.at_ms)
    sampler = Sampler(plan, 0)
    batches = sampler.feed(ordered)
    last = sampler.close(ordered[-1].at_ms, Reason.SLEEP)
    return batches if last is None else [*batches, last]


def grid(plan: Plan, batches: Iterable[Batch], name: str) -> dict[int, int | None]:
    """Every grid sample of a signal by its time. Fails where a time was sampled twice."""
    found: dict[int, int | None] = {}
    for batch in batches:
        for each in batch.grids:
            group = plan.groups[each.group]
            if number(plan, name) in group.signals:
                for row, raw in enumerate(each.columns[number(plan, name) - group.signals.start]):
                    at_ms = each.start_ms + row * group.interval_ms
                    assert at_ms not in found
                    assert batch.start_ms <= at_ms < batch.end_ms
                    found[at_ms] = raw
    return found


def changes(plan: Plan, batches: Iterable[Batch], name: str) -> list[tuple[int, int | None]]:
    """What was said of a signal as changes, without what repeats the word before: the restatement before a sleep."""
    said = [
        (change.at_ms, change.raw)
        for batch in batches
        for change in batch.changes
        if change.signal == number(plan, name)
    ]
    return said[:1] + [after for before, after in pairwise(said) if before[1] != after[1]]


def upload(plan: Plan, batch: Batch, sequence: int = 0) -> Upload:
    return Upload(
        bytes(16), sequence, "VF3AAAAAAAA000001", manifest_id(plan.manifest), batch.reason, batch.start_ms,
        batch.end_ms, batch.anchor, batch.ledger, batch.grids, batch.changes,
    )  # fmt: skip


def total(batches: Iterable[Batch], what: Count) -> int:
    return sum(batch.ledger.counts.get(what, 0) for batch in batches)


def awake(until_ms: int, since_ms: int = 0) -> list[Frame]:
    return [state(at_ms) for at_ms in range(since_ms, until_ms, 100)]


def test_a_grid_sample_is_the_newest_value_up_to_and_including_its_time(plan: Plan) -> None:
    frames = [
        *awake(4000),
        motion(500, 100),
        motion(1000, 200),
        motion(1001, 300),
        motion(2999, 400),
        motion(3100, 500),
    ]
    assert grid(plan, sampled(plan, frames), "Motion.Speed") == {0: None, 1000: 200, 2000: 300, 3000: 400}


def test_a_value_counts_until_its_message_is_late_by_more_than_two_cycles_and_two_seconds(plan: Plan) -> None:
    frames = [*awake(6000), motion(1000, 200)]
    assert grid(plan, sampled(plan, frames), "Motion.Speed") == {
        0: None, 1000: 200, 2000: 200, 3000: 200, 4000: None, 5000: None
    }  # fmt: skip


def test_a_value_that_is_not_available_or_out_of_range_is_absent_and_counted(plan: Plan) -> None:
    frames = [*awake(4001), motion(900, 65535), motion(1900, 30001), motion(2900, 30000)]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Motion.Speed") == {0: None, 1000: None, 2000: None, 3000: 30000, 4000: 30000}
    assert total(batches, Count.INVALID) == 2


def test_a_value_that_means_not_available_is_absent_even_if_it_lies_within_the_limits(tmp_path: Path) -> None:
    profile = model.PROFILE.replace("invalid = [65535]", "invalid = [100]")
    profile = profile.replace(
        '"Cell.Current" = { class = "fast" }', '"Cell.Current" = { class = "fast", invalid = [0] }'
    )
    plan = model.plan(tmp_path, profile)
    frames = [*awake(3001), motion(900, 100), cell(900, 0.0), motion(1900, 101), cell(1900, 1.0)]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Motion.Speed") == {0: None, 1000: None, 2000: 101, 3000: 101}
    assert [*grid(plan, batches, "Cell.Current").values()][1:3] == [None, 1_000_000]


def test_a_value_sent_while_the_bus_was_waking_up_never_counts(plan: Plan) -> None:
    frames = [
        *(state(at_ms, power=1) for at_ms in range(0, 1500, 100)),
        motion(1400, 0, oil=1),
        *awake(4000, since_ms=1500),
        motion(2500, 700, oil=0),
        *(state(at_ms, power=1) for at_ms in range(4050, 6000, 100)),
        motion(4100, 0, oil=1),
    ]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Motion.Speed") == {
        0: None, 1000: None, 2000: None, 3000: 700, 4000: 700, 5000: None
    }  # fmt: skip
    # The state went to Waking at 4050: the lamp's value ceases to count with the next look, at its next frame.
    assert changes(plan, batches, "Motion.Oil") == [(2500, 0), (4100, None)]


def test_the_first_frame_after_a_condition_began_to_hold_counts_even_if_it_says_the_same(plan: Plan) -> None:
    frames = [
        *(state(at_ms, power=1) for at_ms in range(0, 1950, 100)),
        *awake(8000, since_ms=1950),
        *(motion(at_ms, 700, oil=1) for at_ms in range(20, 8000, 500)),
    ]
    batches = sampled(plan, frames)
    assert changes(plan, batches, "Motion.Oil") == [(2020, 1)]
    assert grid(plan, batches, "Motion.Speed") == {0: None, 1000: None, 2000: None} | dict.fromkeys(
        range(3000, 8000, 1000), 700
    )


def test_a_change_bears_the_time_of_its_frame_and_is_said_once(plan: Plan) -> None:
    frames = [*awake(5000), *(motion(at_ms, oil=1150 <= at_ms < 3350) for at_ms in range(50, 5000, 100))]
    assert changes(plan, sampled(plan, frames), "Motion.Oil") == [(50, 0), (1150, 1), (3350, 0)]


def test_an_on_change_signal_ends_when_its_message_falls_silent_and_begins_again_with_it(plan: Plan) -> None:
    frames = [*awake(9000), motion(500, oil=1), motion(7600, oil=1)]
    assert changes(plan, sampled(plan, frames), "Motion.Oil") == [(500, 1), (3000, None), (7600, 1)]


def test_an_on_change_signal_is_restated_once_per_interval_while_the_bus_confirms_it(plan: Plan) -> None:
    frames = [*awake(130_000), *(motion(at_ms, oil=1) for at_ms in range(0, 90_000, 100))]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Motion.Oil") == {0: 1, 60_000: 1, 120_000: None}
    assert [(batch.start_ms, batch.end_ms) for batch in batches] == [(0, 60_000), (60_000, 120_000), (120_000, 129_901)]


def test_what_comes_at_the_very_end_of_a_batch_is_in_the_next_one(plan: Plan) -> None:
    frames = [*awake(61_000), motion(59_999, oil=0), motion(60_000, 100, oil=1)]
    first, second = sampled(plan, frames)
    assert (first.end_ms, second.start_ms) == (60_000, 60_000)
    assert changes(plan, [first], "Motion.Oil") == [(59_999, 0)]
    assert changes(plan, [second], "Motion.Oil") == [(60_000, 1)]
    assert 60_000 not in grid(plan, [first], "Motion.Speed")
    assert grid(plan, [second], "Motion.Speed")[60_000] == 100


def test_a_condition_that_its_own_message_carries_holds_for_that_very_frame(plan: Plan) -> None:
    frames = [*awake(3000), motion(1000, oil=0), motion(1100, oil=1, test=1), motion(1200, oil=1), motion(2900, oil=1)]
    assert changes(plan, sampled(plan, frames), "Motion.Oil") == [(1000, 0), (1100, None), (1200, 1)]


def test_a_frame_with_a_wrong_checksum_or_a_standing_counter_leaves_the_value_before_it(plan: Plan) -> None:
    flipped = guarded(1700, 30, 4)
    flipped = flipped._replace(data=bytes([flipped.data[0] ^ 1, *flipped.data[1:]]))
    frames = [
        *awake(4500),
        guarded(900, 10, 2),
        guarded(1500, 20, 3),
        flipped,
        guarded(2500, 40, 5),
        guarded(3500, 50, 5),
    ]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Guarded.Distance") == {0: None, 1000: 10, 2000: 20, 3000: 40, 4000: 40}
    assert total(batches, Count.CHECKSUM) == 2


def test_each_page_of_a_multiplexed_message_keeps_its_own_newest_value(plan: Plan) -> None:
    frames = [
        *awake(12_000),
        page(100, 0, 11),
        page(200, 1, 22),
        page(1500, 1, 23),
        page(4900, 0, 12),
        page(11_000, 1, 24),
    ]
    batches = sampled(plan, frames)
    load = grid(plan, batches, "Pages.Load")
    # Asked once every 4.8 s so far, so it may be 14.4 s old.
    assert (load[1000], load[4000], load[5000], load[11_000]) == (11, 11, 12, 12)
    assert changes(plan, batches, "Pages.Throttle") == [(200, 22), (1500, 23), (7000, None), (11_000, 24)]


def test_a_floating_point_signal_is_sampled_as_a_fixed_point_number(plan: Plan) -> None:
    frames = [*awake(5000), cell(900, -12.5), cell(1900, float("nan")), cell(2900, 500.5), cell(3900, 499.75)]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Cell.Current") == {
        0: None,
        1000: -12_500_000,
        2000: None,
        3000: None,
        4000: 499_750_000,
    }
    scale = next(s.scale for group in plan.manifest.groups for s in group.signals if s.name == "Cell.Current")
    assert -12_500_000 * scale == -12.5


def test_frames_too_short_for_their_signals_and_of_unknown_ids_are_counted(plan: Plan) -> None:
    short = motion(1000, 5)._replace(data=b"\x05\x00")
    unknown = [
        Frame(1500, "can0", 0x7FF, False, b""),
        Frame(1501, "can0", 0x200, True, b""),
        Frame(1502, "x", 0x200, False, b""),
    ]
    batches = sampled(plan, [*awake(2000), short, *unknown])
    assert total(batches, Count.WRONG_LENGTH) == 1
    assert total(batches, Count.UNKNOWN) == 3
    assert total(batches, Count.FRAMES) == 24
    assert grid(plan, batches, "Motion.Speed") == {0: None, 1000: 5}


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


def test_the_receiver_alone_wakes_nothing_and_its_values_come_and_go_with_the_fix(plan: Plan) -> None:
    fixes = [
        Fix(at_ms, longitude=9.5, latitude=55.5, fix=3, satellites=7) if at_ms < 4000 else Fix(at_ms, satellites=2)
        for at_ms in range(100, 9000, 1000)
    ]
    batches = sampled(plan, [*map(to_frame, fixes), *awake(6000, since_ms=2000)])
    assert batches[0].start_ms == 2000
    assert grid(plan, batches, "GNSS.Latitude") == {
        2100: 555_000_000, 3100: 555_000_000, 4100: None, 5100: None, 6100: None, 7100: None, 8100: None
    }  # fmt: skip
    assert grid(plan, batches, "GNSS.Satellites")[8100] == 2
    assert total(batches, Count.FRAMES) == 40
    assert total(batches, Count.UNKNOWN) == 0


def test_fixes_out_of_step_keep_their_times_and_still_fit_into_uploads(tmp_path: Path) -> None:
    """Each begins a grid of its own, of which an upload holds a bounded number."""
    plan = model.plan(tmp_path, cadence_ms=3_600_000)
    fixes = [Fix(at_ms, longitude=9.5, latitude=at_ms / 1e7, fix=3) for at_ms in range(100, 3_000_000, 1234)]
    batches = sampled(plan, [*map(to_frame, fixes), *(state(at_ms) for at_ms in range(0, 3_000_000, 500))])
    assert grid(plan, batches, "GNSS.Latitude") == {fix.at_ms: fix.at_ms for fix in fixes}
    assert len(batches) > 1
    for batch in batches:
        sent = upload(plan, batch)
        assert decode_upload(encode_upload(sent, plan.manifest), plan.manifest) == sent


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


frames_of_the_model = st.lists(
    st.one_of(
        st.builds(state, st.integers(0, 150_000), st.integers(0, 3), st.integers(0, 3)),
        st.builds(motion, st.integers(0, 150_000), st.sampled_from([0, 1, 30_000, 65_535]), st.sampled_from([0, 255]),
                  st.integers(0, 1), st.integers(0, 1)),
        st.builds(guarded, st.integers(0, 150_000), st.integers(0, 3), st.integers(0, 2)),
        st.builds(page, st.integers(0, 150_000), st.integers(0, 2), st.integers(0, 3)),
        st.builds(satellite, st.integers(0, 150_000), st.just(1_700_000_000), st.integers(0, 1)),
        st.builds(lambda at_ms: to_frame(Fix(at_ms, longitude=1, latitude=2, fix=2)), st.integers(0, 150_000)),
        st.builds(lambda at_ms: Frame(at_ms, "can0", 0x7FF, False, b""), st.integers(0, 150_000)),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(frames=frames_of_the_model, cuts=st.lists(st.integers(0, 60)), looks=st.lists(st.integers(0, 60_000)))
def test_samples_do_not_depend_on_how_frames_are_handed_over(
    plan: Plan, frames: list[Frame], cuts: list[int], looks: list[int]
) -> None:
    # A state that lasts, so that something is valid now and then.
    ordered = sorted([*frames, *(state(at_ms) for at_ms in range(20_000, 40_000, 500))], key=lambda frame: frame.at_ms)
    at_once = sampled(plan, ordered)

    sampler = Sampler(plan, 0)
    batches: list[Batch] = []
    waits = iter(looks)
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(ordered)], strict=True):
        batches += sampler.feed(ordered[begin:end])
        if end < len(ordered):
            batches += sampler.advance(min(ordered[end].at_ms, ordered[max(end - 1, 0)].at_ms + next(waits, 0)))
    last = sampler.close(ordered[-1].at_ms, Reason.SLEEP)
    batches += [last] if last is not None else []

    assert batches == at_once


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


def test_frames_that_come_late_take_the_time_of_the_one_before(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    assert sampler.feed([*awake(3000), motion(2500, 100)]) == []
    assert sampler.feed([motion(1500, 200)]) == []
    last = sampler.close(2900, Reason.SLEEP)
    assert last is not None
    assert Change(2900, number(plan, "Motion.Level"), 60) in last.changes
    assert changes(plan, [last], "Motion.Speed") == [(2900, 200)]
