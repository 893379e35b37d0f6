"""Triggers: when the truth of a condition is an event. A function of what is said to it: it reads no clock.

**An edge** is the moment at which it begins to be so (`rise`, `fall` for the contrary, `change` for another value).
What is absent is neither: it makes no edge and prepares none, but it interrupts what must last.

**Hysteresis.** After an event on an edge, none follows before what clears it has held. **Limits** are those of the
event's name, whichever of its conditions it was. Edges that are held back by either are counted.
"""

from __future__ import annotations

from collections import deque

from agent.plan.events import PlannedEvent
from agent.sampling.times import NEVER_MS
from contract.evaluation import Value
from contract.windows import Look

_HOUR_MS = 3_600_000


class Limit:
    """How often an event of one name may be."""

    def __init__(self, not_again_ms: int, most_an_hour: int) -> None:
        self._not_again_ms = not_again_ms
        self._most_an_hour = most_an_hour
        self._times_ms: deque[int] = deque(maxlen=most_an_hour)

    def allows(self, at_ms: int) -> bool:
        """Whether it may be at `at_ms`; if so, it is taken to be. Several at one instant are one."""
        times = self._times_ms
        if times:
            if times[-1] == at_ms:
                return True
            if at_ms - times[-1] < self._not_again_ms:
                return False
            if len(times) == self._most_an_hour and at_ms - times[0] < _HOUR_MS:
                return False
        times.append(at_ms)
        return True


class Trigger:
    """One condition's. `due_ms` is when what has to last will have lasted."""

    def __init__(self, event: PlannedEvent, limit: Limit) -> None:
        self.event = event
        self.held_back = 0
        """Edges that were no event, by hysteresis or limits."""
        self._limit = limit
        self._momentary = any(window.look is Look.CHANGED for window in event.windows)
        self.forget()

    def forget(self) -> None:
        """Nothing is known any more: the vehicle slept. Limits stay."""
        self.due_ms = NEVER_MS
        self._armed = self.event.on != "fall"
        self._holds = False
        self._was_not = False
        self._value: Value | None = self.event.unheard
        self._pending: Value | None = None

    def look(self, value: Value | None, clear: Value | None, at_ms: int) -> bool:
        """What it is at `at_ms`, and what clears it (asked only where the profile says what does); whether that is the
        event."""
        return self._changed(value, at_ms) if self.event.on == "change" else self._edge(value, clear, at_ms)

    def lasted(self, value: Value | None, at_ms: int) -> bool:
        """It is `due_ms`: whether what has lasted is still so, and hence the event."""
        self.due_ms = NEVER_MS
        if self.event.on == "change":
            if value is None or value != self._pending:
                return False
            self._value = value
            return self._happens(at_ms)
        self._holds = self._truth(value) is True
        return self._holds and self._happens(at_ms)

    def _edge(self, value: Value | None, clear: Value | None, at_ms: int) -> bool:
        truth = self._truth(value)
        if (truth is False) if self.event.clear is None else (_true(clear) is True):
            self._armed = True
        if truth is not True:
            self._holds = False
            self._was_not = self._was_not or truth is False
            self.due_ms = NEVER_MS
            return False
        begins, self._holds = not self._holds, not self._momentary
        if not begins:
            return False
        was_not, self._was_not = self._was_not, False
        if not self._armed:
            self.held_back += was_not
            return False
        if self.event.lasting_ms:
            self.due_ms = at_ms + self.event.lasting_ms
            return False
        happens = self._happens(at_ms)
        self._armed = self._momentary and self.event.clear is None
        return happens

    def _changed(self, value: Value | None, at_ms: int) -> bool:
        if value is None or value == self._value or self._value is None:
            if value is not None:
                self._value = value
            self._pending, self.due_ms = None, NEVER_MS
            return False
        if not self.event.lasting_ms:
            self._value = value
            return self._happens(at_ms)
        if value != self._pending:
            self._pending, self.due_ms = value, at_ms + self.event.lasting_ms
        return False

    def _happens(self, at_ms: int) -> bool:
        self._armed = False
        if self._limit.allows(at_ms):
            return True
        self.held_back += 1
        return False

    def _truth(self, value: Value | None) -> bool | None:
        truth = _true(value)
        return truth if truth is None or self.event.on != "fall" else not truth


def _true(value: Value | None) -> bool | None:
    return None if value is None or isinstance(value, str) else bool(value)
