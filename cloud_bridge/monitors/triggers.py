"""Triggers: what of a vehicle makes each of a monitor's names true.

* A *zone* is left or entered with hysteresis: a fix that lies nearer to the edge than it may be off says nothing, the
  vehicle is still on the side where it was. While it keeps its places to itself it is where it was last.
* A *time* speaks of the use of the vehicle: while it is used the trigger is true or false by the schedule, while it is
  not, or nobody knows, neither. So `!day` is no alarm for each vehicle that stands in its yard at night.
* *Data* compare the newest value, or are of a moment (`momentary`): true when it changes or happens and at no other.
"""

from __future__ import annotations

import re
from math import isfinite

import msgspec
from msgspec import UnsetType

from cloud_bridge.monitors import parameter
from cloud_bridge.monitors.data import WATCHED, Operator, Watched
from cloud_bridge.monitors.expression import Truth
from cloud_bridge.monitors.geodesic import compare, leeway_km
from cloud_bridge.monitors.moments import Moment
from cloud_bridge.monitors.schedule import Schedule, schedule
from cloud_bridge.records.model import Position, Value
from cloud_bridge.shapes.bodies import RefusedBodyError
from contract.catalog import Kind

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)

ACCURACY_KM = {"3D": 0.02, "2D": 0.05, None: 0.05}
"""What a fix may be off by: no vehicle says it, these are what receivers keep to in a town."""
ESTIMATED_KM = 0.2


class InZone(msgspec.Struct, frozen=True, tag=True):
    longitude: float
    latitude: float
    radius_km: int
    out: bool
    """True outside."""

    momentary = False

    def truth(self, fix: Position | None, before: Truth) -> Truth:
        if fix is None:
            return before
        beyond_km = self._beyond_km(fix)
        if before is not None and abs(beyond_km) <= accuracy_km(fix):
            return before
        return (beyond_km > 0) is self.out

    def measure(self, fix: Position) -> tuple[float, float]:
        """How far beyond the edge it is, km, negative inside; and how far it may go at least until a fix, however bad,
        can leave it open on which side it is: negative where this one may."""
        beyond_km = self._beyond_km(fix)
        return beyond_km, leeway_km(beyond_km, self.radius_km) - ESTIMATED_KM

    def _beyond_km(self, fix: Position) -> float:
        return compare(self.longitude, self.latitude, fix.longitude, fix.latitude, self.radius_km)


class InTime(msgspec.Struct, frozen=True, tag=True):
    schedule: Schedule

    momentary = False

    def truth(self, at_ms: int, used: bool | None) -> Truth:
        return self.schedule.holds(at_ms) if used else None


class OfData(msgspec.Struct, frozen=True, tag=True):
    datum: str
    operator: Operator
    values: tuple[Value, ...] = ()

    @property
    def watched(self) -> Watched:
        return WATCHED[self.datum]

    @property
    def momentary(self) -> bool:
        return self.operator == "onChange" or self.watched.made == "happening"

    def truth(self, moment: Moment, served: frozenset[str]) -> Truth:
        watched = self.watched
        if watched.made == "happening":
            return any(self.holds(value) for value in moment.happened.get(self.datum, ()))
        if self.operator == "onChange":
            return not moment.changed.isdisjoint(watched.keys)
        if watched.made == "set":
            told = [moment.known.get(f"alert.{value}") for value in self.values]
            return True if True in told else None if None in told else False
        level = watched.level(moment.known, served)
        return None if level is None else self.holds(level)

    def holds(self, value: Value) -> bool:
        """Whether the trigger is true of this value."""
        if self.operator == "greaterThan":
            return float(value) > float(self.values[0])
        if self.operator == "lowerThan":
            return float(value) < float(self.values[0])
        return self.operator == "onChange" or value in self.values


Test = InZone | InTime | OfData


def truth(test: Test, moment: Moment, before: Truth, served: frozenset[str]) -> Truth:
    """What a trigger is at `moment`; `before`: what it was until then."""
    if isinstance(test, InZone):
        return test.truth(moment.position, before)
    if isinstance(test, InTime):
        return test.truth(moment.at_ms, moment.used)
    return test.truth(moment, served)


def accuracy_km(fix: Position) -> float:
    return ESTIMATED_KM if fix.estimated else ACCURACY_KM[fix.fix]


def compiled(trigger: parameter.Trigger, field: str) -> Test:
    """The test of one trigger, which stands at `field` of the body. RefusedBodyError where it can be none."""
    zone, time, data = trigger.zone, trigger.time, trigger.data
    found = [name for name in ("zone", "time", "data") if not isinstance(getattr(trigger, name), UnsetType)]
    if len(found) == 1:
        if not isinstance(zone, UnsetType):
            center = zone.place.center
            return InZone(center.longitude, center.latitude, zone.place.radius, zone.transition == "Out")
        if not isinstance(time, UnsetType):
            return InTime(schedule(time, f"{field}.time"))
        if not isinstance(data, UnsetType):
            return _of_data(data, f"{field}.data")
    why = f"exactly one of zone, time and data is expected, found {' and '.join(found) or 'none'}"
    raise RefusedBodyError(field, why)


def _of_data(asked: parameter.Data, field: str) -> OfData:
    watched = WATCHED.get(asked.data)
    if watched is None:
        raise RefusedBodyError(
            f"{field}.data", f"`{asked.data}` is no datum of triggers; there are {', '.join(WATCHED)}"
        )
    if asked.op not in watched.operators:
        why = f"`{asked.op}` does not go with {watched.name}: expected {', '.join(watched.operators)}"
        raise RefusedBodyError(f"{field}.op", why)
    texts = () if isinstance(asked.value, UnsetType) else asked.value
    if asked.op == "onChange":
        if texts:
            raise RefusedBodyError(f"{field}.value", "`onChange` has no value")
        return OfData(asked.data, asked.op)
    if not texts:
        raise RefusedBodyError(f"{field}.value", f"`{asked.op}` needs a value")
    shown = texts if asked.op == "includedIn" else texts[:1]
    values = [_value(text, watched, f"{field}.value[{number}]") for number, text in enumerate(shown)]
    return OfData(asked.data, asked.op, tuple(dict.fromkeys(values)))


def _value(text: str, watched: Watched, field: str) -> Value:
    if watched.kind is Kind.ENUM:
        if text in watched.values:
            return text
        raise RefusedBodyError(field, f"`{text}` is none of {', '.join(watched.values)}")
    if watched.kind is Kind.BOOLEAN:
        if text in ("true", "false"):
            return text == "true"
        raise RefusedBodyError(field, f"`{text}`: expected true or false")
    if _NUMBER.fullmatch(text) is None or not isfinite(float(text)):
        raise RefusedBodyError(field, f"`{text}`: expected a number, as 50 or 12.5")
    return float(text)
