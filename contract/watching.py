"""Watch lists: what a vehicle is to say at once when it happens, because somebody in the cloud waits for it.

A list is a *desired state*: all that is to be watched, and nothing else from then on. One with a greater number takes
the place of one with a lesser; an empty one ends all watching. It travels as the body of a signed command
(`contract.command`), and comes again whenever the vehicle connects.

    list                                        report
    1  version      1                           1  version      1
    2  number       milliseconds since 1970     2  number       of the list that is watched; 0: none ever was
    3  conditions   [condition, …]              3  digest       8 bytes: of that list (`wire.digest`), or zeros
                                                4  skipped      ? [datum, …]: what the vehicle cannot watch
    condition
    1  operator     0 changed, 1 above, 2 below, 3 at most, 4 at least, 5 among, 6 not among
    2  data         [datum, …]
    3  values       ? 1 to 4: one number; 5 and 6: names, numbers, 1 and 0 for true and false
    4  hysteresis   ? 1 to 4: a number above 0

in canonical CBOR (`contract.wire`; schema in upload.cddl), a list at most 4 KiB, a report at most 8 KiB.

Data are those of the catalogue, in the published units; `alert.*` is all that begin with `alert.`. Each of the data of
a condition is watched by itself. What is watched is the moment at which a condition *begins* to hold: what is first
heard is none. After that moment none follows until the condition has ceased to hold, a number by more than
`hysteresis`.

The list says what to send sooner and decides nothing else: whoever evaluates a monitor does it in the cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import msgspec

from contract import wire
from contract.anchor import MAXIMUM_UTC_MS
from contract.evaluation import Value
from contract.wire import DIGEST_BYTES, Item, Refusal, WireError

VERSIONS = (1,)
MAXIMUM_LIST_BYTES = 4096
MAXIMUM_REPORT_BYTES = 8192
MAXIMUM_CONDITIONS = 64
MAXIMUM_DATA = 128
"""Of one condition, and as many values."""
MAXIMUM_SKIPPED = 64
NOTHING = bytes(DIGEST_BYTES)
_DEPTH = 4
_LONGEST_NAME = 64
_LIST = frozenset((1, 2, 3))
_CONDITION = frozenset((1, 2))
_REPORT = frozenset((1, 2, 3))


class Operator(IntEnum):
    CHANGED = 0
    ABOVE = 1
    BELOW = 2
    AT_MOST = 3
    AT_LEAST = 4
    AMONG = 5
    NOT_AMONG = 6

    @property
    def opposite(self) -> Operator:
        """What begins to hold when this ceases to. A change is the beginning and the end of itself."""
        return _OPPOSITES.get(self, self)


_OPPOSITES = {
    one: other
    for pair in (
        (Operator.ABOVE, Operator.AT_MOST),
        (Operator.BELOW, Operator.AT_LEAST),
        (Operator.AMONG, Operator.NOT_AMONG),
    )
    for one, other in (pair, pair[::-1])
}
_COMPARE: dict[Operator, Callable[[float, float], bool]] = {
    Operator.ABOVE: lambda value, limit: value > limit,
    Operator.BELOW: lambda value, limit: value < limit,
    Operator.AT_MOST: lambda value, limit: value <= limit,
    Operator.AT_LEAST: lambda value, limit: value >= limit,
}
_UPWARDS = (Operator.ABOVE, Operator.AT_LEAST)


class Condition(msgspec.Struct, frozen=True):
    operator: Operator
    data: tuple[str, ...]
    values: tuple[float | str, ...] = ()
    hysteresis: float = 0
    """By how much a number must be beyond the limit before it counts as back; 0 where no numbers are compared."""

    def holds(self, value: Value) -> bool:
        """Whether it holds of this value. A change is not of a value alone: it never does."""
        return self._beyond(value, 0)

    def cleared(self, value: Value) -> bool:
        """Whether it has ceased to hold, so that it may begin anew."""
        return not self._beyond(value, self.hysteresis)

    def _beyond(self, value: Value, by: float) -> bool:
        if self.operator is Operator.CHANGED:
            return False
        if self.operator in (Operator.AMONG, Operator.NOT_AMONG):
            return (value in self.values) is (self.operator is Operator.AMONG)
        limit = self.values[0]
        if isinstance(value, str) or isinstance(limit, str):
            return False
        return _COMPARE[self.operator](value + by if self.operator in _UPWARDS else value - by, limit)


class WatchList(msgspec.Struct, frozen=True):
    number: int
    conditions: tuple[Condition, ...] = ()


class WatchReport(msgspec.Struct, frozen=True):
    """What a vehicle says of the list that it has."""

    number: int = 0
    digest: bytes = NOTHING
    skipped: tuple[str, ...] = ()


def encode_list(watched: WatchList) -> bytes:
    """Raises `WireError` for a list that `decode_list` would refuse, a larger one among them."""
    item: dict[int, Item] = {1: VERSIONS[-1], 2: watched.number, 3: [condition_item(one) for one in watched.conditions]}
    _list(item)
    payload = wire.write(item)
    if len(payload) > MAXIMUM_LIST_BYTES:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, at most {MAXIMUM_LIST_BYTES} are allowed")
    return payload


def decode_list(payload: bytes) -> WatchList:
    """Raises `WireError`."""
    return _list(wire.read(payload, MAXIMUM_LIST_BYTES, _DEPTH))


def encode_report(report: WatchReport) -> bytes:
    """Raises `WireError` for a report that `decode_report` would refuse."""
    item: dict[int, Item] = {1: VERSIONS[-1], 2: report.number, 3: report.digest}
    if report.skipped:
        item[4] = list(report.skipped)
    _report(item)
    return wire.write(item)


def decode_report(payload: bytes) -> WatchReport:
    """Raises `WireError`."""
    return _report(wire.read(payload, MAXIMUM_REPORT_BYTES, _DEPTH))


def condition_item(condition: Condition) -> dict[int, Item]:
    """As it stands in a list: the same for the same condition."""
    item: dict[int, Item] = {1: int(condition.operator), 2: list(condition.data)}
    if condition.values:
        item[3] = [one if isinstance(one, str) else _shortest(one) for one in condition.values]
    if condition.hysteresis:
        item[4] = _shortest(condition.hysteresis)
    return item


def _shortest(number: float) -> int | float:
    """Whole numbers are integers, and so are truth values."""
    return int(number) if abs(number) < 1 << 53 and number == int(number) else number


def _list(item: Item) -> WatchList:
    wire.version(item, VERSIONS, "watch list")
    fields = wire.entries(item, _LIST, _LIST, "watch list")
    conditions = wire.array(fields[3], 0, MAXIMUM_CONDITIONS, "conditions")
    number = wire.integer(fields[2], 1, MAXIMUM_UTC_MS, "number")
    return WatchList(number, tuple(_condition(one) for one in conditions))


def _condition(item: Item) -> Condition:
    fields = wire.entries(item, _CONDITION, _CONDITION | {3, 4}, "condition")
    condition = Condition(
        Operator(wire.integer(fields[1], 0, max(Operator), "operator")),
        tuple(_name(one, "datum") for one in wire.array(fields[2], 1, MAXIMUM_DATA, "data")),
        tuple(_value(one) for one in wire.array(fields[3], 1, MAXIMUM_DATA, "values")) if 3 in fields else (),
        wire.number(fields[4], "hysteresis") if 4 in fields else 0,
    )
    operator, values = condition.operator, condition.values
    compares = operator in _COMPARE
    if bool(values) is (operator is Operator.CHANGED) or (compares and len(values) > 1):
        raise WireError(Refusal.WRONG_TYPE, f"values: {len(values)} of them with {operator.name}")
    if compares and isinstance(values[0], str):
        raise WireError(Refusal.WRONG_TYPE, f"values: {operator.name} needs a number")
    if 4 in fields and not (compares and condition.hysteresis > 0):
        raise WireError(Refusal.OUT_OF_RANGE, f"hysteresis: {condition.hysteresis:g} with {operator.name}")
    return condition


def _report(item: Item) -> WatchReport:
    wire.version(item, VERSIONS, "watch report")
    fields = wire.entries(item, _REPORT, _REPORT | {4}, "watch report")
    skipped = wire.array(fields[4], 1, MAXIMUM_SKIPPED, "skipped") if 4 in fields else []
    return WatchReport(
        wire.integer(fields[2], 0, MAXIMUM_UTC_MS, "number"),
        wire.octets(fields[3], "digest", DIGEST_BYTES),
        tuple(_name(one, "skipped") for one in skipped),
    )


def _name(item: Item, what: str) -> str:
    name = wire.text(item, _LONGEST_NAME, what)
    if not name:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: an empty name")
    return name


def _value(item: Item) -> float | str:
    return _name(item, "value") if isinstance(item, str) else wire.number(item, "value")
