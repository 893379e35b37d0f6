"""[data] and [alerts]: how the published data come from signals."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from contract.alert_types import ALERT_TYPES
from contract.catalog import DATA, Datum, Kind
from contract.configuration import Keys, nearest
from contract.expressions import Expression


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a datum comes from signals: from one signal, converted from the database's unit, or by an expression whose
    result is already in the published unit."""

    source: str | None = msgspec.field(name="from", default=None)
    expression: Expression | None = None
    values: dict[str, str | bool] = {}
    """Published values by value name (or by the number as text where there is no name). A value that is not in a table
    that is not empty is not published."""

    @property
    def names(self) -> tuple[str, ...]:
        """The signals it is made of."""
        return _names(self.source, self.expression)


class Lamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an alert is on: a signal has one of some values, or a condition holds."""

    source: str | None = msgspec.field(name="from", default=None)
    states: tuple[str | int, ...] = msgspec.field(name="is", default=())
    expression: Expression | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return _names(self.source, self.expression)


def _names(source: str | None, expression: Expression | None) -> tuple[str, ...]:
    if expression is not None:
        return expression.names
    return () if source is None else (source,)


class Known(msgspec.Struct, frozen=True):
    """The signals of a profile, as [data] and [alerts] may use them."""

    sent: frozenset[str]
    listed: frozenset[str]
    """All that are under [signals], also those that only the vehicle reads."""


def _source_contradictions(
    known: Known, keys: Keys, source: str | None, expression: Expression | None
) -> Iterator[tuple[Keys, str]]:
    if (source is None) == (expression is None):
        yield keys, "needs either from or expression"
        return
    for name in _names(source, expression):
        if name in known.listed and name not in known.sent:
            yield keys, f"{name} has no class under [signals], so it is not sent"
        elif name not in known.sent:
            yield keys, f"{name} is not listed under [signals]{nearest(name, known.sent)}"


def mapping_contradictions(known: Known, key: str, mapping: Mapping) -> Iterator[tuple[Keys, str]]:
    keys = ("data", key)
    if key.startswith("alert."):
        yield keys, "alerts are mapped under [alerts]"
        return
    datum = DATA.get(key)
    if datum is None:
        published = [name for name in DATA if not name.startswith("alert.")]
        yield keys, f"there is no such datum{nearest(key, published)}"
        return
    yield from _source_contradictions(known, keys, mapping.source, mapping.expression)
    for name, value in mapping.values.items():
        wrong = wrong_value(datum, value)
        if wrong:
            yield (*keys, "values", name), wrong
    if mapping.expression is not None and mapping.expression.results is not None and not mapping.values:
        for result in mapping.expression.results:
            wrong = wrong_value(datum, result) if datum.kind in (Kind.ENUM, Kind.BOOLEAN) else None
            if wrong:
                yield (*keys, "expression"), wrong


def wrong_value(datum: Datum, value: object) -> str | None:
    if datum.kind not in (Kind.ENUM, Kind.BOOLEAN):
        return f"{datum.key} is a number: it takes no table of values"
    if datum.admits(value):
        return None
    if datum.kind is Kind.BOOLEAN:
        return f"{datum.key} is true or false, found {value!r}"
    return f"{value!r} is not a published value of {datum.key}{nearest(str(value), datum.values)}"


def lamp_contradictions(known: Known, alert: str, lamp: Lamp) -> Iterator[tuple[Keys, str]]:
    keys = ("alerts", alert)
    if alert not in ALERT_TYPES:
        yield keys, f"there is no such alert type{nearest(alert, ALERT_TYPES)}"
    yield from _source_contradictions(known, keys, lamp.source, lamp.expression)
    if (lamp.source is not None) != bool(lamp.states):
        yield keys, "from and is belong together: the signal, and the values at which the alert is on"
