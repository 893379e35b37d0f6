"""Every action is made of steps that have a name, and these of the numbers that they are transmitted with."""

from __future__ import annotations

from hypothesis import given

from contract.actions import (
    Action,
    Charging,
    ChargingPreferences,
    ChargingProgram,
    ConditioningProgram,
    DeletedProgram,
    Navigation,
    NextCharge,
    Place,
    Preconditioning,
)
from contract.steps import ARGUMENTS, NEEDS, Step, is_served, steps_of
from tests.contract.test_actions import actions


@given(actions)
def test_a_step_has_the_arguments_that_its_name_promises(action: Action) -> None:
    steps = steps_of(action)
    assert steps
    for step in steps:
        assert tuple(step.arguments) == ARGUMENTS[step.name]


def test_programs_are_given_before_what_is_to_be_done_at_once() -> None:
    programs = (ConditioningProgram(1, True, 27_000, ("Mon", "Sun"), "Daily"), DeletedProgram(2))
    assert steps_of(Preconditioning(True, programs)) == (
        Step(
            "set-conditioning-program",
            {"slot": 1, "enabled": True, "hour": 7, "minute": 30, "days": 0b1000001, "daily": True},
        ),
        Step("delete-conditioning-program", {"slot": 2}),
        Step("precondition"),
    )


def test_charging_is_said_in_the_time_of_who_asks() -> None:
    assert steps_of(Charging(next=NextCharge(1_700_000_000_000, 60))) == (
        Step("charge-at", {"hour": 23, "minute": 13}),  # 22:13:20 UTC.
    )
    endless = Charging(False, (ChargingProgram(3, False, 0, None, ()),))
    program, stop = steps_of(endless)
    assert (program.arguments["end-hour"], stop.name) == (24, "stop-charging")
    preferences = steps_of(Charging(preferences=ChargingPreferences(2, "Full")))
    assert preferences == (Step("set-charging-level", {"level": 2}), Step("set-charging-type", {"full": True}))


def test_each_position_of_a_way_is_a_step() -> None:
    first, last = steps_of(Navigation((Place(1.5, 2.5), Place(3.0, 4.0))))
    assert first.arguments == {"latitude": 2.5, "longitude": 1.5, "position": 1, "positions": 2}
    assert last.arguments == {"latitude": 4.0, "longitude": 3.0, "position": 2, "positions": 2}


def test_what_the_box_does_itself_is_served_where_the_vehicle_can_do_what_it_asks_of_it() -> None:
    assert is_served("wake-up", {})
    assert not is_served("lock", {})
    assert is_served("lock", {"lock": None})
    assert not is_served("set-charging-program", {"charge": None})
    assert is_served("set-charging-program", {"charge": None, "stop-charging": None})
    assert is_served("set-charging-program", {"set-charging-program": None})
    assert NEEDS.keys() <= ARGUMENTS.keys()
