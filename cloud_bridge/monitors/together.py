"""Several monitors over the time of one vehicle, each moment followed only by those of which it may change something.

What a monitor makes of a moment depends on its own data, on where the vehicle is, on what time it is, and on how long
its condition holds already. Where none of these can have changed anything the moment is passed over, which leaves
everything as following it would (`evaluation.advance` over all moments; tests hold the two to each other):

* a datum is of interest when another value of it is said, or the first, or when it is what happened;
* a place is when it is as far from where all edges of zones were measured last as the nearest of these was then;
* the time is when a schedule has begun or ended since, or the vehicle's use has, or was not known meanwhile;
* an episode is when it is time to remind of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from cloud_bridge.monitors.evaluation import Outcome, Run, State, Subject
from cloud_bridge.monitors.geodesic import leeway_km, moved_km
from cloud_bridge.monitors.moments import SILENT_MS, Moment
from cloud_bridge.monitors.schedule import Schedule
from cloud_bridge.monitors.triggers import ESTIMATED_KM, InTime, InZone, OfData
from cloud_bridge.monitors.watch import Watch
from cloud_bridge.records.model import Position


class Interests:
    """What the moments of a vehicle have to do with which of its monitors: an index that vehicles may share."""

    def __init__(self, watches: Mapping[str, Watch]) -> None:
        by_datum: defaultdict[str, list[str]] = defaultdict(list)
        for key, watch in watches.items():
            for datum in dict.fromkeys(datum for test in watch.tests for datum in _data(test)):
                by_datum[datum].append(key)
        self.watches = watches
        self.by_datum: Mapping[str, list[str]] = dict(by_datum)
        self.data = frozenset(datum for watch in watches.values() for datum in watch.data)
        """The data of triggers that any of them names."""
        self.zones = _with(watches, InZone)
        self.schedules = {
            key: tuple(test.schedule for test in watches[key].tests if isinstance(test, InTime))
            for key in _with(watches, InTime)
        }
        self.reminding = [key for key, watch in watches.items() if watch.refresh_ms is not None]
        self._calm: dict[str, tuple[int, int]] = {}

    def calm(self, key: str, at_ms: int) -> tuple[int, int]:
        """[from, to) around `at_ms` in which no schedule of the monitor begins or ends."""
        found = self._calm.get(key)
        if found is None or not found[0] <= at_ms < found[1]:
            found = _constant(self.schedules[key], at_ms)
            self._calm[key] = found
        return found


class Together:
    """The monitors of one vehicle on their way. Those that have not joined take no part."""

    def __init__(self, interests: Interests, subject_of: Callable[[str], Subject]) -> None:
        self._interests = interests
        self._subject_of = subject_of
        self._states: dict[str, State] = {}
        self._runs: dict[str, Run] = {}
        self._last_ms: int | None = None
        self._fresh: set[str] = set()
        """Those that have followed nothing yet: what is unknown is not what it is after a first moment."""
        self._remind_ms: dict[str, int] = {}
        self._measured: Position | None = None
        """Where the vehicle was when `_leeway_km` was measured."""
        self._leeway_km: dict[str, float] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def join(self, key: str, state: State) -> None:
        """From here on, in this state."""
        self._states[key] = state
        if state.at_ms is None:
            self._fresh.add(key)
        self._leeway_km.pop(key, None)
        self._await_reminder(key, state)

    def resume(self, key: str, state: State, at_ms: int) -> None:
        """One that takes part already goes on in this state, from `at_ms` on."""
        run = self._runs.get(key)
        if run is not None:
            run.resume(state, at_ms)
        self.join(key, state)

    def begin(self, key: str, moment: Moment) -> None:
        """From here on, as everything stands at `moment`: what holds already is no event where it does not run yet."""
        run = Run(State(), self._subject_of(key))
        run.follow(moment)
        self.join(key, run.state)

    def take(self, moments: Iterable[Moment]) -> None:
        for moment in moments:
            for key in self._concerned(moment):
                self._follow(key, moment)
            self._last_ms = moment.at_ms

    def states(self) -> dict[str, State]:
        """To go on from."""
        found = {key: self._state(key) for key in self._states}
        for key in self._interests.schedules:
            if key in found:
                found[key] = self._until_now(found[key])
        return found

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        """Of those that had anything to follow."""
        return ((key, run.outcome) for key, run in self._runs.items())

    def ahead(self, moments: Iterable[Moment], to_ms: int) -> Together:
        """The same monitors after what came without the vehicle saying anything: `moments`, and the time passing up to
        `to_ms`, exclusive. These stay where they are."""
        later = Together(self._interests, self._subject_of)
        later._last_ms = self._last_ms
        for key, state in self.states().items():
            later.join(key, state)
        later.take(moments)
        for key in self._interests.schedules:
            if key in later:
                run = later._run(key)
                run.state = later._until_now(run.state)
                run.wait(to_ms)
        return later

    def next_change_ms(self, after_ms: int) -> int | None:
        """When a schedule begins or ends next, after `after_ms`, if the vehicle is used then, as far as is known."""
        found = []
        for key in self._interests.schedules:
            state = self._until_now(self._state(key)) if key in self else State()
            if state.used and state.at_ms is not None:
                (_, change_ms) = self._interests.calm(key, max(state.at_ms, after_ms))
                found += [change_ms] if change_ms < state.at_ms + SILENT_MS else []
        return min(found, default=None)

    def _concerned(self, moment: Moment) -> list[str]:
        interests, at_ms = self._interests, moment.at_ms
        found = dict.fromkeys(self._fresh)
        for data in (moment.changed, moment.first, moment.happened):
            for datum in data:
                for key in interests.by_datum.get(datum, ()):
                    found[key] = None
        if moment.position is not None and interests.zones:
            found |= dict.fromkeys(self._near(moment.position))
        for key in interests.schedules:
            if key not in found and key in self and not self._is_calm(key, moment):
                found[key] = None
        for key, due_ms in self._remind_ms.items():
            if due_ms <= at_ms:
                found[key] = None
        return [key for key in found if key in self._states]

    def _near(self, position: Position) -> list[str]:
        """The monitors of which an edge may be crossed, or be within what a fix is off by."""
        here, there = (position.longitude, position.latitude), self._measured
        gone_km = float("inf") if there is None else moved_km(*here, there.longitude, there.latitude)
        near = [key for key in self._interests.zones if self._leeway_km.get(key, -1.0) <= gone_km]
        if near and gone_km > 0:
            # Measured again from here, for all: they have one place that they were measured from.
            self._measured = position
            for key in self._interests.zones:
                tests = self._interests.watches[key].tests
                self._leeway_km[key] = min(
                    leeway_km(test.longitude, test.latitude, *here, test.radius_km) - ESTIMATED_KM
                    for test in tests
                    if isinstance(test, InZone)
                )
        return near

    def _is_calm(self, key: str, moment: Moment) -> bool:
        """Whether nothing of the time is another than it was at the last moment."""
        state = self._state(key)
        last_ms = max(state.at_ms or 0, self._last_ms or 0)
        if state.used is not moment.used or (moment.used and moment.at_ms - last_ms > SILENT_MS):
            return False
        return self._interests.calm(key, moment.at_ms)[0] <= last_ms

    def _follow(self, key: str, moment: Moment) -> None:
        run = self._run(key)
        if key in self._interests.schedules:
            run.state = self._until_now(run.state)
        run.follow(moment)
        self._fresh.discard(key)
        self._await_reminder(key, run.state)

    def _run(self, key: str) -> Run:
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = Run(self._states[key], self._subject_of(key))
        return run

    def _state(self, key: str) -> State:
        run = self._runs.get(key)
        return self._states[key] if run is None else run.state

    def _until_now(self, state: State) -> State:
        """What was passed over since the state left all as it was but the time."""
        if state.at_ms is None or self._last_ms is None or self._last_ms <= state.at_ms:
            return state
        return replace(state, at_ms=self._last_ms)

    def _await_reminder(self, key: str, state: State) -> None:
        every_ms, episode = self._interests.watches[key].refresh_ms, state.episode
        if every_ms is not None and episode is not None and episode.is_event:
            self._remind_ms[key] = episode.from_ms + (state.reminded + 1) * every_ms
        else:
            self._remind_ms.pop(key, None)


class States(msgspec.Struct, frozen=True):
    """Of all monitors of a vehicle, as they are kept."""

    by_key: dict[str, State]


def _data(test: InZone | InTime | OfData) -> tuple[str, ...]:
    """What of a moment a trigger on data depends on."""
    if not isinstance(test, OfData):
        return ()
    return (test.datum,) if test.watched.made == "happening" else test.watched.keys


def _with(watches: Mapping[str, Watch], kind: type[InZone] | type[InTime]) -> list[str]:
    return [key for key, watch in watches.items() if any(isinstance(test, kind) for test in watch.tests)]


def _constant(schedules: Iterable[Schedule], at_ms: int) -> tuple[int, int]:
    each = [schedule.constant(at_ms) for schedule in schedules]
    return max(start for start, _ in each), min(end for _, end in each)
