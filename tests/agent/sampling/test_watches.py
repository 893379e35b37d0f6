from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.plan.compiling import compile_plan
from agent.plan.compiling_watches import compile_watches
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from agent.sampling.watches import Allowance, Bucket
from contract.manifest import manifest_id
from contract.upload import Change, Event, Reason, Upload, decode_upload, encode_upload
from contract.watching import Condition, Operator
from tests.agent import model
from tests.agent.model import motion, number, page, state

PLENTY = Allowance(3600, 3600)
FAST = Condition(Operator.ABOVE, ("kinetic.speed",), (50,), 2)
OIL = Condition(Operator.AMONG, ("alert.EngineOilPressureFailure",), (1,))
IGNITION = Condition(Operator.CHANGED, ("ignition.type",))
PROFILE = model.PROFILE.replace(
    "[alerts]",
    """"odometer.mileage" = { from = "Guarded.Distance" }
"energies.Fuel.level" = { expression = "Pages.Load if State.Ignition == 'On' else 0" }

[alerts]""",
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return model.plan(tmp_path_factory.mktemp("watched"), PROFILE)


def watching(plan: Plan, *conditions: Condition, allowance: Allowance = PLENTY) -> Sampler:
    sampler = Sampler(plan, 0)
    sampler.watch(compile_watches(plan, conditions).watches, allowance)
    return sampler


def speeds(*kmh: float, from_ms: int = 0, step_ms: int = 100) -> list[Frame]:
    frames = []
    for step, each in enumerate(kmh):
        at_ms = from_ms + step * step_ms
        frames += [state(at_ms), motion(at_ms + 1, round(each * 100))]
    return frames


def told(batches: Iterable[Batch]) -> list[int]:
    return [event.at_ms for batch in batches for event in batch.events if event.name == "watch"]


def test_what_begins_to_hold_is_uploaded_with_its_own_frame_and_its_value_and_nothing_before(plan: Plan) -> None:
    sampler = watching(plan, FAST)
    frames = speeds(40, 49, 50, 50.01, 60)
    assert sampler.feed(frames[:7]) == []
    (batch,) = sampler.feed(frames[7:8])
    assert (batch.reason, batch.events, batch.end_ms) == (Reason.EVENT, (Event(301, "watch"),), 302)
    assert Change(301, number(plan, "Motion.Speed"), 5001) in batch.changes
    assert sampler.feed(frames[8:]) == []


def test_a_watched_upload_can_be_written_and_read(plan: Plan) -> None:
    (batch,) = watching(plan, FAST).feed(speeds(40, 60))
    upload = Upload(
        boot=bytes(16),
        sequence=1,
        vin="VF3TESTTEST012345",
        manifest=manifest_id(plan.manifest),
        reason=batch.reason,
        start_ms=batch.start_ms,
        end_ms=batch.end_ms,
        anchor=None,
        ledger=batch.ledger,
        grids=batch.grids,
        changes=batch.changes,
        events=batch.events,
    )
    assert decode_upload(encode_upload(upload, plan.manifest), plan.manifest) == upload


def test_after_it_began_it_must_be_back_beyond_its_hysteresis_before_it_begins_again(plan: Plan) -> None:
    batches = watching(plan, FAST).feed(speeds(40, 51, 49, 51, 48.5, 51, 48, 51, step_ms=1000))
    assert told(batches) == [1001, 7001]


def test_what_holds_already_when_it_is_first_heard_is_no_beginning(plan: Plan) -> None:
    assert told(watching(plan, FAST).feed(speeds(60, 70, 80))) == []


def test_what_holds_already_when_it_is_asked_for_is_no_beginning(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    sampler.feed(speeds(60, 70))
    sampler.watch(compile_watches(plan, [FAST]).watches, PLENTY)
    assert told(sampler.feed(speeds(70, 80, 40, 60, from_ms=200))) == [501]


def test_the_first_frame_after_it_was_asked_for_may_be_its_beginning(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    sampler.feed(speeds(40, 40))
    sampler.watch(compile_watches(plan, [FAST]).watches, PLENTY)
    assert told(sampler.feed(speeds(60, from_ms=200))) == [201]


@pytest.mark.parametrize(
    ("condition", "values", "begins"),
    [
        (Condition(Operator.BELOW, ("kinetic.speed",), (30,), 1), (40, 30, 29.99, 30.5, 29, 31, 29), [201, 601]),
        (Condition(Operator.AT_MOST, ("kinetic.speed",), (30,), 1), (40, 30.01, 30, 31, 31.01, 30), [201, 501]),
        (Condition(Operator.AT_LEAST, ("kinetic.speed",), (30,), 1), (20, 29.99, 30, 29, 28.99, 30), [201, 501]),
        (Condition(Operator.AMONG, ("kinetic.speed",), (30,)), (20, 30, 30, 31, 30), [101, 401]),
        (Condition(Operator.NOT_AMONG, ("kinetic.speed",), (30,)), (30, 31, 32, 30, 29), [101, 401]),
        (Condition(Operator.CHANGED, ("kinetic.speed",)), (30, 30, 31, 31, 30), [201, 401]),
    ],
)
def test_each_operator_begins_where_it_should(
    plan: Plan, condition: Condition, values: tuple[float, ...], begins: list[int]
) -> None:
    assert told(watching(plan, condition).feed(speeds(*values))) == begins


def test_names_and_lamps_are_watched_by_their_published_values(plan: Plan) -> None:
    stopped = Condition(Operator.AMONG, ("ignition.type",), ("Stop",))
    sampler = watching(plan, stopped, OIL)
    frames = [state(0, ignition=1), motion(1), state(100, ignition=0), motion(201, oil=1), motion(301, oil=0)]
    assert told(sampler.feed(frames)) == [100, 201]


def test_all_data_of_a_beginning_are_watched_each_by_itself(plan: Plan) -> None:
    sampler = watching(plan, Condition(Operator.CHANGED, ("alert.*", "ignition.*")))
    frames = [state(0), motion(1), state(100, ignition=1), motion(201, oil=1)]
    assert told(sampler.feed(frames)) == [100, 201]


def test_what_is_computed_of_several_signals_goes_with_all_of_them(plan: Plan) -> None:
    sampler = watching(plan, Condition(Operator.ABOVE, ("energies.Fuel.level",), (20,)))
    frames = [state(0, ignition=1), page(1, 0, 10), page(50, 0, 30)]
    (batch,) = sampler.feed(frames)
    assert told([batch]) == [50]
    assert {change.signal for change in batch.changes} >= {number(plan, "Pages.Load"), number(plan, "State.Ignition")}


def test_what_a_vehicle_wakes_up_with_is_compared_with_what_it_slept_with(plan: Plan) -> None:
    asleep_ms = plan.silence_ms + 10_000
    unchanged = watching(plan, FAST, IGNITION)
    unchanged.feed(speeds(40, 60))
    assert told(unchanged.feed(speeds(60, 60, from_ms=asleep_ms))) == []
    changed = watching(plan, FAST, IGNITION)
    changed.feed(speeds(40, 40))
    assert told(changed.feed([state(asleep_ms, ignition=1), motion(asleep_ms + 1, 6000)])) == [asleep_ms, asleep_ms + 1]


def test_a_value_that_does_not_count_says_nothing(plan: Plan) -> None:
    frames = [state(0), motion(1, 4000), motion(101, 65535), motion(201, 4000), motion(301, 65535), motion(401, 6000)]
    sampler = watching(plan, FAST)
    assert told(sampler.feed(frames)) == [401]


def test_another_list_takes_the_place_of_the_one_before_and_what_stays_in_it_goes_on(plan: Plan) -> None:
    sampler = watching(plan, FAST, IGNITION)
    batches = sampler.feed(speeds(40, 60))
    sampler.watch(compile_watches(plan, [FAST, OIL]).watches, PLENTY)
    batches += sampler.feed([state(200, ignition=1), motion(201, 6100), motion(301, 6100, oil=1), motion(401, 4000)])
    sampler.watch((), PLENTY)
    batches += sampler.feed([motion(501, 6000), state(600, ignition=0)])
    assert told(batches) == [101, 301]


def test_watching_loses_no_sample_and_changes_none(plan: Plan) -> None:
    frames = speeds(*(10 + 7 * (step % 9) for step in range(300)))

    def sampled(sampler: Sampler) -> dict[tuple[int, int], int]:
        found = {}
        for batch in [*sampler.feed(frames), *([last] if (last := sampler.close(40_000, Reason.SLEEP)) else [])]:
            for grid in batch.grids:
                group = plan.groups[grid.group]
                if group.on_change:
                    continue  # Restated in each upload, of which there are more.
                for signal, column in zip(group.signals, grid.columns, strict=True):
                    for row, raw in enumerate(column):
                        if raw is not None:
                            found[signal, grid.start_ms + row * group.interval_ms] = raw
        return found

    plain = sampled(Sampler(plan, 0))
    watched = sampled(watching(plan, FAST))
    assert watched == plain
    assert len(plain) > 30


def test_the_allowance_of_a_condition_is_its_own_and_what_is_held_back_is_counted(plan: Plan) -> None:
    sampler = watching(plan, FAST, OIL, allowance=Allowance(12, 3600))
    flutter = speeds(*([40, 60] * 20), step_ms=1000)
    batches = sampler.feed([*flutter, state(40_000), motion(40_001, 6000, oil=1)])
    assert told(batches) == [1001, 3001, 40_001]
    assert sampler.held_back == {"watch": 18}


def test_all_conditions_together_have_an_allowance(plan: Plan) -> None:
    sampler = watching(plan, FAST, IGNITION, OIL, allowance=Allowance(3600, 6))
    frames = [state(0), motion(1, 4000), motion(101, 6000), state(200, ignition=1), motion(301, 6000, oil=1)]
    assert told(sampler.feed(frames)) == [101]
    assert sampler.held_back == {"watch": 2}


def test_what_is_held_back_by_the_allowance_of_all_uses_up_none_of_its_own(plan: Plan) -> None:
    sampler = watching(plan, FAST, OIL, allowance=Allowance(3, 6))
    frames = [state(0), motion(1, 4000), motion(101, 4000, oil=1), motion(201, 6000)]
    later = speeds(*[40] * 620, 60, from_ms=1000, step_ms=1000)
    assert told(sampler.feed([*frames, *later])) == [101, later[-1].at_ms]
    assert sampler.held_back == {"watch": 1}


def test_what_begins_with_one_frame_is_one_upload(plan: Plan) -> None:
    both = Condition(Operator.AT_LEAST, ("kinetic.speed",), (55,))
    sampler = watching(plan, FAST, both, allowance=Allowance(6, 6))
    batches = sampler.feed(speeds(40, 60))
    assert told(batches) == [101]
    assert sampler.held_back == {}
    assert len([change for change in batches[0].changes if change.at_ms == 101]) == 1


@given(st.integers(1, 3600), st.lists(st.integers(0, 600_000), max_size=200))
def test_a_bucket_never_gives_more_in_any_hour_than_it_has_and_what_had_gathered(
    an_hour: int, waits_ms: list[int]
) -> None:
    bucket, at_ms, given_ms = Bucket(an_hour), 0, []
    for wait_ms in waits_ms:
        at_ms += wait_ms
        if bucket.has(at_ms):
            bucket.take()
            given_ms.append(at_ms)
    for start_ms in given_ms:
        within = [each for each in given_ms if start_ms <= each < start_ms + 3_600_000]
        assert len(within) <= an_hour + max(1, an_hour / 6) + 1


def test_an_event_of_the_profile_gives_nothing_twice_that_was_given_for_the_watch(tmp_path: Path) -> None:
    slowing = '[events.slowing]\nwhen = "Motion.Speed < 20"\nbefore = "3s"\nafter = "1s"\n'
    plan = model.plan(tmp_path, PROFILE + slowing)
    sampler = watching(plan, FAST)
    batches = sampler.feed(speeds(40, 60, 55, 10))
    changes = [
        (c.at_ms, c.signal) for batch in batches for c in batch.changes if c.signal == number(plan, "Motion.Speed")
    ]
    assert len(changes) == len(set(changes))
    assert {at_ms for at_ms, _ in changes} == {1, 101, 201, 301}


def test_data_that_cannot_be_watched_are_named(tmp_path: Path) -> None:
    positions = PROFILE.replace("[alerts]", '"position.latitude" = { from = "Motion.Level" }\n\n[alerts]').replace(
        '"degC"', '"deg"'
    )
    file = model.write(tmp_path, positions, model.DATABASE.replace('"degC"', '"deg"'))
    plan = compile_plan(file)
    asked = [
        Condition(Operator.CHANGED, ("kinetic.moving", "position.latitude", "alert.RiskOfIce", "safety.*")),
        Condition(Operator.ABOVE, ("kinetic.speed", "nothing.known"), (1,)),
    ]
    compiled = compile_watches(plan, asked)
    assert compiled.skipped == ("kinetic.moving", "position.latitude", "alert.RiskOfIce", "safety.*", "nothing.known")
    assert [watch.datum for watch in compiled.watches] == ["kinetic.speed"]
