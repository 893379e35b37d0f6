from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.filling import FULL_CHANGES
from agent.sampling.sampler import Sampler
from contract.manifest import manifest_id
from contract.profile.events import BUILT_IN
from contract.upload import Event, Reason, Upload, decode_upload, encode_upload
from tests.agent import model
from tests.agent.model import motion, number, page, satellite, state

FAST = """
[events.fast]
when = "Motion.Speed > 100"
clear = "Motion.Speed < 90"
before = "3s"
after = "2s"
"""


def plan_with(folder: Path, events: str, without: Iterable[str] = BUILT_IN, cadence_ms: int | None = None) -> Plan:
    return model.plan(folder, model.PROFILE + events, cadence_ms=cadence_ms, without=without)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_with(tmp_path_factory.mktemp("fast"), FAST)


def drive(until_ms: int, speeds: dict[int, int], step_ms: int = 100) -> list[Frame]:
    """Awake, and a speed in hundredths of km/h with each step: the newest of `speeds`, by its time."""
    frames, speed = [], 0
    for at_ms in range(0, until_ms, step_ms):
        speed = speeds.get(at_ms, speed)
        frames += [state(at_ms), motion(at_ms + 1, speed + at_ms % 7)]
    return frames


def sampled(plan: Plan, frames: Iterable[Frame], until_ms: int | None = None) -> list[Batch]:
    ordered = sorted(frames, key=lambda frame: frame.at_ms)
    sampler = Sampler(plan, 0)
    batches = sampler.feed(ordered)
    last = sampler.close(ordered[-1].at_ms if until_ms is None else until_ms, Reason.SLEEP)
    return batches if last is None else [*batches, last]


def full_rate(plan: Plan, batches: Iterable[Batch], name: str) -> list[tuple[int, int | None]]:
    """Every change of a signal, in order of time."""
    said = [(c.at_ms, c.raw) for batch in batches for c in batch.changes if c.signal == number(plan, name)]
    return sorted(said, key=lambda sample: sample[0])


def about(batches: Iterable[Batch], name: str) -> list[int]:
    """When events of a name happened, each once."""
    return sorted({event.at_ms for batch in batches for event in batch.events if event.name == name})


def test_an_event_is_uploaded_with_its_own_frame_before_anything_else_comes(fast: Plan) -> None:
    frames = drive(5000, {4000: 10_500})
    event = next(index for index, frame in enumerate(frames) if frame.at_ms == 4001)
    sampler = Sampler(fast, 0)
    assert sampler.feed(frames[:event]) == []
    (batch,) = sampler.feed(frames[event : event + 1])
    assert (batch.reason, batch.events) == (Reason.EVENT, (Event(4001, "fast"),))
    assert (batch.start_ms, batch.end_ms) == (0, 4002)


def test_the_time_before_and_after_an_event_is_complete_and_nothing_in_it_is_said_twice(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, FAST, cadence_ms=1000)
    frames = drive(9000, {4000: 10_500})
    batches = sampled(plan, frames)
    spoken = [(frame.at_ms, 10_500 + (frame.at_ms - 1) % 7 if frame.at_ms > 4000 else (frame.at_ms - 1) % 7)
              for frame in frames if frame.id == 0x200 and 1001 <= frame.at_ms <= 6001]  # fmt: skip
    assert [sample for sample in full_rate(plan, batches, "Motion.Speed") if sample[0] < 8000] == spoken
    (first, *_, last) = [batch for batch in batches if batch.events]
    assert (first.start_ms, first.end_ms, last.end_ms) == (1001, 4002, 6002)
    assert all(batch.reason is Reason.EVENT for batch in batches if batch.events)
    # What is regular goes on as if nothing had happened.
    assert {at_ms for at_ms, _ in grid(plan, batches, "Motion.Speed")} == set(range(1000, 9000, 1000))


def grid(plan: Plan, batches: Iterable[Batch], name: str) -> list[tuple[int, int | None]]:
    found = []
    for batch in batches:
        for each in batch.grids:
            group = plan.groups[each.group]
            if number(plan, name) in group.signals:
                column = each.columns[number(plan, name) - group.signals.start]
                found += [(each.start_ms + row * group.interval_ms, raw) for row, raw in enumerate(column)]
    assert len(dict(found)) == len(found)
    return found


def test_the_time_after_an_event_ends_without_a_frame_when_the_bus_falls_silent(fast: Plan) -> None:
    sampler = Sampler(fast, 0)
    assert len(sampler.feed(drive(4100, {4000: 10_500}))) == 1
    assert sampler.advance(6000) == []
    (after,) = sampler.advance(6001)
    assert (after.reason, after.end_ms, after.events) == (Reason.EVENT, 6002, (Event(4001, "fast"),))
    assert sampler.advance(64_000) == []
    (asleep,) = sampler.advance(64_002)
    assert asleep.reason is Reason.SLEEP


def test_windows_of_events_that_follow_each_other_are_joined_without_repeating(fast: Plan) -> None:
    frames = drive(12_000, {4000: 10_500, 4500: 0, 5000: 10_500, 7500: 0, 8000: 10_500})
    batches = sampled(fast, frames)
    assert about(batches, "fast") == [4001, 5001, 8001]
    said = [at_ms for at_ms, _ in full_rate(fast, batches[:-1], "Motion.Speed")]
    assert said == [frame.at_ms for frame in frames if frame.id == 0x200 and 1001 <= frame.at_ms <= 10_001]


def test_an_event_does_not_happen_again_before_it_is_cleared_and_that_is_counted(fast: Plan) -> None:
    sampler = Sampler(fast, 0)
    batches = sampler.feed(drive(9000, {1000: 10_500, 2000: 9500, 3000: 10_500, 4000: 8000, 5000: 10_500}))
    assert about(batches, "fast") == [1001, 5001]
    assert (sampler.happened, sampler.held_back) == (2, {"fast": 1})


def test_an_event_happens_no_oftener_than_its_limits_allow(tmp_path: Path) -> None:
    events = '[events.oil]\nwhen = "Motion.Oil == \'On\'"\nnot_again_for = "2s"\nmost_an_hour = 3\n'
    sampler = Sampler(plan_with(tmp_path, events), 0)
    frames = [motion(at_ms, oil=at_ms // 1000 % 2) for at_ms in range(0, 20_000, 500)]
    awake = [state(at_ms) for at_ms in range(0, 20_000, 100)]
    batches = sampler.feed([*awake, *frames])
    assert about(batches, "oil") == [1000, 3000, 5000]
    assert sampler.held_back == {"oil": 7}
    sampler = Sampler(plan_with(tmp_path, events.replace("2s", "3s")), 0)
    assert about(sampler.feed([*awake, *frames]), "oil") == [1000, 5000, 9000]


def test_what_must_last_is_an_event_when_it_has_lasted_without_a_break_and_needs_no_frame_for_it(
    tmp_path: Path,
) -> None:
    plan = plan_with(tmp_path, '[events.oil]\nwhen = "Motion.Oil == \'On\'"\nfor = "1500ms"\n')
    frames = [
        *(state(at_ms) for at_ms in range(0, 4100, 100)),
        motion(1000, oil=1), motion(2000, oil=0), motion(2500, oil=1), motion(3900, oil=1),
    ]  # fmt: skip
    ordered = sorted(frames, key=lambda frame: frame.at_ms)
    sampler = Sampler(plan, 0)
    before = [frame for frame in ordered if frame.at_ms < 4000]
    assert sampler.feed(before) == []
    assert sampler.advance(3999) == []
    (batch,) = sampler.advance(4000)
    assert (batch.events, batch.end_ms) == ((Event(4000, "oil"),), 4001)
    assert about(sampled(plan, ordered), "oil") == [4000]


def test_a_change_that_must_last_is_one_where_the_new_value_has_stayed(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, '[events.moving]\nwhen = "Motion.Speed > 50"\non = "change"\nfor = "1s"\n')
    speeds = {1000: 6000, 1500: 0, 3000: 6000, 6000: 0, 6900: 6000, 8000: 0}
    assert about(sampled(plan, drive(9500, speeds)), "moving") == [4001, 9001]


def test_what_falls_silent_does_not_last(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, '[events.oil]\nwhen = "Motion.Oil == \'On\'"\nfor = "10s"\n')
    sampler = Sampler(plan, 0)
    frames = [*(state(at_ms) for at_ms in range(0, 20_000, 100)), motion(1000, oil=1)]
    assert about(sampler.feed(frames), "oil") == []


@pytest.mark.parametrize(
    ("on", "happened"), [("rise", [1000, 3000]), ("fall", [2000, 4000]), ("change", [1000, 2000, 3000, 4000])]
)
def test_the_edge_of_an_event_is_the_one_that_the_profile_names(tmp_path: Path, on: str, happened: list[int]) -> None:
    plan = plan_with(tmp_path, f'[events.oil]\nwhen = "Motion.Oil == \'On\'"\non = "{on}"\n')
    frames = [motion(at_ms, oil=at_ms // 1000 % 2) for at_ms in range(0, 5000, 250)]
    batches = sampled(plan, [*(state(at_ms) for at_ms in range(0, 5000, 100)), *frames])
    assert about(batches, "oil") == happened


def test_what_is_absent_makes_no_edge(tmp_path: Path) -> None:
    events = "".join(
        f'[events.{on}]\nwhen = "Motion.Oil == \'On\'"\non = "{on}"\n' for on in ("rise", "fall", "change")
    )
    plan = plan_with(tmp_path, events)
    frames = [motion(1000, oil=1), *(motion(at_ms, oil=0, test=1) for at_ms in (1500, 2000)), motion(2500, oil=1)]
    batches = sampled(plan, [*(state(at_ms) for at_ms in range(0, 5000, 100)), *frames])
    assert [about(batches, on) for on in ("rise", "fall", "change")] == [[1000], [], []]


def test_each_batch_that_an_event_begins_says_again_what_is_sent_on_change(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, "", without=())
    frames = [
        *(state(at_ms, ignition=at_ms >= 2000) for at_ms in range(0, 6000, 100)),
        *(motion(at_ms, oil=3000 <= at_ms < 4000) for at_ms in range(50, 6000, 100)),
    ]
    _, second, third, *_ = sampled(plan, frames)
    assert (second.events, third.events) == ((Event(3050, "alerts"),), (Event(4050, "alerts"),))
    assert grid(plan, [second], "State.Ignition") == [(2001, 1)]
    assert (grid(plan, [third], "State.Ignition"), grid(plan, [third], "Motion.Oil")) == ([(3051, 1)], [(3051, 1)])


def test_a_crash_that_the_vehicle_says_is_an_event_and_one_that_follows_too_soon_is_counted(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, "[crash]\nmessage = \"Motion.Oil == 'On'\"\n", without=())
    frames = [
        frame
        for at_ms in range(0, 80_000, 100)
        for frame in (state(at_ms), motion(at_ms + 1, oil=at_ms in (20_000, 25_000, 60_000)))
    ]
    sampler = Sampler(plan, 0)
    assert about(sampler.feed(frames), "crash") == [20_001, 60_001]
    assert sampler.held_back["crash"] == 1


def test_built_in_events_are_those_that_the_data_allow(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, "", without=())
    assert {event.name for event in plan.events} == {"ignition", "alerts"}
    frames = [
        *(state(at_ms, ignition=at_ms >= 2000) for at_ms in range(0, 6000, 100)),
        *(motion(at_ms, oil=3000 <= at_ms < 4000) for at_ms in range(50, 6000, 100)),
    ]
    batches = sampled(plan, frames)
    assert about(batches, "ignition") == [2000]
    assert about(batches, "alerts") == [3050, 4050]
    off = plan_with(tmp_path, "[built_in]\nignition = false\n", without=())
    assert {event.name for event in off.events} == {"alerts"}


def test_a_lamp_that_is_lit_when_the_vehicle_wakes_is_an_event_and_its_ignition_is_none(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, "", without=())
    frames = [*(state(at_ms, ignition=1) for at_ms in range(0, 2000, 100)), motion(250, oil=1)]
    batches = sampled(plan, frames)
    assert (about(batches, "ignition"), about(batches, "alerts")) == ([], [250])


def test_a_value_that_does_not_count_is_absent_from_the_time_before_too(fast: Plan) -> None:
    frames = [
        *(state(at_ms, power=1) for at_ms in range(0, 1500, 100)),
        *(state(at_ms) for at_ms in range(1500, 5000, 100)),
        *(motion(at_ms, 65_535 if at_ms == 2050 else 10) for at_ms in range(50, 4000, 500)),
        motion(4000, 10_100),
    ]
    batches = sampled(fast, frames)
    assert [at_ms for at_ms, _ in full_rate(fast, batches[:1], "Motion.Speed")] == [1550, 2550, 3050, 3550, 4000]


def test_an_on_change_signal_is_said_again_where_the_time_before_reaches_into_an_earlier_batch(tmp_path: Path) -> None:
    events = '[events.fast]\nwhen = "Motion.Speed > 100"\nbefore = "3s"\nrecord = ["state"]\n'
    plan = plan_with(tmp_path, events, cadence_ms=5000)
    frames = [
        *(state(at_ms, ignition=at_ms > 5500) for at_ms in range(0, 7000, 100)),
        *(motion(at_ms, 10_100 if at_ms > 6000 else 0, oil=at_ms > 4500) for at_ms in range(50, 7000, 100)),
    ]
    event = next(batch for batch in sampled(plan, frames) if batch.events)
    survives(plan, event, 0)
    assert (event.start_ms, event.end_ms) == (3050, 6051)
    assert full_rate(plan, [event], "Motion.Oil") == [(3050, 0), (4550, 1)]


def test_the_first_frame_of_a_message_can_be_an_event_whatever_else_is_collected_of_it(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, '[events.fixed]\nwhen = "Satellite.Fixed == 1"\n')
    frames = [state(0), satellite(50, 1_700_000_000), state(100_000), satellite(100_050, 1_700_000_100), state(100_100)]
    assert about(sampled(plan, frames), "fixed") == [50, 100_050]


def test_a_time_after_that_reaches_into_the_sleep_ends_with_it(tmp_path: Path) -> None:
    plan = plan_with(tmp_path, FAST.replace('after = "2s"', 'after = "60s"'))
    sampler = Sampler(plan, 0)
    assert len(sampler.feed([state(0), motion(50, 10_500)])) == 1
    assert sampler.advance(60_050) == []
    by_clock = sampler.advance(60_051)
    assert [(batch.reason, batch.events) for batch in by_clock] == [(Reason.SLEEP, (Event(50, "fast"),))]
    assert by_clock == sampled(plan, [state(0), motion(50, 10_500), state(60_051)])[1:2]


def test_windows_look_back_and_rates_are_a_second(tmp_path: Path) -> None:
    events = """
[events.braking]
when = "rate(Motion.Speed, 1) < -30"
[events.hot]
when = "minimum(Motion.Level, 2) > 100 and maximum(Motion.Level, 2) < 110"
[events.shifted]
when = "changed(Pages.Throttle) and Motion.Speed > 0"
"""
    plan = plan_with(tmp_path, events)
    frames = [
        *(state(at_ms) for at_ms in range(0, 10_000, 100)),
        *(motion(at_ms, max(0, 10_000 - 4 * max(0, at_ms - 2000)), level=145 if at_ms > 5000 else 60)
          for at_ms in range(50, 10_000, 100)),
        page(500, 1, 3), page(1500, 1, 4), page(1600, 1, 4), page(1700, 1, 5), page(9000, 1, 6),
    ]  # fmt: skip
    batches = sampled(plan, frames)
    # 40 km/h a second from 2 s on: after 750 ms of it the second's mean is 30.
    assert about(batches, "braking") == [2850]
    assert about(batches, "hot") == [7050]
    assert about(batches, "shifted") == [1500, 1700]


def test_what_is_too_much_for_one_batch_goes_before_it_in_batches_of_its_own(tmp_path: Path) -> None:
    events = '[events.oil]\nwhen = "Motion.Oil == \'On\'"\nrecord = ["fast", "slow"]\nbefore = "60s"\n'
    plan = plan_with(tmp_path, events)
    count = FULL_CHANGES // 2 + 1000
    frames = [state(0), *(motion(at_ms, at_ms % 1000, level=at_ms % 200) for at_ms in range(1, count)),
              *(state(at_ms) for at_ms in range(100, count, 100)), motion(count, 5, oil=1)]  # fmt: skip
    batches = Sampler(plan, 0).feed(frames)
    assert [batch.reason for batch in batches] == [Reason.EVENT] * 3
    assert all(len(batch.changes) <= FULL_CHANGES for batch in batches)
    assert [at_ms for at_ms, _ in full_rate(plan, batches, "Motion.Speed")] == list(range(1, count + 1))
    for sequence, batch in enumerate(batches):
        survives(plan, batch, sequence)


def test_frames_of_the_millisecond_of_an_event_that_come_after_it_take_the_next(fast: Plan) -> None:
    sampler = Sampler(fast, 0)
    together = [motion(1000, 10_500), motion(1000, 3), state(1000, ignition=1)]
    sampler.feed([state(0), state(900)])
    (batch,) = sampler.feed(together)
    assert batch.end_ms == 1001
    last = sampler.close(1001, Reason.SLEEP)
    assert last is not None
    assert full_rate(fast, [last], "State.Ignition")[0] == (1001, 1)
    assert (1001, 3) in full_rate(fast, [last], "Motion.Speed")


def survives(plan: Plan, batch: Batch, sequence: int) -> None:
    sent = Upload(
        bytes(16), sequence, "VF3AAAAAAAA000001", manifest_id(plan.manifest), batch.reason, batch.start_ms,
        batch.end_ms, batch.anchor, batch.ledger, batch.grids, batch.changes, events=batch.events,
    )  # fmt: skip
    assert decode_upload(encode_upload(sent, plan.manifest), plan.manifest) == sent


MIXED = """
[events.fast]
when = "Motion.Speed > 100"
before = "20s"
after = "5s"
record = ["fast", "state"]
[events.lasting]
when = "Motion.Oil == 'On'"
for = "3s"
after = "none"
[events.hot]
when = "maximum(Motion.Level, 30) > 100 or changed(Pages.Throttle)"
on = "change"
before = "none"
[cadence]
driving = "10s"
[trip]
datum = "ignition.type"
active = ["Start"]
"""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """With all that there is: events of every kind, a trip, and a class that is sampled less often without one."""
    profile = model.PROFILE.replace('fast = { every = "1s" }', 'fast = { every = "1s", parked = "4s" }')
    return model.plan(tmp_path_factory.mktemp("mixed"), profile + MIXED, without=())


frames_of_the_model = st.lists(
    st.one_of(
        st.builds(state, st.integers(0, 150_000), st.sampled_from([2, 2, 2, 1]), st.integers(0, 1)),
        st.builds(motion, st.integers(0, 150_000), st.sampled_from([0, 9000, 10_001, 65_535]),
                  st.sampled_from([60, 150]), st.integers(0, 1), st.sampled_from([0, 0, 0, 1])),
        st.builds(page, st.integers(0, 150_000), st.integers(0, 2), st.integers(0, 3)),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(frames=frames_of_the_model, cuts=st.lists(st.integers(0, 100)), looks=st.lists(st.integers(0, 90_000)))
def test_events_and_uploads_do_not_depend_on_how_frames_are_handed_over(
    mixed: Plan, frames: list[Frame], cuts: list[int], looks: list[int]
) -> None:
    lasting = [state(at_ms) for at_ms in range(20_000, 60_000, 1000)]
    lasting += [motion(at_ms, oil=at_ms > 30_000) for at_ms in range(20_000, 60_000, 1500)]
    ordered = sorted([*frames, *lasting], key=lambda frame: frame.at_ms)
    at_once = sampled(mixed, ordered)

    sampler = Sampler(mixed, 0)
    batches: list[Batch] = []
    waits = iter(looks)
    places = sorted(min(cut, len(ordered)) for cut in cuts)
    for begin, end in zip([0, *places], [*places, len(ordered)], strict=True):
        batches += sampler.feed(ordered[begin:end])
        if 0 < end < len(ordered):
            batches += sampler.advance(min(ordered[end].at_ms - 1, ordered[end - 1].at_ms + next(waits, 0)))
    last = sampler.close(ordered[-1].at_ms, Reason.SLEEP)
    batches += [last] if last is not None else []
    assert batches == at_once


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(frames=frames_of_the_model)
@example(frames=[state(119_001), motion(58_000, oil=1)])
def test_batches_with_events_can_be_sent_and_say_nothing_twice(mixed: Plan, frames: list[Frame]) -> None:
    batches = sampled(mixed, [*frames, *(state(at_ms) for at_ms in range(40_000, 60_000, 1000))])
    for sequence, batch in enumerate(batches):
        survives(mixed, batch, sequence)
    for before, after in pairwise([batch for batch in batches if batch.grids or batch.reason is not Reason.EVENT]):
        assert before.end_ms <= after.end_ms
    regular = {number for group in mixed.groups if not group.on_change for number in group.signals}
    came = Counter((frame.bus, frame.id) for frame in frames)
    for signal in regular:
        message = mixed.messages[mixed.signals[signal].message]
        said = [change for batch in batches if batch.reason is Reason.EVENT for change in batch.changes
                if change.signal == signal]  # fmt: skip
        assert len(said) <= came[message.bus, message.id]
        grid(mixed, batches, mixed.signals[signal].name)
