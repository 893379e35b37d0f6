"""Conditions: which hold, since when, and which held when an earlier frame came.

A condition reads the newest values, and these count by conditions of their own: where one begins or ceases to hold,
those that depend on it are looked at again. The compile step has refused circles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.plan.plan import Plan
from agent.sampling.newest_message import NewestMessage
from agent.sampling.times import NEVER_MS
from contract.evaluation import Value, holds

_MOST_VERSIONS = 4096


class Conditions:
    """`value` gives the newest value of a signal, by its name and the time."""

    def __init__(
        self, plan: Plan, messages: Sequence[NewestMessage], value: Callable[[str, int], Value | None]
    ) -> None:
        self.version = 0
        """Goes up whenever a condition begins or ceases to hold."""
        self.since_ms = [NEVER_MS] * len(plan.conditions)
        """Since when each holds; never while it does not."""
        self._value = value
        self._expressions = plan.conditions
        self._holds = [False] * len(plan.conditions)
        self._history: dict[int, tuple[bool, ...]] = {}
        """What held in recent versions."""
        needed = _needed(plan)
        self._order = _in_order(needed)
        by_name = {signal.name: signal.message for signal in plan.signals}
        self._sources = [
            tuple(messages[index] for index in {by_name[name] for name in expression.names})
            for expression in plan.conditions
        ]
        """The messages that each reads."""
        self._dependents = [
            tuple(each for each in self._order if index in needed[each]) for index in range(len(plan.conditions))
        ]
        self._now_ms = 0

    def forget(self) -> None:
        """None holds any more: the vehicle slept."""
        self._holds = [False] * len(self._holds)
        self.since_ms[:] = [NEVER_MS] * len(self.since_ms)
        self._begin_version()

    def held(self, version: int) -> Sequence[bool] | None:
        """Which conditions held in a version; None for one that is too long ago."""
        return self._history.get(version)

    def look_at(self, conditions: Iterable[int], now_ms: int) -> None:
        """Something that these read has come."""
        for condition in conditions:
            self._evaluate(condition, now_ms)

    def tick(self, now_ms: int) -> None:
        """No frame came. A condition over what has become stale is absent, so only those that hold can change."""
        for condition in self._order:
            if self._holds[condition] and any(message.stale(now_ms) for message in self._sources[condition]):
                self._evaluate(condition, now_ms)

    def _evaluate(self, condition: int, now_ms: int) -> None:
        self._now_ms = now_ms
        now = holds(self._expressions[condition](self._lookup))
        if now != self._holds[condition]:
            self._holds[condition] = now
            self.since_ms[condition] = now_ms if now else NEVER_MS
            self._begin_version()
            for dependent in self._dependents[condition]:
                self._evaluate(dependent, now_ms)

    def _begin_version(self) -> None:
        self.version += 1
        self._history[self.version] = tuple(self._holds)
        self._history.pop(self.version - _MOST_VERSIONS, None)

    def _lookup(self, name: str) -> Value | None:
        return self._value(name, self._now_ms)


def _needed(plan: Plan) -> list[set[int]]:
    """By condition, the conditions of the signals that it reads."""
    by_name = {signal.name: signal.conditions for signal in plan.signals if signal.conditions}
    return [{index for name in expression.names for index in by_name.get(name, ())} for expression in plan.conditions]


def _in_order(needed: Sequence[set[int]]) -> list[int]:
    """All conditions, each after those that it depends on."""
    order: list[int] = []

    def visit(condition: int) -> None:
        if condition not in order:
            for before in sorted(needed[condition]):
                visit(before)
            order.append(condition)

    for condition in range(len(needed)):
        visit(condition)
    return order
