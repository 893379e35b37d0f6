"""Several monitors over the time of one vehicle, each moment followed only by those of which it may change something.

What a monitor makes of a moment depends on its own data, on where the vehicle is, on what time it is, and on how long
its condition holds already. Where none of these can have changed anything the moment is passed over, which leaves
everything as following it would (`episodes.advance` over all moments; tests hold the two to each other):

* data matter as `cloud_bridge.monitors.interests` says;
* a place matters when it is as far from where the edges of zones were measured last as the nearest was then, and not
  clearly on the side where it was;
* the time matters when a schedule has begun or ended since, or the vehicle's use has, or was not known meanwhile;
* an episode matters when it is time to remind of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from cloud_bridge.monitors.broken import broken
from cloud_bridge.monitors.episodes import Outcome, Run, State, Subject
from cloud_bridge.monitors.geodesic import moved_km
from cloud_bridge.monitors.interests import Interests
from cloud_bridge.monitors.kept import FRESH, Kept, Passed, encode, until
from cloud_bridge.monitors.moments import SILENT_MS, Moment
from cloud_bridge.records.model import Position, Value


class Together:
    """The monitors of one vehicle on their way. Those that have not joined take no part. What is raised because of one
    of them is a BrokenError."""

    def __init__(self, interests: Interests, subject_of: Callable[[str], Subject]) -> None:
        self._interests = interests
        self._subject_of = subject_of
        self._kept = Kept()
        """What they go on in, as far as they did not join otherwise since."""
        self._states: dict[str, State] = {}
        """Of those that joined otherwise, and what was read of the others."""
        self._runs: dict[str, Run] = {}
        self._last_ms: int | None = None
        self._latest_ms = 0
        """No state is of a later moment."""
        self._fresh: set[str] = set()
        """Those that have followed nothing yet: what is unknown is not what it is after a first moment."""
        self._remind_ms: dict[str, int] = {}
        self._used: bool | None = None
        self._calm_until_ms = 0
        """Before, nothing of the time changes while the vehicle's use is `_used`."""
        self._measured: tuple[float, float] | None = None
        """Where the vehicle was when the edges of zones were measured, longitude and latitude."""
        self._leeway_km = 0.0
        """How far it may go from there until it is near to any, or crosses it."""

    def __contains__(self, key: str) -> bool:
        return key in self._states or key in self._kept.by_key

    def go_on(self, kept: Kept) -> None:
        """From here on, as they were kept."""
        passed = kept.passed
        if passed is None or self._states:
            # What was passed over was so by these alone, and not by those that joined before.
            self.join({key: kept.state(key, self._interests) for key in kept.by_key})
            return
        self._kept = kept
        self._fresh.update(key for key, state in kept.by_key.items() if state == FRESH)
        self._last_ms, self._latest_ms = passed.last_ms, passed.last_ms or 0
        self._used, self._calm_until_ms = passed.used, passed.calm_until_ms
        self._measured, self._leeway_km = passed.measured, passed.leeway_km
        for key in self._interests.reminding:
            if key in kept.by_key:
                self._await_reminder(key, self._state(key))

    def join(self, states: Mapping[str, State]) -> None:
        """From here on, in these states."""
        self._states.update(states)
        self._latest_ms = max([self._latest_ms, *(state.at_ms or 0 for state in states.values())])
        self._fresh.update(key for key, state in states.items() if state.at_ms is None)
        self._measured, self._calm_until_ms = None, 0
        if not self._kept.by_key.keys().isdisjoint(states):
            self._kept = self._kept.only(self._kept.by_key.keys() - states.keys())
        for key in self._interests.reminding:
            if key in states:
                self._await_reminder(key, states[key])

    def resume(self, key: str, state: State, at_ms: int) -> None:
        """One that takes part already goes on in this state, from `at_ms` on."""
        run = self._runs.get(key)
        if run is not None:
            run.resume(state, at_ms)
        self.join({key: state})

    def begin(self, key: str, moment: Moment) -> None:
        """From here on, as everything stands at `moment`: what holds already is no event where it does not run yet."""
        try:
            run = Run(State(), self._subject_of(key))
            run.follow(moment)
        except Exception as error:
            raise broken(key, error) from error
        self.resume(key, run.state, moment.at_ms + 1)

    def take(self, moments: Iterable[Moment]) -> None:
        for moment in moments:
            for key in self._concerned(moment):
                try:
                    self._follow(key, moment)
                except Exception as error:
                    raise broken(key, error) from error
            self._last_ms = moment.at_ms
            self._latest_ms = max(self._latest_ms, moment.at_ms)

    def states(self) -> dict[str, State]:
        """To go on from."""
        found = {key: self._state(key) for key in {**self._kept.by_key, **self._states}}
        for key in self._interests.schedules:
            if key in found:
                found[key] = until(found[key], self._last_ms)
        return found

    def kept(self) -> Kept:
        """The same, to be kept."""
        found = dict(self._kept.by_key)
        for key in {**self._states, **self._runs}:
            if key in self._runs or key not in found:
                found[key] = msgspec.Raw(encode(self._state(key)))
        passed = Passed(self._last_ms, self._used, self._calm_until_ms, self._measured, self._leeway_km)
        return Kept(found, passed)

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        """Of those that had anything to follow."""
        return ((key, run.outcome) for key, run in self._runs.items())

    def ahead(self, known: Mapping[str, Value], moments: Iterable[Moment], to_ms: int) -> Together:
        """The same monitors after what came without the vehicle saying anything: `moments`, and the time passing up to
        `to_ms`, exclusive. `known`: as in `Moment`, before. These stay where they are."""
        later = Together(self._interests, self._subject_of)
        later._last_ms = self._last_ms
        later.join(self.states())
        for moment in moments:
            later.take([moment])
            known = moment.known
        for key in self._interests.schedules:
            if key in later:
                try:
                    later._catch_up(later._run(key), known)
                    later._run(key).wait(to_ms)
                except Exception as error:
                    raise broken(key, error) from error
        return later

    def next_change_ms(self, after_ms: int | None = None) -> int | None:
        """When a schedule begins or ends next, after `after_ms` where it is given, if the vehicle is used then, as far
        as is known."""
        found = []
        if self._last_ms is not None:
            from_ms, silent_ms = max(self._last_ms, after_ms or 0), self._latest_ms + SILENT_MS
            if from_ms >= silent_ms or self._interests.all_calm(from_ms)[1] >= silent_ms:
                return None
        for key in self._interests.schedules:
            state = self._state(key) if key in self else State()
            if state.used and state.at_ms is not None:
                last_ms = max(state.at_ms, self._last_ms or 0)
                from_ms, silent_ms = max(last_ms, after_ms or 0), last_ms + SILENT_MS
                if from_ms < silent_ms and (change_ms := self._interests.calm(key, from_ms)[1]) < silent_ms:
                    found.append(change_ms)
        return min(found, default=None)

    def _concerned(self, moment: Moment) -> list[str]:
        found = self._interests.touched(moment)
        found |= self._fresh
        if moment.position is not None and self._interests.zones:
            found.update(self._near(moment.position))
        if self._interests.schedules:
            found.update(self._restless(moment))
        for key, due_ms in self._remind_ms.items():
            if due_ms <= moment.at_ms:
                found.add(key)
        return [key for key in found if key in self]

    def _near(self, position: Position) -> list[str]:
        """The monitors of which an edge may have been crossed, or be within what a fix is off by."""
        there = self._measured
        if there is not None:
            gone_km = moved_km(position.longitude, position.latitude, *there)
            if gone_km < self._leeway_km:
                return []
        self._measured, self._leeway_km = (position.longitude, position.latitude), float("inf")
        return [key for key in self._interests.zones if key in self and not self._is_settled(key, position)]

    def _is_settled(self, key: str, position: Position) -> bool:
        """Whether the vehicle is clearly on the sides of all edges where it was."""
        truths = self._state(key).truths
        settled = True
        for number, zone in self._interests.zones[key]:
            beyond_km, leeway_km = zone.measure(position)
            self._leeway_km = min(self._leeway_km, leeway_km)
            settled &= leeway_km > 0 and bool(truths) and truths[number] is ((beyond_km > 0) is zone.out)
        return settled

    def _restless(self, moment: Moment) -> list[str]:
        """Those of which something of the time is another than it was at the last moment."""
        if self._last_ms is not None and moment.used is self._used and moment.at_ms < self._calm_until_ms:
            return []
        keys = [key for key in self._interests.schedules if key in self]
        self._used = moment.used
        self._calm_until_ms = min(
            (self._interests.calm(key, moment.at_ms)[1] for key in keys), default=moment.at_ms + SILENT_MS
        )
        # While it is used, how long it says nothing matters too.
        self._calm_until_ms = min(self._calm_until_ms, moment.at_ms + SILENT_MS)
        return [key for key in keys if not self._is_calm(key, moment)]

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
            before = {**moment.known, **moment.was}
            self._catch_up(run, {datum: value for datum, value in before.items() if value is not None})
        run.follow(moment)
        self._fresh.discard(key)
        self._await_reminder(key, run.state)

    def _run(self, key: str) -> Run:
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = Run(self._state(key), self._subject_of(key))
        return run

    def _state(self, key: str) -> State:
        run = self._runs.get(key)
        if run is not None:
            return run.state
        if key not in self._states:
            self._states[key] = self._kept.state(key, self._interests)
        return self._states[key]

    def _catch_up(self, run: Run, known: Mapping[str, Value]) -> None:
        """What was passed over left all as it was but the time, and what is known of the data: `known`, at the last
        moment."""
        if run.state.at_ms is not None:
            run.state = replace(until(run.state, self._last_ms), values=run.levels(known))

    def _await_reminder(self, key: str, state: State) -> None:
        every_ms, episode = self._interests.watches[key].refresh_ms, state.episode
        if every_ms is not None and episode is not None and episode.is_event:
            self._remind_ms[key] = episode.from_ms + (state.reminded + 1) * every_ms
        else:
            self._remind_ms.pop(key, None)
