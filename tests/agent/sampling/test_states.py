from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.configuration import ConfigurationError
from contract.profile.cadence import VehicleState
from contract.upload import Reason
from tests.agent import model
from tests.agent.model import motion, number, state

TRIP = '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n'
CADENCES = '[cadence]\ndriving = "10s"\ncharging = "20s"\nparked = "40s"\n'
CHARGING = """[state]
charging = "Motion.Oil == 'On'"
"""


def profile(classes: str = 'fast = { every = "1s", charging = "2s", parked = "5s" }') -> str:
    return model.PROFILE.replace('fast = { every = "1s" }', classes) + TRIP + CADENCES + CHARGING


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return model.plan(tmp_path_factory.mktemp("states"), profile())


def lived(plan: Plan, until_ms: int, drives: range, charges: range) -> list[Batch]:
    sampler = Sampler(plan, 0)
    frames = []
    for at_ms in range(0, until_ms, 100):
        frames += [state(at_ms, ignition=at_ms in drives), motion(at_ms + 50, at_ms % 30_000, oil=at_ms in charges)]
    batches = sampler.feed(frames)
    last = sampler.close(until_ms, Reason.SLEEP)
    return [*batches, last] if last is not None else batches


def sampled_at(plan: Plan, batches: list[Batch], name: str) -> list[int]:
    found = []
    for batch in batches:
        for grid in batch.grids:
            group = plan.groups[grid.group]
            if number(plan, name) in group.signals:
                rows = len(grid.columns[0])
                found += [grid.start_ms + row * grid.stride * group.interval_ms for row in range(rows)]
    return found


def test_each_state_has_its_own_cadence_and_its_own_rates(plan: Plan) -> None:
    batches = lived(plan, 200_000, drives=range(80_000, 120_000), charges=range(120_000, 160_000))
    # A state is seen with the second after it began.
    assert [batch.end_ms for batch in batches[:-1]] == [
        40_000, 80_000, 90_000, 100_000, 110_000, 120_000, 130_000, 140_000, 160_000, 180_000
    ]  # fmt: skip
    at_ms = sampled_at(plan, batches, "Motion.Speed")
    parked, driving = [*range(0, 81_000, 5000)], [*range(81_000, 121_000, 1000)]
    charging, again = [*range(122_000, 161_000, 2000)], [*range(165_000, 200_000, 5000)]
    assert at_ms == sorted([*parked, *driving, *charging, *again])


def test_the_state_is_driving_before_it_is_charging_and_asleep_when_the_buses_are(plan: Plan) -> None:
    sampler = Sampler(plan, 0)
    seen = [sampler.state]
    for at_ms in range(0, 20_000, 100):
        both = range(5000, 10_000)
        sampler.feed([motion(at_ms, oil=at_ms >= 5000), state(at_ms, ignition=at_ms in both)])
        seen.append(sampler.state)
    sampler.advance(100_000)
    seen.append(sampler.state)
    assert [seen[0], *(after for before, after in pairwise(seen) if after is not before)] == [
        VehicleState.ASLEEP, VehicleState.PARKED, VehicleState.DRIVING, VehicleState.CHARGING, VehicleState.ASLEEP
    ]  # fmt: skip


def test_a_vehicle_charges_by_default_while_its_data_say_so(tmp_path: Path) -> None:
    text = model.PROFILE + TRIP
    table = "{ On = 'InProgress', Off = 'Stopped' }"
    datum = f'"energies.Electric.charging.status" = {{ from = "Motion.Oil", values = {table} }}'
    mapped = text.replace("[alerts]", f"{datum}\n[alerts]")
    for profile_text, expected in ((text, VehicleState.PARKED), (mapped, VehicleState.CHARGING)):
        sampler = Sampler(model.plan(tmp_path, profile_text), 0)
        sampler.feed([frame for at_ms in range(0, 5000, 100) for frame in (state(at_ms), motion(at_ms, oil=1))])
        assert sampler.state is expected


def test_without_a_trip_rule_an_awake_vehicle_drives(tmp_path: Path) -> None:
    sampler = Sampler(model.plan(tmp_path), 0)
    sampler.feed([state(at_ms) for at_ms in range(0, 3000, 100)])
    assert sampler.state is VehicleState.DRIVING


def test_a_rate_of_a_state_is_a_multiple_of_the_finest(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"classes.fast.parked: 2500 ms is no multiple of 1 s"):
        model.plan(tmp_path, profile('fast = { every = "1s", parked = "2500ms" }'))


def test_what_is_sent_on_change_is_restated_at_least_once_in_each_upload_of_each_state(tmp_path: Path) -> None:
    plan = model.plan(tmp_path, profile().replace("on_change = true", 'on_change = true, parked = "120s"'))
    batches = lived(plan, 200_000, drives=range(80_000, 120_000), charges=range(0))
    for batch in batches[:-1]:
        assert sampled_at(plan, [batch], "State.Ignition")
