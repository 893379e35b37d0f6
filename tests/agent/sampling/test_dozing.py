from __future__ import annotations

from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.devices.messages import frame_of
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.profile.cadence import VehicleState
from contract.upload import Event, Reason
from tests.agent import model
from tests.agent.model import number, state

SUPPLY = model.PROFILE.replace(
    "[messages]", '"Power.Supply" = { class = "slow" }\n"Box.Temperature" = { class = "state" }\n\n[messages]'
)
LOW = '\n[events.low]\nwhen = "Power.Supply < 11.5"\nfor = "20s"\nbefore = "none"\nafter = "none"\n'
ASLEEP = '\n[cadence]\nasleep = "1h"\n'
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return model.plan(tmp_path_factory.mktemp("dozing"), SUPPLY + LOW + ASLEEP)


def power(at_ms: int, volts: float) -> Frame:
    return frame_of(at_ms, "Power", {"Supply": volts})


def asleep(plan: Plan) -> Sampler:
    """After three seconds awake."""
    sampler = Sampler(plan, 0)
    sampler.feed([state(at_ms) for at_ms in range(0, 3000, 100)])
    assert [batch.reason for batch in sampler.advance(100_000)] == [Reason.SLEEP]
    return sampler


def said(plan: Plan, batch: Batch, name: str) -> list[tuple[int, int | None]]:
    return [(change.at_ms, change.raw) for change in batch.changes if change.signal == number(plan, name)]


def test_a_box_that_stays_on_sends_what_it_says_with_the_cadence_of_sleep(plan: Plan) -> None:
    sampler = asleep(plan)
    box = [power(at_ms, 12.5 + at_ms // 10_000 % 3 / 100) for at_ms in range(110_000, 2 * HOUR_MS, 10_000)]
    batches = sampler.feed(box)
    assert [(batch.reason, batch.end_ms) for batch in batches] == [(Reason.CADENCE, HOUR_MS)]
    assert [at_ms for at_ms, _ in said(plan, batches[0], "Power.Supply")] == [HOUR_MS - 10_000]
    assert sampler.advance(2 * HOUR_MS - 2) == []
    (second,) = sampler.advance(2 * HOUR_MS)
    assert (second.start_ms, second.end_ms) == (HOUR_MS, 2 * HOUR_MS)
    assert sampler.state is VehicleState.ASLEEP


def test_it_sends_nothing_of_the_kind_by_default(tmp_path: Path) -> None:
    sampler = asleep(model.plan(tmp_path, SUPPLY))
    assert sampler.feed([power(at_ms, 12.5) for at_ms in range(110_000, 3 * HOUR_MS, 10_000)]) == []
    assert sampler.close(3 * HOUR_MS, Reason.CADENCE) is None


def test_an_event_of_the_box_is_uploaded_while_the_vehicle_sleeps_and_once(tmp_path: Path) -> None:
    plan = model.plan(tmp_path, SUPPLY + LOW)
    sampler = asleep(plan)
    batches = sampler.feed(
        [power(at_ms, 12.5 if at_ms < 200_000 else 11.2) for at_ms in range(110_000, 220_000, 10_000)]
    )
    assert batches == []
    (low,) = sampler.advance(220_000)
    assert (low.reason, low.events, low.end_ms) == (Reason.EVENT, (Event(220_000, "low"),), 220_001)
    assert said(plan, low, "Power.Supply") == [(210_000, 1120)]
    awake = [frame for at_ms in range(300_000, 330_000, 1000) for frame in (state(at_ms), power(at_ms, 11.2))]
    assert not any(batch.events for batch in sampler.feed(awake))


def test_what_was_heard_before_the_vehicle_wakes_is_sent_and_its_time_is_of_no_other_batch(plan: Plan) -> None:
    sampler = asleep(plan)
    first = sampler.feed([power(200_000, 12.4), state(300_000), state(300_100)])
    assert [(batch.start_ms, batch.end_ms) for batch in first] == [(200_000, 200_001)]
    last = sampler.close(300_100, Reason.CADENCE)
    assert last is not None
    assert last.start_ms == 300_000


def test_batches_of_sleep_do_not_depend_on_how_frames_are_handed_over(plan: Plan) -> None:
    box = [power(at_ms, 12.5 - at_ms % 90_000 / 50_000) for at_ms in range(110_000, 2 * HOUR_MS, 10_000)]
    at_once = asleep(plan).feed(box)
    sampler = asleep(plan)
    one_by_one = []
    for frame in box:
        one_by_one += sampler.advance(frame.at_ms - 1)
        one_by_one += sampler.feed([frame])
    assert one_by_one == at_once
    assert any(batch.events for batch in at_once)
