from __future__ import annotations

from pathlib import Path

import pytest

from agent.plan.compiling import compile_plan
from agent.plan.compiling_events import event_names, without_events
from contract.configuration import ConfigurationError
from tests.agent import model


def refused(folder: Path, text: str) -> str:
    """What the compile step says of a profile with more to it."""
    with pytest.raises(ConfigurationError) as wrong:
        compile_plan(model.write(folder, model.PROFILE + text))
    return str(wrong.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('when = "Motion.Sped > 100"', "when: message Motion has no signal Sped; did you mean Speed?"),
        ('when = "rate(Moton.Speed, 2) < -20"', "when: no message Moton in car.dbc; did you mean Motion?"),
        ('when = "Motion.Speed > 1"\nclear = "Motion.Spee < 1"', "clear: message Motion has no signal Spee; did you"),
        ('when = "State.Ignition"', "when: State.Ignition is a text, which never holds by itself: compare"),
        ('when = "Motion.Test"\nclear = "Motion.Oil"', "clear: Motion.Oil is a text, which never holds by itself"),
        ("when = \"State.Ignition == 'Onn'\"", "when: State.Ignition is never 'Onn'; did you mean On?"),
        ('when = "rate(Motion.Speed) < -20"', "'rate(Motion.Speed)' at character 1 is not allowed"),
        ('when = "minimum(Motion.Speed, 61) > 1"', "at most 60 seconds"),
        ('when = "maximum(Motion.Speed, 0) > 1"', "is not allowed"),
        ("when = \"__import__('os')\"", "is not allowed"),
        ('when = "Motion.Speed > 1"\nbefore = "2min"', "before: at most 1 min are kept at full rate, found 2 min"),
        ('when = "Motion.Speed > 1"\nmost_an_hour = 0', "most_an_hour: expected 1 to 3600, found 0"),
        ('when = "Motion.Oil"\non = "change"\nclear = "Motion.Oil"', "clear: an event on change needs none"),
        ('when = "Motion.Speed > 1"\nrecord = ["fats"]', "record[0]: fats is neither a signal under [signals] nor a"),
        ('when = "Motion.Speed > 1"\nrecord = ["Motion.Test"]', "record[0]: Motion.Test is neither"),
        ('when = "Motion.Speed > 1"\nfro = "1s"', "fro: unknown key; did you mean for?"),
    ],
)
def test_a_wrong_event_is_refused_with_its_line_and_what_was_meant(tmp_path: Path, text: str, said: str) -> None:
    problem = refused(tmp_path, f"\n[events.mine]\n{text}\n")
    assert said in problem
    line = int(problem.partition("car.toml:")[2].partition(":")[0])
    assert line > model.PROFILE.count("\n") + 1
    assert "events.mine" in problem


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("doors", "doors is a built-in event"),
        ("watch", "watch is what the cloud asks for: give another name"),
        ("remote", "remote is what the cloud asks for: give another name"),
        ('""', "the name of an event has 1 to 64 bytes"),
        (f'"{"é" * 33}"', "the name of an event has 1 to 64 bytes"),
    ],
)
def test_a_name_that_no_event_can_have_is_refused(tmp_path: Path, name: str, said: str) -> None:
    assert said in refused(tmp_path, f'\n[events.{name}]\nwhen = "Motion.Speed > 1"\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('acceleration = ["Motion.Level"]', "crash.acceleration[0]: Motion.Level: 'degC' is a unit of temperature"),
        ('acceleration = ["Motion.Lvl"]', "crash.acceleration[0]: message Motion has no signal Lvl"),
        ("", "crash: needs a message or accelerations"),
        ("message = \"Motion.Oil == 'Lit'\"", "crash.message: Motion.Oil is never 'Lit'"),
        ('message = "Motion.Oil"', "crash.message: Motion.Oil is a text, which never holds by itself: compare it, as"),
        ('message = "Motion.Oil"\nacceleration = ["Motion.Speed"]', "as Motion.Oil != 'Off'"),
        ('message = "Motion.Oil"\nvelocity_change = 0', "crash.velocity_change: expected km/h above 0, found 0"),
    ],
)
def test_a_wrong_crash_rule_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, f"\n[crash]\n{text}\n")


@pytest.mark.parametrize(
    "text",
    [
        '[crash]\nmessage = "Motion.Test"',
        "[crash]\nmessage = \"Motion.Oil != 'Off'\"",
        '[events.oil]\nwhen = "Motion.Oil"\non = "change"',
        '[events.test]\nwhen = "Motion.Test"',
    ],
)
def test_a_number_and_a_comparison_can_hold_and_any_value_can_change(tmp_path: Path, text: str) -> None:
    compile_plan(model.write(tmp_path, f"{model.PROFILE}\n{text}\n"))


def test_conditions_that_are_no_events_do_not_look_back(tmp_path: Path) -> None:
    text = model.PROFILE.replace('valid_when = "Motion.Test == 0"', 'valid_when = "changed(Motion.Test)"')
    with pytest.raises(ConfigurationError, match="only conditions of events look back"):
        compile_plan(model.write(tmp_path, text))


def test_what_only_an_event_reads_is_read_and_not_sent(tmp_path: Path) -> None:
    plan = compile_plan(model.write(tmp_path, model.PROFILE + '\n[events.test]\nwhen = "Satellite.Fixed == 1"\n'))
    sent = {signal.name for group in plan.manifest.groups for signal in group.signals}
    assert "Satellite.Fixed" not in sent
    (event,) = (event for event in plan.events if event.name == "test")
    assert event.recording.signals == ()
    assert next(message for message in plan.messages if message.name == "Satellite").watched


def test_a_plan_without_its_events_watches_nothing(tmp_path: Path) -> None:
    plan = compile_plan(model.write(tmp_path, model.PROFILE + '\n[events.fast]\nwhen = "Motion.Speed > 1"\n'))
    assert event_names(plan) == {"fast", "ignition", "alerts"}
    some = without_events(plan, ["fast", "alerts"])
    assert event_names(some) == {"ignition"}
    assert [message.name for message in some.messages if message.watched] == ["State"]
    assert not any(message.watched for message in without_events(plan, event_names(plan)).messages)
