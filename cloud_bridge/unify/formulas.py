"""Data computed from several signals, or by a condition, at the instants at which they are known together.

An expression is evaluated at each instant at which one of its signals has a value. A signal of a regular grid is known
at its own instants only. An on-change signal says nothing while it stays the same, so it is known from the moment it is
said until it is said to be absent, within one upload: the next upload restates it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cloud_bridge.unify.columns import Columns
from cloud_bridge.unify.sample import Value
from contract.conversion import Finish, reading
from contract.expressions import Expression
from contract.upload import Upload

_MOST_REMEMBERED = 1024


class Formula(NamedTuple):
    """A datum made by an expression; `finish` makes its result what is published."""

    datum: str
    expression: Expression
    finish: Finish


class Formulas:
    """The formulas of one profile over the columns of one manifest."""

    def __init__(self, columns: Columns, formulas: Sequence[Formula]) -> None:
        self._columns = columns
        self._formulas = tuple(formulas)
        self._reading: dict[frozenset[str], tuple[Formula, ...]] = {}
        """The formulas that read any of some signals: the same are sampled together again and again."""
        names = sorted({name for formula in formulas for name in formula.expression.names})
        self._inputs = {
            (number := columns.number(name)): (name, reading(columns.signals[number]), columns.is_on_change[number])
            for name in names
        }

    def evaluate(self, upload: Upload) -> Iterator[tuple[int, str, Value | None]]:
        """(time, datum, value) in ascending time; None where a result may not be published."""
        if not self._inputs:
            return
        held: dict[str, Value] = {}
        for at_ms, raws in sorted(self._instants(upload).items()):
            sampled: dict[str, Value] = {}
            for number, raw in raws.items():
                name, read, is_on_change = self._inputs[number]
                if raw is not None:
                    sampled[name] = read(raw)
                    if is_on_change:
                        held[name] = sampled[name]
                elif is_on_change:
                    held.pop(name, None)
            known = (held | sampled).get
            for datum, expression, finish in self._that_read(frozenset(sampled)):
                result = expression(known)
                if result is not None:
                    yield at_ms, datum, finish(result)

    def _that_read(self, names: frozenset[str]) -> tuple[Formula, ...]:
        # Several threads may unify at once: what was found is returned, not looked up again.
        reading = self._reading.get(names)
        if reading is None:
            reading = tuple(formula for formula in self._formulas if not names.isdisjoint(formula.expression.names))
            if len(self._reading) >= _MOST_REMEMBERED:
                self._reading.clear()
            self._reading[names] = reading
        return reading

    def _instants(self, upload: Upload) -> dict[int, dict[int, int | None]]:
        """Raw values by time and signal; of the same instant the later change outweighs the earlier, both a grid."""
        instants: dict[int, dict[int, int | None]] = defaultdict(dict)
        for grid in upload.grids:
            interval_ms, numbers = self._columns.of(grid)
            for number, column in zip(numbers, grid.columns, strict=True):
                if number in self._inputs:
                    for row, raw in enumerate(column):
                        instants[grid.start_ms + row * interval_ms][number] = raw
        for change in upload.changes:
            if change.signal in self._inputs:
                instants[change.at_ms][change.signal] = change.raw
        return instants
