"""What the cloud watches (`contract.watching`): which conditions begin to hold.

They are looked at whenever a frame with one of their signals comes. What is first heard of a datum begins nothing, nor
does what is the same after the vehicle slept; what is absent says nothing, and what was known goes on. Nothing here
reads a clock.

**Allowance.** Each condition has so many uploads an hour, of which a sixth may come at once, and so have all together:
whoever watches something that flutters drains no metered line. What is held back is counted, and goes with the next
regular upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agent.plan.watches import PlannedWatch
from agent.sampling.newest import Newest
from contract.evaluation import Value
from contract.watching import Condition, Operator

_HOUR_MS = 3_600_000
_AT_ONCE = 6
"""One part in so many of an hour's uploads may come at once."""


class Allowance(msgspec.Struct, frozen=True):
    an_hour: int
    """Uploads for each condition."""
    an_hour_in_all: int


class Watch:
    """One datum of one condition."""

    __slots__ = ("_armed", "_value", "plan")

    def __init__(self, plan: PlannedWatch) -> None:
        self.plan = plan
        self._value: Value | None = None
        self._armed: bool | None = None
        """Whether it may begin to hold; None: nothing was heard."""

    def look(self, value: Value | None) -> bool:
        """The datum has this value; whether the condition begins to hold by it."""
        if value is None:
            return False
        condition, before, armed = self.plan.condition, self._value, self._armed
        self._value = value
        if condition.operator is Operator.CHANGED:
            return before is not None and before != value
        if condition.holds(value):
            self._armed = False
            return armed is True
        self._armed = armed is None or armed or condition.cleared(value)
        return False


class Bucket:
    """So many an hour: unused ones gather up to a part of them."""

    def __init__(self, an_hour: int) -> None:
        self._an_hour = an_hour
        self._most = max(1.0, an_hour / _AT_ONCE)
        self._left = self._most
        self._at_ms = 0

    def has(self, at_ms: int) -> bool:
        """Whether there is one left. `at_ms` never goes back."""
        since_ms, self._at_ms = at_ms - self._at_ms, at_ms
        self._left = min(self._most, self._left + since_ms * self._an_hour / _HOUR_MS)
        return self._left >= 1

    def take(self) -> None:
        """One is used up."""
        self._left -= 1


class Watches:
    def __init__(self, newest: Newest) -> None:
        self.all: tuple[Watch, ...] = ()
        self.held_back = 0
        """How often a condition began to hold and there was no upload, because of the allowance."""
        self._newest = newest
        self._allowance: Allowance | None = None
        self._buckets: dict[Condition, Bucket] = {}
        self._in_all = Bucket(0)
        self._now_ms = 0

    def replace(self, watches: Sequence[PlannedWatch], allowance: Allowance, now_ms: int) -> None:
        """These are watched from now on. Those that were go on; of the others, what is so already begins nothing."""
        before = {(watch.plan.condition, watch.plan.datum): watch for watch in self.all}
        self.all = tuple(before.get((plan.condition, plan.datum)) or Watch(plan) for plan in watches)
        if allowance != self._allowance:
            self._allowance, self._buckets, self._in_all = allowance, {}, Bucket(allowance.an_hour_in_all)
        buckets, an_hour = self._buckets, allowance.an_hour
        self._buckets = {plan.condition: buckets.get(plan.condition) or Bucket(an_hour) for plan in watches}
        self._now_ms = now_ms
        for watch in self.all:
            if (watch.plan.condition, watch.plan.datum) not in before:
                watch.look(watch.plan.value(self._read))

    def look(self, watches: Iterable[Watch], at_ms: int) -> tuple[int, ...]:
        """A frame came of which these are made: the signals of those that begin to hold, as far as they may be told."""
        self._now_ms = at_ms
        begun = [watch for watch in watches if watch.look(watch.plan.value(self._read))]
        if not begun:
            return ()
        conditions = dict.fromkeys(watch.plan.condition for watch in begun)
        allowed = {condition for condition in conditions if self._buckets[condition].has(at_ms)}
        if allowed and self._in_all.has(at_ms):
            for bucket in (self._in_all, *(self._buckets[condition] for condition in allowed)):
                bucket.take()
        else:
            allowed.clear()
        self.held_back += len(conditions) - len(allowed)
        told = (number for watch in begun if watch.plan.condition in allowed for number in watch.plan.signals)
        return tuple(dict.fromkeys(told))

    def _read(self, number: int) -> int | None:
        return self._newest.peek(number, self._now_ms)
