"""Steps: what an action of remote control is made of, by the names that a profile and `agent.toml` have for them.

    wake-up                                        wakes the vehicle, and has it say how it is
    lock unlock horn-on horn-off lights-on lights-off immobilize release
    precondition stop-preconditioning charge stop-charging
    set-conditioning-program                       slot enabled hour minute days daily
    delete-conditioning-program                    slot
    set-charging-program                           slot enabled hour minute end-hour end-minute days
    charge-at                                      hour minute
    set-charging-level set-charging-type           level: 1 to 5; full: 1, or 0 for partial
    navigate                                       latitude longitude (degrees) position positions, for each position
    track                                          uploads at its own pace (`contract.actions.Tracking`), or no more

The numbers after a name are its arguments, with which it is transmitted; times are of the day, days are bits and
Monday's is the lowest, and an end that is not given is hour 24. Wake-up, track and what is a program or a time of
charging are the box's own: they need no entry in a profile. What they ask of a vehicle at their time does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from contract.actions import (
    Action,
    Charging,
    ChargingProgram,
    ConditioningProgram,
    DeletedProgram,
    Doors,
    Horn,
    Immobilization,
    Lights,
    Navigation,
    Preconditioning,
    Stolen,
    WakeUp,
)
from contract.catalog import DAYS

WAKE_UP, TRACK = "wake-up", "track"
PRECONDITION, STOP_PRECONDITIONING = "precondition", "stop-preconditioning"
CHARGE, STOP_CHARGING = "charge", "stop-charging"
SET_CONDITIONING, DELETE_CONDITIONING = "set-conditioning-program", "delete-conditioning-program"
SET_CHARGING, CHARGE_AT = "set-charging-program", "charge-at"

ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        WAKE_UP: (),
        "lock": (),
        "unlock": (),
        "horn-on": (),
        "horn-off": (),
        "lights-on": (),
        "lights-off": (),
        "immobilize": (),
        "release": (),
        PRECONDITION: (),
        STOP_PRECONDITIONING: (),
        CHARGE: (),
        STOP_CHARGING: (),
        SET_CONDITIONING: ("slot", "enabled", "hour", "minute", "days", "daily"),
        DELETE_CONDITIONING: ("slot",),
        SET_CHARGING: ("slot", "enabled", "hour", "minute", "end-hour", "end-minute", "days"),
        CHARGE_AT: ("hour", "minute"),
        "set-charging-level": ("level",),
        "set-charging-type": ("full",),
        "navigate": ("latitude", "longitude", "position", "positions"),
        TRACK: (),
    }
)
"""Every step, with the names of its arguments."""
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        WAKE_UP: (),
        TRACK: (),
        SET_CONDITIONING: (PRECONDITION,),
        DELETE_CONDITIONING: (),
        SET_CHARGING: (CHARGE, STOP_CHARGING),
        CHARGE_AT: (CHARGE,),
    }
)
"""The steps that the box does itself, each with those that it asks of the vehicle at their time."""
_NO_END = (24, 0)


class Step(msgspec.Struct, frozen=True):
    name: str
    arguments: Mapping[str, float] = MappingProxyType({})


def steps_of(action: Action) -> tuple[Step, ...]:
    """In the order in which they are done."""
    return tuple(_steps(action))


def is_served(name: str, actions: Mapping[str, object]) -> bool:
    """Whether vehicles can do a step whose profile has these `[actions]`."""
    return name in actions or (name in NEEDS and all(needed in actions for needed in NEEDS[name]))


def _steps(action: Action) -> Iterator[Step]:
    match action:
        case WakeUp():
            yield Step(WAKE_UP)
        case Doors(locked=yes):
            yield Step("lock" if yes else "unlock")
        case Horn(on=yes):
            yield Step("horn-on" if yes else "horn-off")
        case Lights(on=yes):
            yield Step("lights-on" if yes else "lights-off")
        case Immobilization(on=yes):
            yield Step("immobilize" if yes else "release")
        case Stolen():
            yield Step(TRACK)
        case Navigation(positions=positions):
            for number, place in enumerate(positions, 1):
                arguments = {"latitude": place.latitude, "longitude": place.longitude}
                yield Step("navigate", arguments | {"position": number, "positions": len(positions)})
        case Preconditioning():
            yield from map(_conditioning, action.programs)
            if action.immediate is not None:
                yield Step(PRECONDITION if action.immediate else STOP_PRECONDITIONING)
        case Charging():
            yield from _charging(action)


def _charging(action: Charging) -> Iterator[Step]:
    for program in action.programs:
        yield Step(SET_CHARGING, _charging_arguments(program))
    if action.next is not None:
        hour, minute = divmod(action.next.local_minute, 60)
        yield Step(CHARGE_AT, {"hour": hour, "minute": minute})
    preferences = action.preferences
    if preferences is not None and preferences.level is not None:
        yield Step("set-charging-level", {"level": preferences.level})
    if preferences is not None and preferences.type is not None:
        yield Step("set-charging-type", {"full": preferences.type == "Full"})
    if action.immediate is not None:
        yield Step(CHARGE if action.immediate else STOP_CHARGING)


def _conditioning(program: ConditioningProgram | DeletedProgram) -> Step:
    if isinstance(program, DeletedProgram):
        return Step(DELETE_CONDITIONING, {"slot": program.slot})
    hour, minute = _time_of_day(program.start_s)
    arguments = {"slot": program.slot, "enabled": program.enabled, "hour": hour, "minute": minute}
    return Step(SET_CONDITIONING, arguments | {"days": _bits(program.days), "daily": program.recurrence == "Daily"})


def _charging_arguments(program: ChargingProgram) -> dict[str, float]:
    hour, minute = _time_of_day(program.start_s)
    end_hour, end_minute = _NO_END if program.end_s is None else _time_of_day(program.end_s)
    return {
        "slot": program.slot,
        "enabled": program.enabled,
        "hour": hour,
        "minute": minute,
        "end-hour": end_hour,
        "end-minute": end_minute,
        "days": _bits(program.days),
    }


def _time_of_day(seconds: int) -> tuple[int, int]:
    return divmod(seconds // 60, 60)


def _bits(days: tuple[str, ...]) -> int:
    return sum(1 << DAYS.index(day) for day in days)
