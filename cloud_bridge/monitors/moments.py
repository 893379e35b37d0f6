"""Moments: what a vehicle's data tell a monitor, in order of time.

A moment is an instant at which something was said or happened. It knows the newest values of all data then, so that
monitors carry none of their own.

The moment of what happened (a trip ended, a collision) may be told by what came after it: it is known when the record
is. Who evaluates goes back to a state before it, as for anything that comes late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cloud_bridge.monitors.data import (
    ALERT_KEY,
    BREAK_IN,
    COLLISION_SEVERITY,
    COLLISION_SIDE,
    NOMINAL,
    STOLEN,
    TRIP,
    TRIP_DISTANCE,
    TRIP_DURATION,
    TRIP_START,
    TRIP_STATE,
    TRIP_STOP,
)
from cloud_bridge.records.alarms import TRIGGER
from cloud_bridge.records.messages import NO_BREAK_IN
from cloud_bridge.records.model import Alarm, Collision, Known, Message, Origin, Position, Record, Trip, Value
from cloud_bridge.records.trips import TripRule

SILENT_MS = 300_000
"""A vehicle that said nothing for so long is not known to be used."""

Happened = dict[str, tuple[Value, ...]]


class Moment(msgspec.Struct, frozen=True):
    at_ms: int
    known: Mapping[str, Value] = {}
    """The newest value of each datum of the catalogue, and whether the vehicle is stolen. Good until the next moment
    is taken."""
    changed: frozenset[str] = frozenset()
    """The data that had another value before."""
    happened: Happened = {}
    """What happened, by the datum of triggers that tells of it."""
    position: Position | None = None
    """Measured now."""
    used: bool | None = None
    """Whether the vehicle is used; None: not known."""
    origin: Origin | None = None
    was: Mapping[str, Value | None] = {}
    """The data that are said to be other than they were, with what they were; None: nothing was known."""


class Told(msgspec.Struct, frozen=True):
    """A stretch [from_ms, to_ms) of a vehicle's time."""

    from_ms: int
    to_ms: int
    messages: Sequence[Message] = ()
    """In ascending time, without what is not believed."""
    records: Sequence[Record] = ()
    """At least those that began or ended in it."""
    thefts: Sequence[tuple[int, int | None]] = ()
    """From when until when it was stolen: all there are."""


def moments(known: Mapping[str, Known], told: Told, trip: TripRule | None) -> Iterator[Moment]:
    """The moments of a stretch, ascending. `known`: the newest values before it (`History.known`)."""
    values = {datum: one.value for datum, one in known.items()}
    values[STOLEN] = _is_stolen(told.thefts, told.from_ms - 1)
    happened = _happened(told)
    messages = {message.at_ms: message for message in told.messages}
    use = _Use(known, trip)
    thefts = {edge for theft in told.thefts for edge in theft if edge is not None and told.from_ms <= edge < told.to_ms}
    for at_ms in sorted({*messages, *happened, *thefts}):
        message = messages.get(at_ms, Message(at_ms, {}))
        said = {**message.values, STOLEN: _is_stolen(told.thefts, at_ms)}
        was = {datum: before for datum, value in said.items() if (before := values.get(datum)) != value}
        changed = frozenset(datum for datum, before in was.items() if _is_change(datum, before, said[datum]))
        now = happened.get(at_ms, {})
        if TRIGGER in changed and message.values[TRIGGER] == NO_BREAK_IN:
            now = now | {BREAK_IN: (*now.get(BREAK_IN, ()), NO_BREAK_IN)}
        values.update(said)
        used = use.after(message)
        yield Moment(at_ms, values, changed, now, message.position, used, message.origin, was)


def standing(
    known: Mapping[str, Known],
    position: Position | None,
    at_ms: int,
    thefts: Sequence[tuple[int, int | None]],
    trip: TripRule | None,
) -> Moment:
    """How everything stands at `at_ms`, at which nothing need have happened, by what was known then."""
    stolen = _is_stolen(thefts, at_ms)
    values = {**{datum: one.value for datum, one in known.items()}, STOLEN: stolen}
    return Moment(at_ms, values, position=position, used=_Use(known, trip).after(Message(at_ms, {})))


class _Use:
    """Whether a vehicle is used: as long as what its trips go by says so, or else while it moves."""

    def __init__(self, known: Mapping[str, Known], trip: TripRule | None) -> None:
        self.datum = "kinetic.speed" if trip is None else trip.datum
        self.active = None if trip is None else trip.active
        self.last = known.get(self.datum)

    def after(self, message: Message) -> bool | None:
        if self.datum in message.values:
            self.last = Known(message.values[self.datum], message.at_ms)
        if self.last is None or message.at_ms - self.last.at_ms > SILENT_MS:
            return None
        return float(self.last.value) > 0 if self.active is None else self.last.value in self.active


def _is_change(datum: str, before: Value | None, value: Value) -> bool:
    """An alert that is first heard of when it is on came on; of all else the first value is no change."""
    return before is not None or (datum.startswith(ALERT_KEY) and value is True)


def _is_stolen(thefts: Sequence[tuple[int, int | None]], at_ms: int) -> bool:
    return any(start <= at_ms and (end is None or at_ms < end) for start, end in thefts)


def _happened(told: Told) -> dict[int, Happened]:
    found: dict[int, Happened] = {}
    for record in told.records:
        for at_ms, datum, values in happenings(record):
            if told.from_ms <= at_ms < told.to_ms and values:
                here = found.setdefault(at_ms, {})
                here[datum] = tuple(sorted({*here.get(datum, ()), *values}, key=msgspec.json.encode))
    return found


def happenings(record: Record) -> Iterator[tuple[int, str, tuple[Value, ...]]]:
    """What a record tells to have happened: when, and the values of which datum of triggers. None of most types."""
    at_ms = record.started_at_ms
    if isinstance(record, Trip):
        yield from ((at_ms, datum, (record.id,)) for datum in (TRIP, TRIP_START))
        stopped_ms = record.stopped_at_ms
        if stopped_ms is not None:
            yield from ((stopped_ms, datum, (record.id,)) for datum in (TRIP, TRIP_STOP))
            yield stopped_ms, TRIP_DURATION, ((stopped_ms - at_ms) // 1000,)
            yield stopped_ms, TRIP_DISTANCE, () if record.distance_km is None else (record.distance_km,)
            yield stopped_ms, TRIP_STATE, tuple(fault.fault for fault in record.faults) or (NOMINAL,)
    elif isinstance(record, Collision):
        yield at_ms, COLLISION_SIDE, tuple(impact.side for impact in record.impacts)
        yield at_ms, COLLISION_SEVERITY, tuple(one.severity for one in record.impacts if one.severity is not None)
    elif isinstance(record, Alarm) and record.trigger is not None:
        yield at_ms, BREAK_IN, (record.trigger,)
