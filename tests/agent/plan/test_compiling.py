from __future__ import annotations

from pathlib import Path

import pytest

from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan, PlannedSignal
from agent.plan.values import bounds
from contract.configuration import ConfigurationError
from contract.manifest import Sampling
from contract.profile.cadence import AWAKE
from contract.profile.devices import RECEIVER_SIGNALS
from tests.agent import model

PROFILES = sorted((Path(__file__).resolve().parents[3] / "config" / "vehicles").glob("*.toml"))


def signal(plan: Plan, name: str) -> PlannedSignal:
    return plan.signals[model.number(plan, name)]


def test_the_manifest_lists_what_is_sent_in_the_order_of_classes_then_the_receivers(tmp_path: Path) -> None:
    plan = model.plan(tmp_path)
    groups = [
        (group.sampling, group.interval_ms, [signal.name for signal in group.signals]) for group in plan.manifest.groups
    ]
    assert groups == [
        (Sampling.EVERY, 1000, ["Motion.Speed", "Guarded.Distance", "Pages.Load", "Cell.Current"]),
        (Sampling.EVERY, 10_000, ["Motion.Level"]),
        (Sampling.ON_CHANGE, 60_000, ["Motion.Oil", "State.Ignition", "Pages.Throttle"]),
        (Sampling.EVERY, 1000, [signal.name for signal in RECEIVER_SIGNALS]),
    ]
    sent = [signal for group in plan.manifest.groups for signal in group.signals]
    assert [signal.name for signal in plan.signals[: len(sent)]] == [signal.name for signal in sent]
    ignition = next(signal for signal in sent if signal.name == "State.Ignition")
    assert ignition.choices == {0: "Off", 1: "On"}
    speed = sent[0]
    assert (speed.scale, speed.offset, speed.unit) == (0.01, 0, "km/h")


def test_on_change_signals_are_restated_in_every_upload(tmp_path: Path) -> None:
    plan = model.plan(tmp_path, cadence_ms=10_000)
    assert [group.interval_ms for group in plan.groups] == [1000, 10_000, 10_000, 1000]
    assert {plan.cadences_ms[state] for state in AWAKE} == {10_000}


def test_limits_are_the_profiles_or_the_databases_as_raw_values(tmp_path: Path) -> None:
    profile = model.PROFILE.replace("invalid = [255] }", "invalid = [255], minimum = -10.5, maximum = 20 }")
    plan = model.plan(tmp_path, profile)
    assert (signal(plan, "Motion.Level").low, signal(plan, "Motion.Level").high) == (30, 60)
    assert (signal(plan, "Motion.Speed").low, signal(plan, "Motion.Speed").high) == (0, 30_000)
    assert signal(plan, "Motion.Speed").invalid == {65_535}


def test_raw_limits_include_what_lies_on_them_whatever_the_rounding() -> None:
    assert bounds(0.1, 0, 0, 67_660.2) == (0, 676_602)
    assert bounds(0.1, 0, 1.1, 2.3) == (11, 23)
    assert bounds(-0.1, 100, -20, 50) == (500, 1200)
    assert bounds(0.5, -40, None, 215)[1] == 510
    assert bounds(0, 5, 1, 2)[0] < -(1 << 64)


def test_conditions_apply_to_all_but_the_signals_that_they_read(tmp_path: Path) -> None:
    plan = model.plan(tmp_path)
    texts = {each.name: [plan.conditions[index].text for index in each.conditions] for each in plan.signals}
    assert texts["Motion.Oil"] == ["Motion.Test == 0", "State.Power == 'Awake'"]
    assert texts["State.Ignition"] == ["State.Power == 'Awake'"]
    assert texts["State.Power"] == []
    assert texts["GNSS.Latitude"] == []


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_the_projects_profiles_compile(profile: Path) -> None:
    plan = compile_plan(profile)
    assert plan.profile.model == profile.stem
    assert not any(plan.findings.values())


WRONG = [
    ('"Pages.Load" = {', '"Pagse.Load" = {', 'signals."Pagse.Load": no message Pagse in car.dbc; did you mean Pages?'),
    ('"Motion.Level" = {', '"Motion.Levle" = {', "message Motion has no signal Levle; did you mean Level?"),
    ("invalid = [255]", "invalid = [256]", "256 is no raw value of Motion.Level (8 bits, unsigned)"),
    ("== 'Awake'", "== 'Awaken'", "buses.can0.valid_when: State.Power is never 'Awaken'; did you mean Awake?"),
    ("== 'Awake'", "== 2", "State.Power reads as 'Awake' where its raw value is 2"),
    ("Motion.Test == 0", "Motion.Test == 'No'", "it has no value names, compare it with a number"),
    ("Motion.Test == 0", "Motion.Tset == 0", "message Motion has no signal Tset; did you mean Test?"),
    ('signal = "Checksum"', 'signal = "Distance"', "signal Distance cannot hold a crc8-j1850"),
    ('signal = "Checksum"', 'signal = "Cheksum"', "message Guarded has no signal Cheksum; did you mean Checksum?"),
    ('signal = "Counter"', 'signal = "Count"', "message Guarded has no signal Count; did you mean Counter?"),
    ('from = "Motion.Speed"', 'from = "Motion.Level"', "'degC' is a unit of temperature, 'km/h' of speed"),
    ("values = { Off =", "values = { Of =", "State.Ignition has no value 'Of'; did you mean Off?"),
    ('is = ["On"]', 'is = ["Onn"]', "Motion.Oil is never 'Onn'; did you mean On?"),
    ('"Satellite.Seconds"', '"Satellite.Second"', "clock.from: message Satellite has no signal Second; did you"),
    ('["car.dbc"]', '["cars.dbc"]', "cars.dbc: cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "wrong", "expected"), WRONG, ids=[expected for _, _, expected in WRONG])
def test_what_is_wrong_is_named_with_its_line_and_what_there_is(
    tmp_path: Path, found: str, wrong: str, expected: str
) -> None:
    assert model.PROFILE.count(found) == 1
    file = model.write(tmp_path, model.PROFILE.replace(found, wrong))
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if wrong in text)

    with pytest.raises(ConfigurationError) as error:
        compile_plan(file)

    assert expected in str(error.value)
    assert f"car.toml:{line}: " in str(error.value)


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    profile = model.PROFILE.replace('"Motion.Speed" =', '"Motion.Spede" =').replace("'Awake'", "'Asleeep'")
    with pytest.raises(ConfigurationError) as error:
        model.plan(tmp_path, profile.replace('from = "Motion.Speed"', 'from = "Motion.Spede"'))
    assert len(error.value.problems) == 2


def test_a_signal_that_is_misspelt_where_it_is_listed_is_named_before_what_uses_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        model.plan(tmp_path, model.PROFILE.replace('"Motion.Speed" =', '"Motion.Spede" ='))
    listed, used = error.value.problems
    assert "Motion has no signal Spede; did you mean Speed?" in listed.text
    assert "Motion.Speed is not listed under [signals]" in used.text


def test_a_value_may_not_depend_on_itself(tmp_path: Path) -> None:
    circle = '"Motion.Test" = { valid_when = "Motion.Oil == \'On\'" }\n[messages]'
    with pytest.raises(ConfigurationError, match=r"whether Motion\.Oil is valid depends on Motion\.Oil itself"):
        model.plan(tmp_path, model.PROFILE.replace("[messages]", circle))


def test_a_message_of_two_buses_is_ambiguous(tmp_path: Path) -> None:
    profile = model.PROFILE.replace("[classes]", '[buses.can1]\ndatabases = ["car.dbc"]\n[classes]')
    with pytest.raises(ConfigurationError, match="the databases of can0 and can1 both have a message Motion"):
        model.plan(tmp_path, profile)
