"""Actions as the body of a command (`contract.command`): in canonical CBOR a map whose key 1 says which.

    0  wake up           nothing more
    1  doors             2 lock them (true) or unlock them
    2  horn              2 on
    3  lights            2 on
    4  preconditioning   ? 2 now: start (true) or stop   ? 3 programs, at least one of the two
    5  charging          ? 2 now: start (true) or stop   ? 3 programs   ? 4 [utc_ms, offset_min]   ? 5 [level, type]
    6  navigation        2 [[longitude, latitude], …], 1 to 10 of them in degrees, the destination last
    7  stolen            ? 2 stolen   ? 3 [running_s, shutdown_s], one of the two
    8  immobilization    2 on

A program of preconditioning is `[slot, enabled, start_s, days, recurrence]`, or `[slot]` to delete it; one of charging
`[slot, enabled, start_s, end_s, days]`. Slots are 1 to 4, each at most once; times are seconds since midnight; days are
bits, Monday's the lowest; recurrence is 0 for none and 1 for daily; an end may be null. The next charge is a moment
with the offset of the sender's local time. The level of charging is 1 to 5 or null, its type 0 for partial, 1 for full
or null. Programs and the next charge exclude each other; the preferences exclude everything else.
"""

from __future__ import annotations

from typing import Literal, get_args

from contract import wire
from contract.actions import (
    Action,
    Charging,
    ChargingPreferences,
    ChargingProgram,
    ConditioningProgram,
    DeletedProgram,
    Doors,
    Horn,
    Immobilization,
    Lights,
    Navigation,
    NextCharge,
    Place,
    Preconditioning,
    Stolen,
    Tracking,
    WakeUp,
)
from contract.anchor import MAXIMUM_UTC_MS
from contract.catalog import DAYS, SLOTS
from contract.wire import Item, Refusal, WireError

MOST_POSITIONS = 10
DAY_S = 86_400
SHORTEST_RUNNING_S = 5
SHORTEST_SHUTDOWN_S = 60
LONGEST_TRACKING_S = DAY_S
FURTHEST_OFFSET_MIN = 24 * 60 - 1
"""Of RFC 3339's `time-offset`."""

_KINDS: tuple[type[Action], ...] = get_args(Action)
_RECURRENCES: tuple[Literal["None", "Daily"], ...] = ("None", "Daily")
_TYPES: tuple[Literal["Partial", "Full"], ...] = ("Partial", "Full")


def action_item(action: Action) -> dict[int, Item]:
    """Raises `WireError` for an action that `action_of` would refuse."""
    item: dict[int, Item] = {1: _KINDS.index(type(action))}
    match action:
        case WakeUp():
            pass
        case Doors(locked=yes) | Horn(on=yes) | Lights(on=yes) | Immobilization(on=yes):
            item[2] = yes
        case Preconditioning():
            item |= _given({2: action.immediate, 3: [_program_item(program) for program in action.programs] or None})
        case Charging():
            item |= _charging_item(action)
        case Navigation():
            item[2] = [[float(place.longitude), float(place.latitude)] for place in action.positions]
        case Stolen(stolen=stolen, tracking=tracking):
            item |= _given({2: stolen, 3: None if tracking is None else [tracking.running_s, tracking.shutdown_s]})
    action_of(item)
    return item


def action_of(item: Item) -> Action:
    """Raises `WireError`."""
    if type(item) is not dict or 1 not in item:
        raise WireError(Refusal.WRONG_TYPE, "action: expected a map whose key 1 says which")
    kind = _KINDS[wire.integer(item[1], 0, len(_KINDS) - 1, "action")]
    if kind is WakeUp:
        wire.entries(item, frozenset((1,)), frozenset((1,)), "action")
        return WakeUp()
    if kind is Preconditioning:
        return _preconditioning(item)
    if kind is Charging:
        return _charging(item)
    if kind is Stolen:
        return _stolen(item)
    argument = wire.entries(item, frozenset((1, 2)), frozenset((1, 2)), "action")[2]
    if kind is Navigation:
        return Navigation(tuple(map(_place, wire.array(argument, 1, MOST_POSITIONS, "positions"))))
    if kind is Doors:
        return Doors(_truth(argument, "locked"))
    if kind is Horn:
        return Horn(_truth(argument, "on"))
    if kind is Lights:
        return Lights(_truth(argument, "on"))
    return Immobilization(_truth(argument, "on"))


def _given(item: dict[int, Item]) -> dict[int, Item]:
    return {key: value for key, value in item.items() if value is not None}


def _preconditioning(item: dict[int, Item]) -> Preconditioning:
    fields = wire.entries(item, frozenset((1,)), frozenset((1, 2, 3)), "preconditioning")
    if len(fields) == 1:
        raise WireError(Refusal.WRONG_TYPE, "preconditioning: neither now nor programs")
    programs = (
        tuple(map(_conditioning_program, wire.array(fields[3], 1, len(SLOTS), "programs"))) if 3 in fields else ()
    )
    _expect_different([program.slot for program in programs])
    return Preconditioning(_truth(fields[2], "now") if 2 in fields else None, programs)


def _charging(item: dict[int, Item]) -> Charging:
    fields = wire.entries(item, frozenset((1,)), frozenset((1, 2, 3, 4, 5)), "charging")
    if len(fields) == 1:
        raise WireError(Refusal.WRONG_TYPE, "charging: nothing to do")
    if 5 in fields and len(fields) > 2:
        raise WireError(Refusal.WRONG_TYPE, "charging: preferences exclude everything else")
    if 3 in fields and 4 in fields:
        raise WireError(Refusal.WRONG_TYPE, "charging: programs and the next charge exclude each other")
    programs = tuple(map(_charging_program, wire.array(fields[3], 1, len(SLOTS), "programs"))) if 3 in fields else ()
    _expect_different([program.slot for program in programs])
    return Charging(
        _truth(fields[2], "now") if 2 in fields else None,
        programs,
        _next_charge(fields[4]) if 4 in fields else None,
        _preferences(fields[5]) if 5 in fields else None,
    )


def _stolen(item: dict[int, Item]) -> Stolen:
    fields = wire.entries(item, frozenset((1,)), frozenset((1, 2, 3)), "stolen")
    if len(fields) != 2:
        raise WireError(Refusal.WRONG_TYPE, "stolen: expected one of whether it is and how often it uploads")
    if 2 in fields:
        return Stolen(stolen=_truth(fields[2], "stolen"))
    running, shutdown = wire.row(fields[3], 2, "tracking")
    if running is None and shutdown is None:
        raise WireError(Refusal.WRONG_TYPE, "tracking: neither period")
    return Stolen(
        tracking=Tracking(
            None if running is None else wire.integer(running, SHORTEST_RUNNING_S, LONGEST_TRACKING_S, "running"),
            None if shutdown is None else wire.integer(shutdown, SHORTEST_SHUTDOWN_S, LONGEST_TRACKING_S, "shutdown"),
        )
    )


def _charging_item(action: Charging) -> dict[int, Item]:
    programs: list[Item] = [
        [program.slot, program.enabled, program.start_s, program.end_s, _day_bits(program.days)]
        for program in action.programs
    ]
    moment, preferences = action.next, action.preferences
    return _given(
        {
            2: action.immediate,
            3: programs or None,
            4: None if moment is None else [moment.utc_ms, moment.offset_min],
            5: None if preferences is None else [preferences.level, _type_item(preferences)],
        }
    )


def _type_item(preferences: ChargingPreferences) -> Item:
    return None if preferences.type is None else _TYPES.index(preferences.type)


def _program_item(program: ConditioningProgram | DeletedProgram) -> list[Item]:
    if isinstance(program, DeletedProgram):
        return [program.slot]
    recurrence = _RECURRENCES.index(program.recurrence)
    return [program.slot, program.enabled, program.start_s, _day_bits(program.days), recurrence]


def _conditioning_program(item: Item) -> ConditioningProgram | DeletedProgram:
    if type(item) is list and len(item) == 1:
        return DeletedProgram(_slot(item[0]))
    slot, enabled, start, days, recurrence = wire.row(item, 5, "program")
    return ConditioningProgram(
        _slot(slot),
        _truth(enabled, "enabled"),
        _time_of_day(start, "start"),
        _days(days),
        _RECURRENCES[wire.integer(recurrence, 0, len(_RECURRENCES) - 1, "recurrence")],
    )


def _charging_program(item: Item) -> ChargingProgram:
    slot, enabled, start, end, days = wire.row(item, 5, "program")
    return ChargingProgram(
        _slot(slot),
        _truth(enabled, "enabled"),
        _time_of_day(start, "start"),
        None if end is None else _time_of_day(end, "end"),
        _days(days),
    )


def _next_charge(item: Item) -> NextCharge:
    moment, offset = wire.row(item, 2, "next charge")
    return NextCharge(
        wire.integer(moment, 0, MAXIMUM_UTC_MS, "next charge"),
        wire.integer(offset, -FURTHEST_OFFSET_MIN, FURTHEST_OFFSET_MIN, "offset"),
    )


def _preferences(item: Item) -> ChargingPreferences:
    level, kind = wire.row(item, 2, "preferences")
    if level is None and kind is None:
        raise WireError(Refusal.WRONG_TYPE, "preferences: neither level nor type")
    return ChargingPreferences(
        None if level is None else wire.integer(level, 1, 5, "level"),
        None if kind is None else _TYPES[wire.integer(kind, 0, len(_TYPES) - 1, "type")],
    )


def _place(item: Item) -> Place:
    longitude, latitude = wire.row(item, 2, "position")
    return Place(_degrees(longitude, 180, "longitude"), _degrees(latitude, 90, "latitude"))


def _degrees(item: Item, most: int, what: str) -> float:
    value = float(wire.number(item, what))
    if not -most <= value <= most:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {value} is not within -{most} and {most}")
    return value


def _truth(item: Item, what: str) -> bool:
    if type(item) is not bool:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected true or false")
    return item


def _slot(item: Item) -> int:
    return wire.integer(item, min(SLOTS), max(SLOTS), "slot")


def _time_of_day(item: Item, what: str) -> int:
    return wire.integer(item, 0, DAY_S - 1, what)


def _day_bits(days: tuple[str, ...]) -> int:
    return sum(1 << DAYS.index(day) for day in days)


def _days(item: Item) -> tuple[str, ...]:
    bits = wire.integer(item, 0, (1 << len(DAYS)) - 1, "days")
    return tuple(day for number, day in enumerate(DAYS) if bits >> number & 1)


def _expect_different(slots: list[int]) -> None:
    if len(set(slots)) < len(slots):
        raise WireError(Refusal.OUT_OF_RANGE, "programs: a slot comes twice")
