"""From raw integers to published values.

A converter takes the raw value of a column and gives the published one, or None for one that may not be published: not
in the table of values, outside the limits (`contract.limits`), or without a number where one is published.

Numbers are rounded to the precision of their signal, so that 676602 * 0.1 is 67660.2 and not 67660.200000000001: to
the decimals in which scale and offset are written, if these are not many more than the scale needs to tell two raw
values apart; to one decimal more than it needs otherwise (100/255, miles to kilometres); never to more than are
published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Table
from decimal import Decimal
from math import ceil, floor, isfinite, log10

from contract.catalog import Datum, Kind
from contract.evaluation import Value
from contract.limits import limits
from contract.manifest import Signal
from contract.profile.data import Lamp, Mapping
from contract.units import UnitError, conversion

Convert = Callable[[int], Value | None]
"""A raw value's published one; None: left out."""
Finish = Callable[[Value], Value | None]
"""The same for what an expression results in."""

_COMPUTED_DECIMALS = 3
_DEGREE_DECIMALS = 7
"""A centimetre on the ground."""
_MOST_DECIMALS = 15


class AbsentError(Exception):
    """A datum that the signals of a manifest cannot give; the text says why."""


def decimals(scale: float, offset: float) -> int:
    """The decimals that values `raw * scale + offset` are rounded to."""
    if scale == 0:
        return _written_decimals(offset)
    needed = max(0, ceil(-log10(abs(scale))))
    written = max(_written_decimals(scale), _written_decimals(offset))
    return min(_MOST_DECIMALS, written if written <= needed + 3 else needed + 1)


def reading(signal: Signal) -> Callable[[int], Value]:
    """How expressions and tables read a signal: the name of the value if it has one, else the physical value."""
    scale, offset, choices = signal.scale, signal.offset, signal.choices
    places = decimals(scale, offset)
    if scale == 1 and offset == 0:
        return lambda raw: choices.get(raw, raw)

    def read(raw: int) -> Value:
        name = choices.get(raw)
        return round(raw * scale + offset, places) if name is None else name

    return read


def text_of(value: Value) -> str:
    """How a value is written as the key of a table: its name, `true` or `false`, or the number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.12g}"


def of_signal(datum: Datum, mapping: Mapping | Lamp, signal: Signal) -> Convert:
    """A datum that the profile makes of one signal. Raises AbsentError."""
    if isinstance(mapping, Lamp):
        return lamp(signal, mapping.states)
    if datum.kind in (Kind.ENUM, Kind.BOOLEAN):
        return from_table(datum, signal, mapping.values)
    return number(datum, signal)


def of_expression(datum: Datum, mapping: Mapping | Lamp) -> Finish:
    """One that it makes by an expression."""
    return computed(datum, mapping.values if isinstance(mapping, Mapping) else {})


def number(datum: Datum, signal: Signal) -> Convert:
    """Physical values in the published unit. A value that has a name is not a number. Raises AbsentError when the
    signal's unit does not become the published one."""
    try:
        unit = conversion(signal.unit, datum.unit, of=signal.name)
    except UnitError as error:
        raise AbsentError(str(error)) from None
    scale, offset, named = signal.scale * unit.factor, unit(signal.offset), frozenset(signal.choices)
    low, high = limits(datum)
    places = _at_most(decimals(scale, offset), datum)
    is_whole = datum.kind is not Kind.NUMBER

    def convert(raw: int) -> Value | None:
        value = raw * scale + offset
        if raw in named or not isfinite(value):
            return None
        # + 0.0: there is no -0.0 in the published data.
        value = floor(value + 0.5) if is_whole else round(value, places) + 0.0
        return value if low <= value <= high else None

    return convert


def from_table(datum: Datum, signal: Signal, table: Table[str, str | bool]) -> Convert:
    """Published names and truth values by the name of the signal's; without a table the names are the published ones.
    Raises AbsentError when no value of the signal can be published."""
    read, finish = reading(signal), _name(datum, table)
    known = {raw: finish(name) for raw, name in signal.choices.items()}
    numbers = [key for key in table if key not in signal.choices.values()]
    if datum.kind is Kind.ENUM and not numbers and set(known.values()) <= {None}:
        raise AbsentError(f"no value name of {signal.name} is a published one: give a table of values")

    def convert(raw: int) -> Value | None:
        return known[raw] if raw in known else finish(read(raw))

    return convert


def lamp(signal: Signal, states: Sequence[str | int]) -> Convert:
    """Whether the signal has one of `states`: value names, or numbers."""
    read, on = reading(signal), frozenset(text_of(state) for state in states)
    raws = frozenset(state for state in states if isinstance(state, int))
    return lambda raw: raw in raws or text_of(read(raw)) in on


def computed(datum: Datum, table: Table[str, str | bool]) -> Finish:
    """What an expression results in, which is in the published unit already, or in a key of the table."""
    if datum.kind in (Kind.ENUM, Kind.BOOLEAN):
        return _name(datum, table)
    places = _at_most(_DEGREE_DECIMALS if datum.unit == "deg" else _COMPUTED_DECIMALS, datum)
    low, high = limits(datum)

    def finish(value: Value) -> Value | None:
        if isinstance(value, str | bool) or not isfinite(value):
            return None
        value = round(float(value), places) + 0.0 if datum.kind is Kind.NUMBER else floor(value + 0.5)
        return value if low <= value <= high else None

    return finish


def _at_most(places: int, datum: Datum) -> int:
    return places if datum.decimals is None else min(places, datum.decimals)


def _name(datum: Datum, table: Table[str, str | bool]) -> Finish:
    """A truth value may, without a table, be said as 0 or 1."""

    def finish(value: Value) -> Value | None:
        published = table.get(text_of(value)) if table else value
        if datum.kind is Kind.BOOLEAN and not table and value in (0, 1):
            published = bool(value)
        return published if datum.admits(published) else None

    return finish


def _written_decimals(value: float) -> int:
    exponent = Decimal(f"{value:.12g}").normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
