from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.gnss.fix import Fix, to_frame
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.upload import Change, Count, Reason, decode_upload, encode_upload
from tests.agent import model
from tests.agent.model import cell, guarded, motion, number, page, state
from tests.agent.sampling.sampled import awake, changes, frames_of_the_model, grid, sampled, total, upload


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


def test_frames_that_come_late_take_the_time_of_the_one_before(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    assert sampler.feed([*awake(3000), motion(2500, 100)]) == []
    assert sampler.feed([motion(1500, 200)]) == []
    last = sampler.close(2900, Reason.SLEEP)
    assert last is not None
    assert Change(2900, number(plan, "Motion.Level"), 60) in last.changes
    assert changes(plan, [last], "Motion.Speed") == [(2900, 200)]
