"""Evaluating the monitors of one vehicle.

This goes from the newest states of its monitors that everything new is after, over what the vehicle said since, to the
end; there are states at each state of the fold on the way. A monitor of which there is no such state begins where the
fold has one from before it ran for the vehicle: how things stand there is no event, and what was before is of no
account. Where there is very much, and nothing was told of what comes after it, it leaves off at a state after `LEG`
passages, and goes on from there the next time.

What is told is a function of what the vehicle said, of when monitors ran, and of what was told before
(`cloud_bridge.monitors.announcing`). What was told and is known now to have been at another time is remembered as of
then.

Time that passes tells something by itself where a schedule begins while a vehicle is used: `GRACE_MS` later, so that
what the vehicle says meanwhile decides.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec

from cloud_bridge.evaluating.events import Bodies
from cloud_bridge.evaluating.sight import Sight
from cloud_bridge.evaluating.walk import Passage, Walk
from cloud_bridge.evaluating.watches import Compiled, Watches, first_ms
from cloud_bridge.monitors import kept
from cloud_bridge.monitors.announcing import Announced, unannounced
from cloud_bridge.monitors.data import BREAK_IN, COLLISION_SEVERITY, COLLISION_SIDE
from cloud_bridge.monitors.episodes import Episode, Event, State, Subject
from cloud_bridge.monitors.kept import Kept
from cloud_bridge.monitors.moments import Moment, Told, happenings, moments, standing
from cloud_bridge.monitors.together import Together
from cloud_bridge.profiles import Known
from cloud_bridge.records.model import Alarm, Collision, Record, Trip
from cloud_bridge.records.rules import rules
from cloud_bridge.records.trips import TripRule
from cloud_bridge.services import Services
from cloud_bridge.store.port.derived import Checkpoint, Derived
from cloud_bridge.store.port.monitoring import Evaluated, Monitoring, Progress
from cloud_bridge.store.port.outbox import Notification
from cloud_bridge.store.port.times import BEGINNING_MS
from contract.published import STOLEN as THEFTS

GRACE_MS = 60_000
LEG = 2000
_END_MS = 2**62

_KINDS: dict[type[Record], frozenset[str]] = {
    Collision: frozenset({COLLISION_SIDE, COLLISION_SEVERITY}),
    Alarm: frozenset({BREAK_IN}),
}
_TRIPS = "vehicle.trip"

log = logging.getLogger(__name__)


class _Beginning(NamedTuple):
    """Where monitors join."""

    at_ms: int
    kept: Kept
    """Those that go on."""
    keys: Sequence[str]
    """Those that begin as everything stands there."""


class Seen(NamedTuple):
    """One vehicle and its monitors, as they are now."""

    progress: Progress
    known: Known
    watches: Watches
    services: Services
    now_ms: int


class Evaluation:
    """Of one vehicle, once."""

    def __init__(
        self, derived: Derived, store: Monitoring, seen: Seen, leg: int = LEG, distrusted: Collection[str] = ()
    ) -> None:
        """`leg`: passages after which it may end. `distrusted`: monitors that go on in no state that was kept."""
        progress, known, self._watches, services, self._now_ms = seen
        self._derived = derived
        self._store = store
        self._leg = leg
        self._distrusted = distrusted
        self._progress = progress
        self._vehicle = progress.vehicle
        self._vin = progress.vehicle.vin
        self._running = self._watches.running({one.fleet_id: one.joined_at_ms for one in progress.memberships})
        self._trip: TripRule | None = rules(self._vin, known.profile).trip
        self._sight = Sight(services.data(progress.vehicle.services), self._trip)
        self._served = self._sight.scope.only(known.profile.data)
        self._subjects: dict[str, Subject] = {}
        self._together = Together(self._watches.interests, self._subject)
        self._starts: dict[str, int] = {}
        self._redated: list[tuple[str, int]] = []
        self._last_told_ms: int | None = None
        thefts = self._store.thefts(self._vin) if self._sight.scope.covers(THEFTS) else []
        self._thefts = [(theft.started_at_ms, theft.ended_at_ms) for theft in thefts]

    def run(self) -> Evaluated:
        """Raises BrokenError where one of the monitors cannot be evaluated."""
        beginnings, checkpoint = self._beginnings()
        if not beginnings:
            return Evaluated((), None, ())
        walk = Walk(self._derived, self._store, self._vin, checkpoint, self._sight)
        happened = self._happened(walk.from_ms)
        stops = set(self._store.checkpoints(self._vin, walk.from_ms))
        states: dict[int, bytes] = {}
        left_off_ms = None
        for number, passage in enumerate(walk.passages()):
            while beginnings and beginnings[-1].at_ms <= passage.from_ms:
                self._join(beginnings.pop(), passage)
            if passage.is_seam:
                self._cross(passage)
            if passage.to_ms > passage.from_ms:
                self._together.take(moments(passage.known, self._told(passage, happened), self._trip))
            if passage.to_ms in stops:
                states[passage.to_ms] = self._states(passage.to_ms, are_all=not beginnings)
                if number >= self._leg and self._may_leave_off(passage):
                    left_off_ms = passage.to_ms
                    break
        later = self._tail(passage) if left_off_ms is None else None
        notifications = self._notifications(walk, self._unannounced(later))
        due_ms = self._due_ms() if left_off_ms is None else None
        return Evaluated(list(states.items()), due_ms, notifications, left_off_ms, self._redated)

    def _may_leave_off(self, passage: Passage) -> bool:
        """What was told of later may be of what begins before."""
        if passage.to_ms == passage.from_ms:
            return False
        if self._last_told_ms is None:
            self._last_told_ms = self._store.last_told_ms(self._vin)
        return self._last_told_ms < passage.to_ms

    def _states(self, at_ms: int, *, are_all: bool) -> bytes:
        """Of those that join later what is kept stays."""
        if are_all:
            return kept.encode(self._together.kept())
        states = self._kept(self._store.states_at(self._vin, at_ms)).readable(self._watches.interests)
        return kept.encode(kept.of({**dict(states), **self._together.states()}))

    def _beginnings(self) -> tuple[list[_Beginning], Checkpoint | None]:
        """Where monitors join, the last first; and the state of the fold at the first of these."""
        dirty_from_ms = self._progress.mark.dirty_from_ms
        beside = self._store.states(self._vin, _END_MS if dirty_from_ms is None else dirty_from_ms)
        goes_on = self._kept(None if beside is None else beside.states)
        checkpoints: dict[int, Checkpoint | None] = {}
        found: dict[int, list[str]] = {}
        for key in self._running.keys() - goes_on.by_key.keys():
            checkpoint = self._derived.checkpoint(self._vin, first_ms(self._running[key]))
            at_ms = BEGINNING_MS if checkpoint is None else checkpoint.until_ms
            checkpoints[at_ms] = checkpoint
            found.setdefault(at_ms, []).append(key)
            self._starts[key] = at_ms
        beginnings = [_Beginning(at_ms, Kept(), keys) for at_ms, keys in found.items()]
        if beside is not None and goes_on.by_key:
            checkpoints[beside.checkpoint.until_ms] = beside.checkpoint
            beginnings.append(_Beginning(beside.checkpoint.until_ms, goes_on, ()))
            self._starts.update(dict.fromkeys(goes_on.by_key, beside.checkpoint.until_ms))
        beginnings.sort(key=lambda one: one.at_ms, reverse=True)
        return beginnings, checkpoints[beginnings[-1].at_ms] if beginnings else None

    def _kept(self, states: bytes | None) -> Kept:
        """Those of monitors that there are. States are read by programs that did not write them."""
        try:
            found = Kept() if states is None else kept.decode(states)
        except msgspec.MsgspecError as error:
            log.error("states of the monitors of vehicle %s cannot be read, and are left out: %s", self._vin, error)
            return Kept()
        found = found.only(self._running.keys() - set(self._distrusted))
        return kept.of(dict(found.readable(self._watches.interests))) if self._distrusted else found

    def _join(self, beginning: _Beginning, passage: Passage) -> None:
        if beginning.kept.by_key:
            self._together.go_on(beginning.kept)
        if beginning.at_ms == BEGINNING_MS:
            self._together.join(dict.fromkeys(beginning.keys, State()))
        else:
            self._begin(beginning.keys, passage)

    def _begin(self, keys: Iterable[str], passage: Passage) -> None:
        for key in keys:
            self._together.begin(key, self._standing(passage))

    def _standing(self, passage: Passage) -> Moment:
        """How everything stands before a passage."""
        return standing(passage.known, passage.position, passage.from_ms - 1, self._thefts, self._trip)

    def _cross(self, passage: Passage) -> None:
        """What was before is deleted: states there are as they were, whatever is told of before now. A monitor of which
        there was none goes on as everything stands there."""
        states = dict(self._kept(self._store.states_at(self._vin, passage.from_ms)).readable(self._watches.interests))
        for key, state in states.items():
            if key in self._together:
                self._together.resume(key, state, passage.from_ms)
        self._begin([key for key in self._running if key in self._together and key not in states], passage)

    def _happened(self, from_ms: int) -> list[tuple[int, Record]]:
        """The records of interest that may have happened since, by when they did."""
        watched = self._watches.interests.data
        kinds: list[type[Record]] = [kind for kind, data in _KINDS.items() if not watched.isdisjoint(data)]
        if any(datum.startswith(_TRIPS) for datum in watched):
            kinds.append(Trip)
        records = (one for kind in kinds for one in self._store.records(kind, self._vin, (from_ms, _END_MS)))
        seen = (one for record in records if (one := self._sight.see(record)) is not None)
        times = {(at_ms, one.id): one for one in seen for at_ms, _, _ in happenings(one)}
        return [(at_ms, one) for (at_ms, _), one in sorted(times.items(), key=lambda item: item[0])]

    def _told(self, passage: Passage, happened: list[tuple[int, Record]]) -> Told:
        """`happened` loses what is of the passage or before."""
        records = []
        while happened and happened[0][0] < passage.to_ms:
            records.append(happened.pop(0)[1])
        return Told(passage.from_ms, passage.to_ms, passage.messages, records, self._thefts)

    def _tail(self, end: Passage) -> Together | None:
        """What came after all that the vehicle said; None where nothing can have."""
        if end.from_ms == BEGINNING_MS:
            return None
        told = Told(end.from_ms, max(end.from_ms, self._now_ms + 1), thefts=self._thefts)
        has_edges = any(edge is not None and edge >= end.from_ms for theft in self._thefts for edge in theft)
        until_ms = self._now_ms - GRACE_MS + 1
        if not has_edges:
            change_ms = self._together.next_change_ms()
            if change_ms is None or change_ms >= until_ms:
                return None
        return self._together.ahead(self._standing(end).known, moments(end.known, told, self._trip), until_ms)

    def _due_ms(self) -> int | None:
        change_ms = self._together.next_change_ms(self._now_ms - GRACE_MS)
        return None if change_ms is None else change_ms + GRACE_MS

    def _unannounced(self, later: Together | None) -> list[tuple[Compiled, Event]]:
        events: dict[str, list[Event]] = {}
        episodes: dict[str, dict[str, Episode]] = {}
        for together in (self._together, later):
            for key, outcome in () if together is None else together.outcomes():
                events.setdefault(key, []).extend(outcome.events)
                episodes.setdefault(key, {}).update(outcome.episodes)
        to_tell = []
        for key, found in events.items():
            if found:
                announced = self._announced(key, episodes[key])
                told_ms = {one.id: one.at_ms for one in announced}
                self._redated += [(one.id, one.at_ms) for one in found if told_ms.get(one.id, one.at_ms) != one.at_ms]
                to_tell += [(self._watches.by_key[key], one) for one in unannounced(found, episodes[key], announced)]
        return to_tell

    def _announced(self, key: str, episodes: dict[str, Episode]) -> list[Announced]:
        """Of this version of the monitor, of the time since it joined, and of what was going on then."""
        start_ms = self._starts[key]
        began_ms = [one.from_ms for one in episodes.values() if one.from_ms < start_ms]
        from_ms = max(min([start_ms, *began_ms]), first_ms(self._running[key]))
        told = self._store.told(self._vin, self._watches.by_key[key].monitor.id, from_ms)
        return [Announced(one.id, one.at_ms, one.refresh) for one in told]

    def _notifications(self, walk: Walk, to_tell: Iterable[tuple[Compiled, Event]]) -> list[Notification]:
        found = sorted(to_tell, key=lambda each: (each[1].at_ms, each[0].key, each[1].refresh))
        if not found:
            return []
        bodies = Bodies(self._store, self._vehicle, self._sight.scope)
        told = bodies.of(walk.passages(), found)
        return [
            Notification(
                event.id,
                one.monitor.id,
                one.monitor.fleet_id,
                self._vin,
                event.at_ms,
                event.refresh,
                body,
                {
                    "vin": self._vin,
                    "vid": self._vehicle.id,
                    "monitorID": one.monitor.id,
                    "fleetID": one.monitor.fleet_id,
                },
            )
            for (one, event), body in zip(found, told, strict=True)
        ]

    def _subject(self, key: str) -> Subject:
        found = self._subjects.get(key)
        if found is None:
            found = Subject(f"{key}/{self._vin}", self._watches.by_key[key].watch, self._running[key], self._served)
            self._subjects[key] = found
        return found
