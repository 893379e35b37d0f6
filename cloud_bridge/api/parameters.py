"""Query parameters: declared once, and from that declaration parsed, explained when wrong, and described in the OpenAPI
document.

A parameter that a resource does not declare is ignored: clients may append their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, Literal, NamedTuple, TypeVar, cast
from urllib.parse import parse_qsl

from cloud_bridge.actions import life
from cloud_bridge.api.errors import Code, InvalidError, RefusedError
from cloud_bridge.api.timestamps import GRAMMAR, MAXIMUM_RANGES, TimeRange
from cloud_bridge.api.timestamps import parse as parse_range

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")

_SHORT = 128

Pairs = Sequence[tuple[str, str]]
"""Names and values of a query string, decoded, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Generic[T_co]):
    """A query parameter whose values `parse` turns into one of its type, raising InvalidError."""

    name: str
    parse: Callable[[Sequence[str]], T_co]
    default: T_co
    schema: Mapping[str, object] = field(repr=False)
    description: str = ""


class Query:
    """The parsed parameters of a request."""

    __slots__ = ("_values",)

    def __init__(self, parameters: Iterable[Parameter[object]], pairs: Pairs) -> None:
        """Raises RefusedError, which says what parameter, what was found and what is expected."""
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            given.setdefault(name, []).append(value)
        self._values: dict[str, object] = {}
        for parameter in parameters if given else ():
            values = given.get(parameter.name)
            if values is not None:
                try:
                    self._values[parameter.name] = parameter.parse(values)
                except InvalidError as invalid:
                    raise wrong(parameter.name, invalid) from None

    def __getitem__(self, parameter: Parameter[T]) -> T:
        return cast("T", self._values.get(parameter.name, parameter.default))

    def __contains__(self, parameter: Parameter[T]) -> bool:
        return parameter.name in self._values


def wrong(name: str, invalid: InvalidError) -> RefusedError:
    return RefusedError(Code.PARAMETER, f"Query parameter '{name}': {invalid}.")


def pairs_of(query_string: bytes) -> Pairs:
    # The short ones are mostly the same again: nothing but a client's id.
    return _short_pairs(query_string) if len(query_string) <= _SHORT else _pairs(query_string)


def _pairs(query_string: bytes) -> Pairs:
    return tuple(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))


_short_pairs = lru_cache(maxsize=1024)(_pairs)


def single(parse: Callable[[str], T]) -> Callable[[Sequence[str]], T]:
    """The parser of a parameter that may be given once."""

    def parse_values(values: Sequence[str]) -> T:
        if len(values) > 1:
            raise InvalidError(f"{len(values)} values", "one value")
        return parse(values[0])

    return parse_values


def several(parse: Callable[[str], U], maximum: int) -> Callable[[Sequence[str]], tuple[U, ...]]:
    """The parser of a parameter that is repeated, once for each of its 1 to `maximum` values."""

    def parse_values(values: Sequence[str]) -> tuple[U, ...]:
        if len(values) > maximum:
            raise InvalidError(f"{len(values)} values", f"1 to {maximum} values")
        return tuple(parse(value) for value in values)

    return parse_values


def choice(allowed: Sequence[str]) -> Callable[[str], str]:
    known = frozenset(allowed)

    def parse_value(text: str) -> str:
        if text not in known:
            raise InvalidError(text, f"one of {', '.join(allowed)}")
        return text

    return parse_value


def choices(name: str, allowed: Sequence[str], maximum: int, description: str) -> Parameter[tuple[str, ...]]:
    """A repeated parameter of enumerated values."""
    schema = {"type": "array", "minItems": 1, "maxItems": maximum, "items": {"type": "string", "enum": list(allowed)}}
    return Parameter(name, several(choice(allowed), maximum), (), schema, description)


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def parse_value(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise InvalidError(text, f"a whole number from {lowest} to {highest}")
        return int(text)

    return parse_value


def page_size(maximum: int) -> Parameter[int]:
    schema = {"type": "integer", "minimum": 1, "maximum": maximum, "default": 60}
    return Parameter("pageSize", single(_whole(1, maximum)), 60, schema, "The most results on a page.")


class Bounds(NamedTuple):
    """Both included; None: no upper bound."""

    lowest: float
    highest: float | None

    def hold(self, value: float | None) -> bool:
        """Whether a value lies inside; one that is not known only where everything does."""
        if value is None:
            return self.lowest == 0 and self.highest is None
        return self.lowest <= value and (self.highest is None or value <= self.highest)


class Indexes(NamedTuple):
    """Zero-based, both included; None: to the end."""

    first: int
    last: int | None


def _bounds(pattern: str, expected: str) -> Callable[[str], tuple[str, str]]:
    compiled = re.compile(f"({pattern})-({pattern})?")

    def parse_value(text: str) -> tuple[str, str]:
        found = compiled.fullmatch(text)
        if found is None:
            raise InvalidError(text, expected)
        if found[2] and float(found[2]) < float(found[1]):
            raise InvalidError(text, f"{expected}, the second not below the first")
        return found[1], found[2] or ""

    return parse_value


def _range_parameter(name: str, pattern: str, expected: str, description: str) -> Parameter[Bounds]:
    bounds = _bounds(pattern, expected)

    def parse_value(text: str) -> Bounds:
        lowest, highest = bounds(text)
        return Bounds(float(lowest), float(highest) if highest else None)

    schema = {"type": "string", "pattern": rf"^{pattern}-({pattern})?$", "default": "0-"}
    return Parameter(name, single(parse_value), Bounds(0, None), schema, description)


def _index_range(text: str) -> Indexes:
    first, last = _bounds("[0-9]{1,15}", "two indexes such as 0-9, or one with an open end such as 5-")(text)
    return Indexes(int(first), int(last) if last else None)


def _time_range(text: str) -> TimeRange:
    return parse_range(text)


def _tolerance(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text) is None or not math.isfinite(float(text)):
        raise InvalidError(text, "a distance in km such as 0.05")
    return float(text)


def _locale(text: str) -> str:
    # It stands in the links of pages, so it must not be of any length.
    if re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}", text) is None:
        raise InvalidError(text, "a language tag such as fr-FR")
    return text


def _vin_prefix(text: str) -> str:
    if re.fullmatch(r"[A-HJ-NPR-Z0-9]{1,17}", text) is None:
        raise InvalidError(text, "1 to 17 characters of a VIN: digits, and capital letters but I, O and Q")
    return text


Profile = Literal["fleet", "endUser"]

PROFILE = Parameter(
    "profile",
    single(choice(("fleet", "endUser"))),
    "fleet",
    {"type": "string", "enum": ["fleet", "endUser"], "default": "fleet"},
    "`endUser` shows only what the vehicle's privacy lets its user share.",
)
TIMESTAMPS: Parameter[tuple[TimeRange, ...]] = Parameter(
    "timestamps",
    several(_time_range, MAXIMUM_RANGES),
    (),
    {"type": "array", "minItems": 1, "maxItems": MAXIMUM_RANGES, "items": {"type": "string", "pattern": r"\w?/\w?"}},
    f"The union of ranges of time, each {GRAMMAR}. Both ends are included.",
)
INDEX_RANGE = Parameter(
    "indexRange",
    single(_index_range),
    Indexes(0, None),
    {"type": "string", "pattern": "^[0-9]+-[0-9]*$", "default": "0-"},
    "Only the results with these indexes, zero-based and inclusive: `0-9` is the first ten.",
)
PAGE_SIZE = page_size(60)
PAGE_SIZE_HIGH_FREQUENCY = page_size(2000)
PAGE_TOKEN = Parameter(
    "pageToken",
    single(str),
    "",
    {"type": "string"},
    "Names a page, with everything that was asked for it: built and read by the server only.",
)
LOCALE = Parameter("locale", single(_locale), "", {"type": "string"}, "Language of texts, such as `fr-FR`.")
VIN_PREFIX = Parameter("vinPrefix", single(_vin_prefix), "", {"type": "string"}, "Only VINs that begin so.")
TOLERANCE = Parameter(
    "tolerance",
    single(_tolerance),
    0.0,
    {"type": "number", "format": "float", "minimum": 0},
    "Simplifies the path (Douglas-Peucker): no point that is left out lies farther from it, in km.",
)
DISTANCE = _range_parameter(
    "distance",
    r"[0-9]{1,9}(?:\.[0-9])?",
    "a range of km such as 1-150 or 0.1-, with at most one decimal",
    "Only trips of such a distance, km.",
)
DURATION = _range_parameter(
    "duration",
    "[0-9]{1,9}",
    "a range of seconds such as 10-3600 or 20-",
    "Only trips of such a duration, s.",
)
STATES = choices(
    "states",
    ("Nominal", "Unstarted", "DataLacking", "Unfinished"),
    4,
    "Only trips with one of these states; a trip without faults is `Nominal`.",
)
TELEMETRY_TYPES = (
    "environment",
    "privacy",
    "vehicle",
    "vehicle.adas",
    "vehicle.battery",
    "vehicle.doorsState",
    "vehicle.energies",
    "vehicle.engines",
    "vehicle.ignition",
    "vehicle.lighting",
    "vehicle.lightingSystem",
    "vehicle.safety",
    "vehicle.transmission",
    "vehicle.drivingBehavior",
    "vehicle.alarm.status",
    "vehicle.alarm.trigger",
    "vehicle.wipingBlades",
)
TYPE = choices("type", TELEMETRY_TYPES, 17, "Only data of these kinds. Default: all.")
ALARM_TYPE = choices(
    "type", ("vehicle.alarm.status", "vehicle.alarm.trigger"), 2, "Only alarms of these kinds. Default: all."
)
TELEMETRY_EXTENSION = choices("extension", ("location", "maintenance"), 2, "What to add to each message.")
VEHICLE_EXTENSION = choices(
    "extension", ("onboardCapabilities", "branding", "pictures"), 3, "What to add to the vehicle."
)
VEHICLES_EXTENSION = choices("extension", ("branding", "pictures"), 2, "What to add to each vehicle.")
REMOTE_TYPES = choices("types", life.REMOTE_TYPES, len(life.REMOTE_TYPES), "Only callbacks of one of these types.")
