"""Events: which conditions are true events now, asked whenever one of their signals comes.

Between frames only time can make an event, of what has to last: `due_ms` says when to ask again. Nothing here reads a
clock; whatever is asked is a function of the frames so far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.plan.events import PlannedEvent, Recording
from agent.plan.plan import Plan
from agent.sampling.crash import CrashWatch
from agent.sampling.newest import Newest
from agent.sampling.newest_message import NewestMessage
from agent.sampling.times import NEVER_MS
from agent.sampling.triggers import Limit, Trigger
from agent.sampling.windows import Windows
from contract.evaluation import Value, holds
from contract.profile.events import CRASH, WATCH

if TYPE_CHECKING:
    from agent.plan.watches import PlannedWatch
    from agent.sampling.watches import Allowance, Watch, Watches

_CRASH_NOT_AGAIN_MS = 10_000
_CRASHES_AN_HOUR = 30


class Watched:
    """What is to be done with each frame of one message."""

    __slots__ = ("accelerations", "looks_back", "says", "speeds", "triggers", "watches", "windows")

    def __init__(self) -> None:
        self.triggers: list[Trigger] = []
        self.watches: list[Watch] = []
        self.windows: list[tuple[int, str]] = []
        """Signals that are looked back at, with their names."""
        self.accelerations: list[tuple[int, int, float]] = []
        """Axis, signal and factor."""
        self.says = self.speeds = False
        """Whether the crash message, or the speed, is made of it."""
        self.looks_back = False
        """Whether each frame says something, even if it says the same as the one before."""


class Events:
    def __init__(self, plan: Plan, newest: Newest) -> None:
        self.due_ms = NEVER_MS
        self.happened = 0
        """How many events there were; several of one name at one instant are one each."""
        self._plan = plan
        self._newest = newest
        self._signals = plan.signals
        limits: dict[str, Limit] = {}
        self._triggers = [
            Trigger(event, limits.setdefault(event.name, Limit(event.not_again_ms, event.most_an_hour)))
            for event in plan.events
        ]
        self._crash = None if plan.crash is None else CrashWatch(plan.crash)
        self._crash_limit = Limit(_CRASH_NOT_AGAIN_MS, _CRASHES_AN_HOUR)
        self._crashes_held_back = 0
        windows = [window for event in plan.events for window in event.windows]
        windows += plan.crash.windows if plan.crash is not None else ()
        self._windows = Windows(windows)
        self._now_ms = 0
        numbers = {signal.name: number for number, signal in enumerate(plan.signals)}
        self._of_the_box = {
            trigger
            for trigger in self._triggers
            if all(plan.messages[plan.signals[numbers[name]].message].device for name in trigger.event.names)
        }
        self._watches: Watches | None = None
        """Made when something is watched: a vehicle of which nobody wants to know does without what it takes."""
        self._hand_out()

    def watch(self, watches: Sequence[PlannedWatch], allowance: Allowance, now_ms: int) -> None:
        """These are watched for the cloud from now on, and no others; `now_ms`: the time of the newest frame."""
        if self._watches is None:
            from agent.sampling.watches import Watches

            self._watches = Watches(self._newest)
        self._watches.replace(watches, allowance, now_ms)
        self._hand_out()

    @property
    def held_back(self) -> dict[str, int]:
        """How many edges were no events, by hysteresis or limits, by the event's name."""
        found: Counter[str] = Counter()
        for trigger in self._triggers:
            found[trigger.event.name] += trigger.held_back
        found[CRASH] += self._crashes_held_back
        found[WATCH] += 0 if self._watches is None else self._watches.held_back
        return {name: count for name, count in found.items() if count}

    def forget(self) -> None:
        """Nothing of the vehicle is known any more: it slept. The box did not, and what it says goes on; what the cloud
        watches is compared with what it was before."""
        self._windows.forget()
        for trigger in self._triggers:
            if trigger not in self._of_the_box:
                trigger.forget()
        self._find_due()
        if self._crash is not None:
            self._crash.forget()

    def take(self, message: NewestMessage, at_ms: int, *, new: bool) -> list[tuple[str, Recording]]:
        """A frame of a watched message came; `new`: it says another thing than the one before it, or counts anew. The
        events that it is, with what goes with them."""
        watched = message.watched
        if watched is None or not (new or watched.looks_back):
            return []
        self._now_ms = at_ms
        for number, name in watched.windows:
            value = self._value(message, number, at_ms)
            if value is not None:
                self._windows.take(name, at_ms, value)
        happened = [
            (trigger.event.name, trigger.event.recording)
            for trigger in watched.triggers
            if trigger.look(trigger.event.evaluate(self._lookup), self._clear(trigger.event), at_ms)
        ]
        if watched.triggers:
            self._find_due()
        if self._crash is not None and self._plan.crash is not None and self._is_crash(watched, message, at_ms):
            if self._crash_limit.allows(at_ms):
                happened.append((CRASH, self._plan.crash.recording))
            else:
                self._crashes_held_back += 1
        if self._watches is not None and (begun := self._watches.look(watched.watches, at_ms)):
            happened.append((WATCH, Recording(0, 0, begun, newest=True)))
        self.happened += len(happened)
        return happened

    def reach(self, at_ms: int) -> list[tuple[str, Recording]]:
        """It is `due_ms`, and every frame up to it was taken: the events that have lasted."""
        self._now_ms = at_ms
        happened = [
            (trigger.event.name, trigger.event.recording)
            for trigger in self._triggers
            if trigger.due_ms == at_ms and trigger.lasted(trigger.event.evaluate(self._lookup), at_ms)
        ]
        self._find_due()
        self.happened += len(happened)
        return happened

    def _find_due(self) -> None:
        self.due_ms = min([trigger.due_ms for trigger in self._triggers], default=NEVER_MS)

    def _is_crash(self, watched: Watched, message: NewestMessage, at_ms: int) -> bool:
        watch, crash = self._crash, self._plan.crash
        if watch is None or crash is None:
            return False
        found = False
        if watched.says and crash.message is not None:
            found |= watch.says(at_ms, crash=holds(crash.message(self._lookup)))
        if watched.accelerations:
            felt = [
                (axis, value * factor)
                for axis, number, factor in watched.accelerations
                if (value := self._value(message, number, at_ms)) is not None and not isinstance(value, str)
            ]
            found |= bool(felt) and watch.accelerates(at_ms, felt)
        if watched.speeds and crash.speed is not None:
            kmh = crash.speed(self._lookup)
            if kmh is not None and not isinstance(kmh, str):
                found |= watch.moves(at_ms, kmh)
        return found

    def _clear(self, event: PlannedEvent) -> Value | None:
        return None if event.clear is None else event.clear(self._lookup)

    def _lookup(self, name: str) -> Value | None:
        """The newest value of a signal, or what a window says."""
        value = self._windows.value(name, self._now_ms)
        return self._newest.value(name, self._now_ms) if value is None else value

    def _value(self, message: NewestMessage, number: int, at_ms: int) -> Value | None:
        """A signal's value, if it came with the frame of `at_ms` and counts."""
        signal = self._signals[number]
        return self._newest.value(signal.name, at_ms) if message.came(signal.slot, at_ms) else None

    def _hand_out(self) -> None:
        """Each message gets what is to be done with its frames."""
        watched = self._watching()
        for message in self._newest.messages:
            message.watch(watched.get(message.plan.name))

    def _watching(self) -> dict[str, Watched]:
        numbers = {signal.name: number for number, signal in enumerate(self._signals)}
        found: dict[str, Watched] = {}

        def of(name: str) -> Watched:
            return found.setdefault(self._plan.messages[self._signals[numbers[name]].message].name, Watched())

        for trigger in self._triggers:
            for watched in {id(each): each for each in map(of, trigger.event.names)}.values():
                watched.triggers.append(trigger)
        for name in self._windows.signals:
            of(name).windows.append((numbers[name], name))
            of(name).looks_back = True
        crash = self._plan.crash
        if crash is not None:
            for axis, (number, factor) in enumerate(crash.acceleration):
                watched = of(self._signals[number].name)
                watched.accelerations.append((axis, number, factor))
                watched.looks_back = True
            for name in crash.message_names:
                of(name).says = True
            for name in crash.speed_names:
                of(name).speeds = of(name).looks_back = True
        for watch in () if self._watches is None else self._watches.all:
            names = [self._signals[number].name for number in watch.plan.signals]
            for watched in {id(each): each for each in map(of, names)}.values():
                watched.watches.append(watch)
        return found
