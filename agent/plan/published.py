"""What a profile says about published data, held against the signals as they are in the databases.

The profile checks itself (`contract.profile`); only with the databases at hand can it be seen that a signal's unit
becomes the published one, and that the value names in tables, lamps and expressions exist. The bridge would leave such
data out, one by one and long after the car left; here they are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from contract.catalog import DATA, Datum, Kind
from contract.configuration import Keys, nearest
from contract.evaluation import Value
from contract.expressions import Expression
from contract.manifest import Signal
from contract.profile.data import Lamp, Mapping
from contract.profile.profile import Profile
from contract.units import UnitError, conversion

Find = Callable[[str], Signal | None]
"""A signal by its name; None for one that is not there, which is reported elsewhere."""


def mapping_problems(profile: Profile, find: Find) -> Iterator[tuple[Keys, str]]:
    for key, mapping in profile.data.items():
        yield from _datum_problems(DATA[key], mapping, ("data", key), find)
    for alert, lamp in profile.alerts.items():
        yield from _lamp_problems(lamp, ("alerts", alert), find)


def wrong_constant(signal: Signal, constant: Value) -> str | None:
    """Why a signal never has the value that an expression compares it with; None where it may."""
    choices = signal.choices
    if isinstance(constant, str):
        if constant in choices.values():
            return None
        known = nearest(constant, choices.values()) if choices else "; it has no value names, compare it with a number"
        return f"{signal.name} is never {constant!r}{known}"
    if not isinstance(constant, bool) and isinstance(constant, int) and constant in choices:
        return f"{signal.name} reads as {choices[constant]!r} where its raw value is {constant}: compare with the name"
    return None


def expression_problems(expression: Expression, keys: Keys, find: Find) -> Iterator[tuple[Keys, str]]:
    for name, constant in expression.constants:
        signal = find(name)
        wrong = None if signal is None else wrong_constant(signal, constant)
        if wrong is not None:
            yield keys, wrong


def _datum_problems(datum: Datum, mapping: Mapping, keys: Keys, find: Find) -> Iterator[tuple[Keys, str]]:
    if mapping.expression is not None:
        yield from expression_problems(mapping.expression, (*keys, "expression"), find)
        return
    signal = find(mapping.source or "")
    if signal is None:
        return
    if datum.kind in (Kind.ENUM, Kind.BOOLEAN):
        yield from _table_problems(datum, mapping, signal, keys)
        return
    try:
        conversion(signal.unit, datum.unit, of=signal.name)
    except UnitError as wrong:
        yield keys, str(wrong)


def _table_problems(datum: Datum, mapping: Mapping, signal: Signal, keys: Keys) -> Iterator[tuple[Keys, str]]:
    names = set(signal.choices.values())
    for key in mapping.values:
        if key not in names and not is_number(key):
            yield (*keys, "values", key), f"{signal.name} has no value {key!r}{nearest(key, names)}"
    if datum.kind is Kind.ENUM and not mapping.values and names.isdisjoint(datum.values):
        yield keys, f"no value name of {signal.name} is a published one of {datum.key}: give a table of values"


def _lamp_problems(lamp: Lamp, keys: Keys, find: Find) -> Iterator[tuple[Keys, str]]:
    if lamp.expression is not None:
        yield from expression_problems(lamp.expression, (*keys, "expression"), find)
        return
    signal = find(lamp.source or "")
    for state in lamp.states if signal is not None else ():
        wrong = None if signal is None else wrong_constant(signal, state)
        if wrong is not None:
            yield (*keys, "is"), wrong


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
