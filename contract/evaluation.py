"""What expressions are made of: constants and operations, each a function of the newest values of signals.

**Absent stays absent**: a signal that has no valid value, a division by zero, or a comparison of a text with a number
makes the result absent (None) and never a guess; only `and` and `or` may be decided by one side alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Value = bool | int | float | str
Lookup = Callable[[str], Value | None]
"""The newest value of a signal by its name; None when it is absent. `dict.get` is one."""
Evaluate = Callable[[Lookup], Value | None]


def holds(value: Value | None) -> bool:
    """Whether a condition that has this value holds: what is absent does not, and a text never does."""
    return bool(value) and not isinstance(value, str)


def constant(value: Value) -> Evaluate:
    return lambda _: value


def _truth(value: Value | None) -> bool | None:
    """A condition is a truth value or a number (0 is false); a text is neither, hence absent."""
    return None if value is None or isinstance(value, str) else bool(value)


def negation(operand: Evaluate) -> Evaluate:
    def evaluate(lookup: Lookup) -> Value | None:
        truth = _truth(operand(lookup))
        return None if truth is None else not truth

    return evaluate


def minus(operand: Evaluate) -> Evaluate:
    def evaluate(lookup: Lookup) -> Value | None:
        value = operand(lookup)
        return None if value is None or isinstance(value, str) else -value

    return evaluate


def arithmetic(combine: Callable[[float, float], float], left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(lookup: Lookup) -> Value | None:
        a, b = left(lookup), right(lookup)
        if a is None or b is None or isinstance(a, str) or isinstance(b, str):
            return None
        try:
            result = combine(a, b)
        except (ZeroDivisionError, OverflowError):
            return None
        return result if math.isfinite(result) else None

    return evaluate


def junction(operands: list[Evaluate], *, decisive: bool) -> Evaluate:
    """`or` (decisive: true) and `and` (decisive: false): one decisive side decides, else any absent side is absent."""

    def evaluate(lookup: Lookup) -> Value | None:
        absent = False
        for operand in operands:
            truth = _truth(operand(lookup))
            if truth is decisive:
                return decisive
            absent = absent or truth is None
        return None if absent else not decisive

    return evaluate


def choice(test: Evaluate, body: Evaluate, orelse: Evaluate) -> Evaluate:
    def evaluate(lookup: Lookup) -> Value | None:
        truth = _truth(test(lookup))
        if truth is None:
            return None
        return body(lookup) if truth else orelse(lookup)

    return evaluate


def equality(left: Evaluate, right: Evaluate, *, wanted: bool) -> Evaluate:
    def evaluate(lookup: Lookup) -> Value | None:
        a, b = left(lookup), right(lookup)
        if a is None or b is None or isinstance(a, str) is not isinstance(b, str):
            return None
        return (a == b) is wanted

    return evaluate


def order(compare: Callable[[float, float], bool], left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(lookup: Lookup) -> Value | None:
        a, b = left(lookup), right(lookup)
        if a is None or b is None or isinstance(a, str) or isinstance(b, str):
            return None
        return compare(a, b)

    return evaluate


def membership(operand: Evaluate, choices: frozenset[Value], *, wanted: bool) -> Evaluate:
    texts = {isinstance(choice, str) for choice in choices}

    def evaluate(lookup: Lookup) -> Value | None:
        value = operand(lookup)
        if value is None or isinstance(value, str) not in texts:
            return None
        return (value in choices) is wanted

    return evaluate
