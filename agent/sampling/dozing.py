"""Dozing: the vehicle sleeps, and its box does not.

What the box says itself (`agent.devices`) wakes no vehicle. While it sleeps, of each of these signals the newest value
is sent with the cadence of that state, `[cadence] asleep`, if there is one: as changes at their own times, in a batch
of its own. Events of what the box says are uploaded at once all the same, as when the supply of a parked car runs low.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.bus.frame import Frame
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.events import Events
from agent.sampling.newest import NOTHING_NEW, Newest
from agent.sampling.times import NEVER_MS, first_multiple
from contract.profile.cadence import VehicleState
from contract.upload import Anchor, Change, Event, Ledger, Reason


class Dozing:
    def __init__(self, plan: Plan, newest: Newest, events: Events) -> None:
        self.anchor: Anchor | None = None
        """The surest time that is known."""
        self.every_ms = plan.cadences_ms[VehicleState.ASLEEP]
        """How often a batch ends; 0 for never."""
        self._newest = newest
        self._events = events
        self._sent = {number for group in plan.groups for number in group.signals}
        self._said: dict[int, Change] = {}
        self._start_ms = NEVER_MS
        """When something was heard first since the last batch."""
        self._end_ms = NEVER_MS

    def take(self, frame: Frame) -> Iterator[Batch]:
        """The box says something; the batches that end before it or with it."""
        yield from self.until(frame.at_ms - 1)
        message = self._newest.by_key.get(frame[1:4])
        looked_at = None if message is None else self._newest.take(message, frame.at_ms, frame.data)
        if message is None or looked_at is None:
            return
        if self._start_ms == NEVER_MS:
            self._start_ms = frame.at_ms
            self._end_ms = first_multiple(self.every_ms, frame.at_ms + 1) if self.every_ms else NEVER_MS
        for number in self._sent.intersection(message.plan.signals):
            raw = self._newest.raw(number, frame.at_ms)
            if raw is not None:
                self._said[number] = Change(frame.at_ms, number, raw)
        if message.watched is not None:
            happened = self._events.take(message, frame.at_ms, new=looked_at is not NOTHING_NEW)
            yield from self._event([name for name, _ in happened], frame.at_ms)

    def until(self, now_ms: int) -> Iterator[Batch]:
        """It is `now_ms`, and all that came up to then was taken."""
        while (due_ms := min(self._events.due_ms, self._end_ms - 1)) <= now_ms:
            if self._events.due_ms == due_ms:
                yield from self._event([name for name, _ in self._events.reach(due_ms)], due_ms)
            else:
                yield self._ended(Reason.CADENCE, self._end_ms)

    def tell(self, name: str, at_ms: int) -> Iterator[Batch]:
        """As an event of that name would, which is how the box is; nothing but the name where it said nothing."""
        yield from self.until(at_ms - 1)
        yield from self._event([name], at_ms)

    def over(self, at_ms: int) -> Iterator[Batch]:
        """It ends at `at_ms`, when the vehicle wakes or the box goes off."""
        yield from self.until(at_ms - 1)
        if self._said and self.every_ms:
            yield self._ended(Reason.CADENCE, max(change.at_ms for change in self._said.values()) + 1)
        self._ended(Reason.CADENCE, at_ms)

    def _event(self, names: list[str], at_ms: int) -> Iterator[Batch]:
        if names:
            events = tuple(Event(at_ms, name) for name in dict.fromkeys(names))
            yield self._ended(Reason.EVENT, at_ms + 1, events)

    def _ended(self, reason: Reason, end_ms: int, events: tuple[Event, ...] = ()) -> Batch:
        changes = tuple(sorted(self._said.values(), key=lambda change: (change.at_ms, change.signal)))
        batch = Batch(reason, min(self._start_ms, end_ms - 1), end_ms, self.anchor, Ledger(), (), changes, events)
        self._said.clear()
        self._start_ms = self._end_ms = NEVER_MS
        return batch
