"""From monitors to what a vehicle is to watch for them (`contract.watching`). Functions of data.

Of a monitor those edges of its data triggers count that may begin its condition: of a trigger that its expression
negates, the one at which it ceases to be true. Whether the condition holds then is found in the cloud, as for any other
upload. What is not pushed down is told with the vehicle's next regular upload:

* zones, times, and whether the vehicle is stolen: the vehicle does not know them;
* the start of a trip, which is one only once something has moved; its end is pushed where the rule has no pause after
  which alone it is one, and so are distance, duration and state, which are judged then;
* the autonomy of a vehicle that has several: none of them is the sum;
* collisions, the crash that a vehicle uploads at once anyway, and the privacy, of which it does too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cloud_bridge.monitors.data import (
    ALERT,
    BREAK_IN,
    TRIP,
    TRIP_DISTANCE,
    TRIP_DURATION,
    TRIP_STATE,
    TRIP_STOP,
)
from cloud_bridge.monitors.expression import Expression
from cloud_bridge.monitors.triggers import OfData
from cloud_bridge.monitors.watch import Watch
from cloud_bridge.records.model import Value
from contract.catalog import DATA
from contract.profile.profile import Profile
from contract.watching import (
    MAXIMUM_CONDITIONS,
    MAXIMUM_DATA,
    MAXIMUM_LIST_BYTES,
    Condition,
    Operator,
    condition_item,
)
from contract.wire import write

HYSTERESIS = {"km/h": 2.0, "%": 1.0, "°C": 1.0}
"""By the published unit, how far a number that flutters about a limit must be back before it counts again."""
_HEAD_BYTES = 32
"""More than a list takes besides its conditions."""
_TRIP_ENDS = frozenset({TRIP, TRIP_STOP, TRIP_DISTANCE, TRIP_DURATION, TRIP_STATE})
_ALARM = "alarm.trigger.type"
_OPERATORS = {
    "onChange": Operator.CHANGED,
    "greaterThan": Operator.ABOVE,
    "lowerThan": Operator.BELOW,
    "equalsTo": Operator.AMONG,
    "includedIn": Operator.AMONG,
}


def conditions(watches: Iterable[Watch], profile: Profile) -> tuple[Condition, ...]:
    """What vehicles of a model are to watch for some monitors, each once, in the order of these."""
    found: dict[Condition, None] = {}
    for watch in watches:
        for number, rising in sorted(edges(watch.condition)):
            test = watch.tests[number]
            if isinstance(test, OfData):
                found |= dict.fromkeys(_of_data(test, profile, rising=rising))
    return tuple(found)


def fitting(asked: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """As many of them, from the first on, as a list has room for."""
    fits: list[Condition] = []
    room = MAXIMUM_LIST_BYTES - _HEAD_BYTES
    for condition in asked:
        size = len(write(condition_item(condition)))
        if size <= room and len(fits) < MAXIMUM_CONDITIONS and len(condition.data) <= MAXIMUM_DATA:
            fits.append(condition)
            room -= size
    return tuple(fits)


def edges(condition: Expression) -> set[tuple[int, bool]]:
    """Of which triggers, by number, the beginning (True) or the end (False) may make the condition begin to hold."""
    stack: list[set[tuple[int, bool]]] = []
    for step in condition.steps:
        if isinstance(step, int):
            stack.append({(step, True)})
        elif step == "!":
            stack.append({(number, not rising) for number, rising in stack.pop()})
        else:
            other = stack.pop()
            stack.append(stack.pop() | other)
    return stack[0]


def _of_data(test: OfData, profile: Profile, *, rising: bool) -> Iterator[Condition]:
    watched, operator = test.watched, _OPERATORS[test.operator]
    served = profile.data.keys() | {f"alert.{alert}" for alert in profile.alerts}
    keys = tuple(key for key in watched.keys if key in served)
    if test.momentary and not rising:
        return  # A moment is over at once: its end begins nothing that anybody would wait for.
    if watched.made == "happening":
        yield from _of_moment(test, profile, operator)
    elif not keys or (watched.made == "sum" and len(keys) > 1):
        return
    elif operator is Operator.CHANGED:
        yield Condition(operator, (f"{_beginning(watched.keys)}*",) if len(watched.keys) > 1 else keys)
    elif test.datum == ALERT:
        lamps = tuple(f"alert.{value}" for value in test.values if f"alert.{value}" in served)
        if lamps:
            yield Condition(Operator.AMONG, lamps, (1 if rising else 0,))
    elif watched.made == "worst":
        names = set(test.values) if rising else set(watched.values).difference(map(str, test.values))
        if names:
            yield Condition(Operator.AMONG, keys, tuple(sorted(str(name) for name in names)))
    else:
        yield _compared(operator if rising else operator.opposite, keys, test.values)


def _of_moment(test: OfData, profile: Profile, operator: Operator) -> Iterator[Condition]:
    trip = profile.trip
    if test.datum in _TRIP_ENDS and trip is not None and not trip.pause:
        yield Condition(Operator.NOT_AMONG, (trip.datum,), tuple(map(_value, trip.active)))
    if test.datum == BREAK_IN and _ALARM in profile.data:
        yield Condition(operator, (_ALARM,), tuple(map(_value, test.values)))


def _compared(operator: Operator, keys: tuple[str, ...], values: tuple[Value, ...]) -> Condition:
    compares = operator not in (Operator.AMONG, Operator.NOT_AMONG)
    hysteresis = HYSTERESIS.get(DATA[keys[0]].unit, 0) if compares else 0
    return Condition(operator, keys, tuple(map(_value, values)), hysteresis)


def _value(value: Value) -> float | str:
    return value if isinstance(value, str) else float(value)


def _beginning(keys: tuple[str, ...]) -> str:
    """What all of them begin with."""
    first, last = min(keys), max(keys)
    same = next((place for place in range(len(first)) if not last.startswith(first[: place + 1])), len(first))
    return first[:same]
