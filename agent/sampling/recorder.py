"""The recorder: what goes with an event at full rate.

Of each message that some event records, the frames of the longest time before any of these events are kept as they
came. When an event happens, those within its time become changes, each at its own time, and for its time after, each
frame that comes does. A value counts as everywhere, by the conditions that held when its frame came. No value is given
twice at full rate: where the windows of events overlap, the later one goes on where the earlier one has ended.

Of what the cloud watches (`agent.sampling.watches`) the newest values are given, as of the event: the next sample of
their grid is in a later batch.

On-change signals are sent at each change anyway. Only before the batch that is being filled, from where on those
changes are in it, they are given again: with the first value of the window, and each change.

Memory is bounded: at most `MOST_FRAMES` frames of a message are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator

import msgspec

from agent.plan.events import Recording
from agent.plan.plan import Plan
from agent.sampling.filling import Filling
from agent.sampling.newest import Newest
from agent.sampling.newest_message import NewestMessage
from agent.sampling.times import NEVER_MS
from contract.upload import Change, Event

MOST_FRAMES = 8192
_MOST_TOLD = 256


class Kept(msgspec.Struct, frozen=True):
    at_ms: int
    data: bytes
    version: int
    """Of the conditions, with this frame in it."""


class Tape:
    """One recorded message."""

    __slots__ = ("frames", "live_ms", "longest_ms", "message")

    def __init__(self, message: NewestMessage, longest_ms: int) -> None:
        self.message = message
        self.longest_ms = longest_ms
        self.frames: deque[Kept] = deque(maxlen=MOST_FRAMES)
        self.live_ms = -NEVER_MS
        """Until when frames are given as they come."""


class Recorder:
    def __init__(self, plan: Plan, newest: Newest, batch: Filling) -> None:
        self._newest = newest
        self._batch = batch
        self._signals = plan.signals
        self._on_change = {number for group in plan.groups if group.on_change for number in group.signals}
        self._covered_ms = [-NEVER_MS] * len(plan.signals)
        """Per signal, until when it is given at full rate."""
        self._told_ms: dict[int, deque[int]] = {}
        """Per signal, moments of late at which its newest value was given."""
        self._tapes: dict[int, Tape] = {}
        longest_ms: dict[int, int] = {}
        recordings = [event.recording for event in plan.events]
        recordings += [plan.crash.recording] if plan.crash is not None else []
        for recording in recordings:
            for number in recording.signals if recording.before_ms or recording.after_ms else ():
                index = plan.signals[number].message
                longest_ms[index] = max(longest_ms.get(index, 0), recording.before_ms)
        for index, before_ms in longest_ms.items():
            message = newest.messages[index]
            message.tape = self._tapes[index] = Tape(message, before_ms)

    def forget(self) -> None:
        """Nothing is known any more: the vehicle slept."""
        self._covered_ms = [-NEVER_MS] * len(self._covered_ms)
        self._told_ms.clear()
        for tape in self._tapes.values():
            tape.frames.clear()
            tape.live_ms = -NEVER_MS

    def forget_before(self) -> None:
        """What was said up to now is nothing that a later event may say."""
        for tape in self._tapes.values():
            tape.frames.clear()

    def take(self, tape: Tape, at_ms: int, data: bytes) -> None:
        """A whole frame. In the time after an event it is said at once."""
        frames = tape.frames
        frames.append(Kept(at_ms, data, self._newest.conditions.version))
        while frames[0].at_ms < at_ms - tape.longest_ms:
            frames.popleft()
        if at_ms > tape.live_ms:
            return
        numbers = [number for number in tape.message.plan.signals if self._covered_ms[number] >= at_ms]
        for change in self._changes(tape, frames[-1], [each for each in numbers if each not in self._on_change]):
            self._batch.say(change)

    def open(self, name: str, recording: Recording, at_ms: int) -> None:
        """An event happened: the batch ends with it, and gets what was said before it. From now on its time after
        counts."""
        if recording.newest:
            self._batch.happens(Event(at_ms, name), list(self._newest_of(recording.signals, at_ms)), 0)
            return
        by_message: dict[int, list[int]] = {}
        for number in recording.signals:
            by_message.setdefault(self._signals[number].message, []).append(number)
        before: list[Change] = []
        for index, numbers in by_message.items():
            tape = self._tapes.get(index)
            if tape is None:
                continue
            before += self._said(tape, numbers, at_ms - recording.before_ms, at_ms)
            for number in numbers:
                self._covered_ms[number] = max(self._covered_ms[number], at_ms + recording.after_ms)
                tape.live_ms = max(tape.live_ms, self._covered_ms[number])
        before.sort(key=lambda change: change.at_ms)
        self._batch.happens(Event(at_ms, name), before, recording.after_ms)

    def _newest_of(self, numbers: Iterable[int], at_ms: int) -> Iterator[Change]:
        """The newest values of some signals, without what is given elsewhere."""
        for number in numbers:
            told_ms = self._told_ms.setdefault(number, deque(maxlen=_MOST_TOLD))
            if number in self._on_change or self._covered_ms[number] >= at_ms or (told_ms and told_ms[-1] == at_ms):
                continue
            raw = self._newest.peek(number, at_ms)
            if raw is not None:
                told_ms.append(at_ms)
                yield Change(at_ms, number, raw)

    def _said(self, tape: Tape, numbers: Collection[int], from_ms: int, until_ms: int) -> Iterator[Change]:
        """What was said of some signals of a message, without what is given elsewhere."""
        said: dict[int, int] = {}
        told_ms = {number: frozenset(self._told_ms.get(number, ())) for number in numbers}
        for kept in tape.frames:
            if not from_ms <= kept.at_ms <= until_ms:
                continue
            wanted = [
                number
                for number in numbers
                if kept.at_ms > self._covered_ms[number]
                and kept.at_ms not in told_ms[number]
                and (kept.at_ms < self._batch.start_ms or number not in self._on_change)
            ]
            for change in self._changes(tape, kept, wanted):
                if change.signal in self._on_change and said.get(change.signal) == change.raw:
                    continue
                if change.raw is not None:
                    said[change.signal] = change.raw
                yield change

    def _changes(self, tape: Tape, kept: Kept, numbers: Iterable[int]) -> list[Change]:
        """What counts of some signals in one frame."""
        wanted = set(numbers)
        if not wanted:
            return []
        holds = self._newest.conditions.held(kept.version)
        found = []
        for number, raw in zip(tape.message.plan.signals, tape.message.decode(kept.data), strict=True):
            if number in wanted and raw is not None and holds is not None:
                counting = self._newest.judged(number, raw, holds)
                if counting is not None:
                    found.append(Change(kept.at_ms, number, counting))
        return found
