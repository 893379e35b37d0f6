"""What the triggers of a monitor can be together, so that a condition that is always true, or always false, is found.

At most five triggers have 32 rows, and a condition is tried on each row that can be. Which rows can be is decided
exactly as far as this goes, never by trying values at random:

* *Data of one name*: thresholds cut the values that are published (with their limits, whole numbers where they are)
  into finitely many pieces, and one value of each is tried; of names each is; of alerts, sides of a collision and
  faults of a trip each set; a change may come with any value.
* *Zones*: two circles that are farther apart than they reach are not both entered, and what is inside a circle is
  inside each that holds it whole; where they come closer than a fix may be off, either may be.
* *Times* of one time zone: whether they ever meet is seen in the calendar (`monitors.meetings`). Those of
  different zones, however many there are, are taken to have nothing to do with each other.
* Data of different names, and triggers of different kinds, are taken to have nothing to do with each other: what a
  vehicle does not do (stand at 50 km/h) it might say.

So what is refused can never fire, or never stop; what is accepted may still be unable to, for reasons outside of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise, product
from math import ceil, floor

from cloud_bridge.monitors.data import BREAK_IN, NOMINAL, TRIP_STATE, Watched
from cloud_bridge.monitors.geodesic import distance_km
from cloud_bridge.monitors.meetings import Row, meetings
from cloud_bridge.monitors.triggers import ESTIMATED_KM, InTime, InZone, OfData, Test
from cloud_bridge.records.model import Value
from contract.catalog import Kind


def worlds(tests: Sequence[Test]) -> set[Row]:
    """Every row of truths, in the order of `tests`, that can be."""
    groups: dict[object, list[int]] = {}
    for number, test in enumerate(tests):
        groups.setdefault(_group(test), []).append(number)
    rows: set[Row] = set()
    members = list(groups.values())
    for parts in product(*(_rows([tests[number] for number in group]) for group in members)):
        truths = dict(zip((n for group in members for n in group), (t for part in parts for t in part), strict=True))
        rows.add(tuple(truths[number] for number in range(len(tests))))
    return rows


def _group(test: Test) -> object:
    if isinstance(test, OfData):
        return test.datum
    return (InTime, test.schedule.zone) if isinstance(test, InTime) else InZone


def _rows(tests: Sequence[Test]) -> set[Row]:
    """Of triggers of one group."""
    data = [test for test in tests if isinstance(test, OfData)]
    if data:
        return _of_data(data[0].watched, data)
    zones = [test for test in tests if isinstance(test, InZone)]
    if zones:
        return {row for row in product((False, True), repeat=len(zones)) if _can_be(zones, row)}
    return meetings([test.schedule for test in tests if isinstance(test, InTime)])


def _of_data(watched: Watched, tests: Sequence[OfData]) -> set[Row]:
    if watched.kind is None:
        return {(False,) * len(tests), (True,) * len(tests)}
    signs = {_sign(tests, value) for value in _candidates(watched, tests)}
    if watched.made == "happening":
        if watched.name == TRIP_STATE:
            faults = {_sign(tests, value) for value in watched.values if value != NOMINAL}
            signs = _unions(faults) | {_sign(tests, NOMINAL)}
        elif watched.name != BREAK_IN and watched.kind is Kind.ENUM:
            signs = _unions(signs)
        return signs | {(False,) * len(tests)}
    if watched.made == "set":
        signs = _unions(signs) | {(False,) * len(tests)}
    still = {
        tuple(test.operator != "onChange" and one for test, one in zip(tests, sign, strict=True)) for sign in signs
    }
    changed = {
        tuple(test.operator == "onChange" or one for test, one in zip(tests, sign, strict=True)) for sign in still
    }
    return still | changed


def _sign(tests: Iterable[OfData], value: Value) -> Row:
    return tuple(test.holds(value) for test in tests)


def _unions(signs: set[Row]) -> set[Row]:
    """The signs of all sets of values, but the empty one."""
    found = set(signs)
    while True:
        more = {tuple(map(max, one, other)) for one, other in product(found, signs)} - found
        if not more:
            return found
        found |= more


def _candidates(watched: Watched, tests: Iterable[OfData]) -> list[Value]:
    """Values of which one lies in each piece that the tests can tell apart."""
    if watched.kind is Kind.BOOLEAN:
        return [False, True]
    if watched.kind is Kind.ENUM:
        return list(watched.values)
    cuts = sorted({float(value) for test in tests for value in test.values})
    limits = [limit for limit in (watched.minimum, watched.maximum) if limit is not None]
    if watched.kind is Kind.INTEGER:
        tried = {float(each + shift) for cut in cuts for each in (floor(cut), ceil(cut)) for shift in (-1, 0, 1)}
    else:
        between = {one + (other - one) / 2 for one, other in pairwise(cuts)}
        tried = {*cuts, *between, *(cut + shift * max(1.0, abs(cut)) for cut in cuts for shift in (-1, 1))}
        tried.update((limit + cut) / 2 for limit in limits for cut in cuts)
    tried.update(float(limit) for limit in limits)
    least = float("-inf") if watched.minimum is None else watched.minimum
    most = float("inf") if watched.maximum is None else watched.maximum
    return [value for value in sorted(tried) if least <= value <= most]


def _can_be(zones: Sequence[InZone], row: Row) -> bool:
    inside = [truth is not zone.out for zone, truth in zip(zones, row, strict=True)]
    return all(
        _can_both_be(*pair)
        for one, other in combinations(zip(zones, inside, strict=True), 2)
        for pair in ((one, other), (other, one))
    )


def _can_both_be(one: tuple[InZone, bool], other: tuple[InZone, bool]) -> bool:
    (zone, is_in), (wider, is_in_wider) = one, other
    apart_km = distance_km(zone.longitude, zone.latitude, wider.longitude, wider.latitude)
    if not is_in:
        return True
    if is_in_wider:
        return apart_km <= zone.radius_km + wider.radius_km + 2 * ESTIMATED_KM
    same = apart_km == 0 and zone.radius_km == wider.radius_km
    return not same and apart_km + zone.radius_km + 2 * ESTIMATED_KM > wider.radius_km
