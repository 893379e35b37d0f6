"""A watch list, compiled for a plan that runs already.

The data of a list are those of the profile, which the cloud knows too, and every signal that a datum is made of is in
the plan, because it is sent. Values become the published ones as they do in the cloud (`contract.conversion`), so a
limit is passed at the same value on both sides.

What cannot be watched is skipped and named: data that the profile does not map or that its signals cannot give,
positions (whether the vehicle is north of a place is where it is, whatever the privacy), and whatever is beyond
`MOST_WATCHES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from agent.plan.plan import Plan
from agent.plan.watches import PlannedWatch, Read
from contract import conversion
from contract.catalog import DATA
from contract.evaluation import Value
from contract.expressions import Expression
from contract.profile.data import Lamp, Mapping
from contract.watching import Condition

MOST_WATCHES = 512
_ALL = "*"


class Compiled(NamedTuple):
    watches: tuple[PlannedWatch, ...]
    skipped: tuple[str, ...]
    """The data that are not watched, each once."""


def compile_watches(plan: Plan, conditions: Iterable[Condition]) -> Compiled:
    compiler = _Compiler(plan)
    watches: list[PlannedWatch] = []
    skipped: dict[str, None] = {}
    for condition in conditions:
        for datum in dict.fromkeys(key for name in condition.data for key in compiler.matching(name)):
            watch = compiler.watch(condition, datum) if len(watches) < MOST_WATCHES else None
            if watch is None:
                skipped[datum] = None
            else:
                watches.append(watch)
    return Compiled(tuple(watches), tuple(skipped))


class _Compiler:
    def __init__(self, plan: Plan) -> None:
        profile = plan.profile
        self._positional = plan.privacy.positional
        self._signals = [signal for group in plan.manifest.groups for signal in group.signals]
        self._numbers = {signal.name: number for number, signal in enumerate(self._signals)}
        self._mapped: dict[str, Mapping | Lamp] = {**profile.data}
        self._mapped |= {f"alert.{alert}": lamp for alert, lamp in profile.alerts.items()}

    def matching(self, name: str) -> Iterator[str]:
        """The data that a name of a list stands for; itself where there are none."""
        if not name.endswith(_ALL):
            yield name
            return
        prefix = name.removesuffix(_ALL)
        found = [key for key in self._mapped if key.startswith(prefix)]
        yield from found or [name]

    def watch(self, condition: Condition, datum: str) -> PlannedWatch | None:
        mapping = self._mapped.get(datum)
        if mapping is None or not self._positional.isdisjoint(mapping.names):
            return None
        signals = {name: self._numbers[name] for name in mapping.names if name in self._numbers}
        if not signals or len(signals) < len(mapping.names):
            return None
        try:
            value = self._value(datum, mapping, signals)
        except conversion.AbsentError:
            return None
        return PlannedWatch(condition, datum, tuple(signals.values()), value)

    def _value(self, datum: str, mapping: Mapping | Lamp, signals: dict[str, int]) -> Callable[[Read], Value | None]:
        """Raises AbsentError."""
        if mapping.expression is None:
            (number,) = signals.values()
            return _of_signal(number, conversion.of_signal(DATA[datum], mapping, self._signals[number]))
        readings = {name: (number, conversion.reading(self._signals[number])) for name, number in signals.items()}
        return _of_expression(mapping.expression, readings, conversion.of_expression(DATA[datum], mapping))


def _of_signal(number: int, convert: conversion.Convert) -> Callable[[Read], Value | None]:
    def value(read: Read) -> Value | None:
        raw = read(number)
        return None if raw is None else convert(raw)

    return value


def _of_expression(
    expression: Expression, readings: dict[str, tuple[int, Callable[[int], Value]]], finish: conversion.Finish
) -> Callable[[Read], Value | None]:
    def value(read: Read) -> Value | None:
        def lookup(name: str) -> Value | None:
            number, reading = readings[name]
            raw = read(number)
            return None if raw is None else reading(raw)

        result = expression(lookup)
        return None if result is None else finish(result)

    return value
