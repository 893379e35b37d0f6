"""A monitor over the time of one vehicle: when its condition began to hold, and that it still does.

An *episode* is a time in which the condition holds, from the moment at which it began until the first at which it does
no more; one of a moment begins and ends at it. Its beginning is an event, and, where the monitor asks for reminders,
one more in each period of `refresh_ms` after it in which the vehicle says something and the condition still holds: a
vehicle that is silent says nothing of that either.

`advance` takes a state across moments in ascending time and gives what came of them. It knows nothing else, so that

* where the moments are cut makes no difference;
* what comes late is told from a state before it on. The events are then those of all that is known, whatever came
  first; which of them have been told already is for `cloud_bridge.monitors.announcing`.

A condition that is unknown does not hold, so the first that is known of it can be a beginning. What began while the
monitor did not run (before it was made, or while it was paused) is no event, and nobody is reminded of it.

At one instant a condition may hold only because of what happens then, or not hold only because of it: if it held before
and does after, the instant is no end, and so what follows is no beginning. Between two moments nothing changes but the
time: schedules are followed there as long as the vehicle is known to be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from cloud_bridge.monitors.data import WATCHED
from cloud_bridge.monitors.expression import Truth
from cloud_bridge.monitors.moments import SILENT_MS, Moment
from cloud_bridge.monitors.triggers import InTime, truth
from cloud_bridge.monitors.watch import Watch
from cloud_bridge.records.model import Origin, Value

Values = dict[str, tuple[Value, ...]]
"""What is known of the data of a monitor's triggers; several of alerts, sides and faults."""


class Subject(msgspec.Struct, frozen=True):
    """One monitor of one vehicle."""

    name: str
    """Of the monitor, of its version (a replaced one is another) and of the vehicle: ids are made of it."""
    watch: Watch
    running: tuple[tuple[int, int | None], ...]
    """When it ran: [from, to), ascending; None: it still does."""
    served: frozenset[str] = frozenset()
    """The data of the vehicle's profile."""

    def runs(self, at_ms: int) -> bool:
        return any(start <= at_ms and (end is None or at_ms < end) for start, end in self.running)


class Episode(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    id: str
    """That of the event of its beginning."""
    from_ms: int
    to_ms: int | None = None
    """The first moment at which it holds no more, or its only one; None while it goes on."""
    is_event: bool = True
    """The monitor ran when it began."""


class Event(msgspec.Struct, frozen=True):
    id: str
    """32 hex digits, of what it is and not of when it was found."""
    episode: str
    at_ms: int
    refresh: bool
    values: Values


class State(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """All that has to be remembered to go on."""

    truths: tuple[Truth, ...] = ()
    """Of the triggers, after the last moment."""
    at_ms: int | None = None
    used: bool | None = None
    values: Values = {}
    """Of the levels, where a schedule may ask for them later."""
    episode: Episode | None = None
    reminded: int = 0
    """The last period of the episode in which it was reminded of."""


class Outcome(msgspec.Struct, frozen=True):
    state: State
    events: Sequence[Event]
    """In ascending time."""
    episodes: Mapping[str, Episode]
    """The one that was going on, and those that began or ended, by id: they replace earlier ones."""


def advance(state: State, moments: Iterable[Moment], subject: Subject) -> Outcome:
    """Take `state` across `moments`. ValueError if they are not in ascending time, or before the state's."""
    run = Run(state, subject)
    for moment in moments:
        run.follow(moment)
    return run.outcome


class Run:
    """A monitor on its way across the moments of a vehicle."""

    def __init__(self, state: State, subject: Subject) -> None:
        self.state = state if state.truths else replace(state, truths=(None,) * len(subject.watch.tests))
        self.subject = subject
        self.watch = subject.watch
        self.schedules = [test.schedule for test in self.watch.tests if isinstance(test, InTime)]
        self.events: list[Event] = []
        open_before = self.state.episode
        self.episodes: dict[str, Episode] = {} if open_before is None else {open_before.id: open_before}

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.state, self.events, self.episodes)

    def follow(self, moment: Moment) -> None:
        """ValueError if `moment` is not after the state's."""
        if self.state.at_ms is not None and moment.at_ms <= self.state.at_ms:
            raise ValueError(f"a moment at {moment.at_ms} ms cannot follow one at {self.state.at_ms} ms")
        self.wait(moment.at_ms)
        tests, served = self.watch.tests, self.subject.served
        now = tuple(truth(test, moment, before, served) for test, before in zip(tests, self.state.truths, strict=True))
        after = tuple(False if test.momentary else one for test, one in zip(tests, now, strict=True))
        levels = self.levels(moment.known) if self.schedules else {}
        self._settle(moment.at_ms, moment, now, after, levels)
        self.state = replace(self.state, at_ms=moment.at_ms, used=moment.used, values=levels)
        self._remind(moment)

    def resume(self, state: State, at_ms: int) -> None:
        """Goes on from `at_ms` in another state, in which what was going on may never have been."""
        before, after = self.state.episode, state.episode
        if before is not None and (after is None or after.id != before.id):
            self.episodes[before.id] = replace(before, to_ms=at_ms)
        if after is not None:
            self.episodes[after.id] = after
        self.state = state

    def wait(self, to_ms: int) -> None:
        """Time passes up to `to_ms`, exclusive, in which nothing is said."""
        for at_ms, used in self._meanwhile(to_ms):
            truths = tuple(
                test.truth(at_ms, used) if isinstance(test, InTime) else before
                for test, before in zip(self.watch.tests, self.state.truths, strict=True)
            )
            self._settle(at_ms, None, truths, truths, self.state.values)

    def _meanwhile(self, to_ms: int) -> Iterator[tuple[int, bool | None]]:
        """The instants since the last moment at which schedules change, and whether the vehicle was used then."""
        last_ms = self.state.at_ms
        if not self.schedules or last_ms is None or not self.state.used:
            return
        silent_ms = last_ms + SILENT_MS
        edges = {edge for one in self.schedules for edge in one.changes(last_ms, min(to_ms, silent_ms))}
        yield from ((edge, True) for edge in sorted(edges))
        if silent_ms < to_ms:
            yield silent_ms, None

    def _settle(
        self, at_ms: int, moment: Moment | None, now: tuple[Truth, ...], after: tuple[Truth, ...], levels: Values
    ) -> None:
        """Begin or end an episode by what the triggers are at an instant, and right after it."""
        holds_after = bool(self.watch.condition(after))
        episode = self.state.episode
        if episode is not None and not holds_after:
            self.episodes[episode.id] = replace(episode, to_ms=at_ms)
            episode = None
        elif episode is None and (holds_after or self.watch.condition(now)):
            begun = Episode(self._id(at_ms, moment), at_ms, None if holds_after else at_ms, self.subject.runs(at_ms))
            self.episodes[begun.id] = begun
            if begun.is_event:
                values = levels if moment is None else self._values(moment)
                self.events.append(Event(begun.id, begun.id, at_ms, False, values))
            episode = begun if holds_after else None
            self.state = replace(self.state, reminded=0)
        self.state = replace(self.state, truths=after, episode=episode)

    def _remind(self, moment: Moment) -> None:
        episode, every_ms = self.state.episode, self.watch.refresh_ms
        if episode is None or every_ms is None or not episode.is_event or not self.subject.runs(moment.at_ms):
            return
        period = (moment.at_ms - episode.from_ms) // every_ms
        if period > self.state.reminded:
            reminder = _hash(f"{episode.id}/{period}")
            self.events.append(Event(reminder, episode.id, moment.at_ms, True, self._values(moment)))
            self.state = replace(self.state, reminded=period)

    def _id(self, at_ms: int, moment: Moment | None) -> str:
        """Of a moment on the vehicle's own clock where there is one, so that it stays when a better time is known."""
        origin: Origin | None = None if moment is None else moment.origin
        place = str(at_ms) if origin is None else f"{origin.kernel.hex()}/{origin.at_ms}"
        return _hash(f"{self.subject.name}/{place}")

    def _values(self, moment: Moment) -> Values:
        happened = {datum: moment.happened[datum] for datum in self.watch.data if datum in moment.happened}
        return self.levels(moment.known) | happened

    def levels(self, known: Mapping[str, Value]) -> Values:
        """What is known of the levels among its data."""
        found: Values = {}
        for datum in self.watch.data:
            watched = WATCHED[datum]
            if watched.made == "set":
                on = (value for key, value in zip(watched.keys, watched.values, strict=True) if known.get(key))
                found[datum] = tuple(on)
            elif watched.made not in ("group", "happening"):
                level = watched.level(known, self.subject.served)
                found |= {} if level is None else {datum: (level,)}
        return found


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
