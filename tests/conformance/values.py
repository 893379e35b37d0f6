"""What parameters are asked with: right values and wrong ones, of the published schema of each.

A value of a query parameter is a list: what is repeated is given as often. Enums, limits and lengths are read from the
specification; what only its prose says, and what a client may get wrong beyond that, is listed here by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Values = list[str]
Schema = dict[str, Any]

_REST: dict[str, tuple[list[Values], list[Values]]] = {
    "locale": ([["fr-FR"], ["en"]], [[""], ["x"], ["fr-FR", "en"]]),
    "indexRange": (
        [["0-"], ["0-0"], ["0-9"], ["5-"], ["1-1"], ["99999-"]],
        [[""], ["5"], ["-5"], ["9-5"], ["a-b"], ["0-1-2"], ["0-", "1-"]],
    ),
    "distance": ([["0-"], ["0.1-"], ["1-150"], ["0-0"]], [[""], ["5"], ["1.55-"], ["9-1"], ["a-"], ["-1-5"]]),
    "duration": ([["0-"], ["20-"], ["10-3600"], ["0-0"]], [[""], ["5"], ["1.5-"], ["9-1"], ["a-"]]),
    "tolerance": ([["0"], ["0.05"], ["5"]], [[""], ["-1"], ["x"], ["nan"], ["1e400"], ["0", "1"]]),
    "vinPrefix": ([["V"], ["VF3"], ["ZZZ"]], [[""], ["vf3"], ["V O"], ["V" * 18], ["V", "Z"]]),
}


class Extent(NamedTuple):
    """The times of what there is to ask for."""

    first: datetime
    last: datetime


def right(name: str, schema: Schema, extent: Extent) -> list[Values]:
    if name == "timestamps":
        return [*_times(extent)]
    if name in _REST:
        return _REST[name][0]
    if "enum" in schema:
        return [[value] for value in schema["enum"]]
    if "items" in schema:
        enum: list[str] = schema["items"]["enum"]
        return [*([value] for value in enum), enum, enum[:2]]
    return [[str(schema["minimum"])], [str(schema["minimum"] + 1)], [str(schema["maximum"])]]


def wrong(name: str, schema: Schema, extent: Extent) -> list[Values]:
    if name == "timestamps":
        return [*_wrong_times(extent)]
    if name in _REST:
        return _REST[name][1]
    if "enum" in schema:
        return [[""], ["none"], [schema["enum"][0].upper()], schema["enum"][:2]]
    if "items" in schema:
        enum = schema["items"]["enum"]
        found: list[Values] = [[""], ["none"], [enum[0], "none"], [",".join(enum[:2])]]
        return found + ([[enum[0]] * (schema["maxItems"] + 1)] if "maxItems" in schema else [])
    low, high = schema["minimum"], schema["maximum"]
    return [[""], [str(low - 1)], [str(high + 1)], ["1.5"], ["ten"], [str(low), str(high)]]


def _times(extent: Extent) -> Iterator[Values]:
    first, last = extent
    middle = first + (last - first) / 2
    yield [f"{_text(first)}/{_text(last)}"]
    yield [f"{_text(middle)}/PT30S"]
    yield [f"{_text(middle)}/"]
    yield [f"/{_text(middle)}"]
    yield [f"R3/{_text(first)}/PT1M/PT20S"]
    yield [f"R/{_text(first)}/P1D"]
    yield [f"R/{_text(first - timedelta(days=365))}/P1M/P1D"]
    yield [f"R5/{_text(first)}/P6H/P2H"]  # as published
    yield [f"{_text(first)}/PT1M", f"{_text(middle)}/PT1M"]
    yield [f"{_text(first + timedelta(seconds=10 * part))}/PT5S" for part in range(10)]
    yield [f"{_text(middle)}/{_text(middle)}"]
    yield [f"{middle.replace(tzinfo=None).isoformat()}+02:00/P1D"]
    yield [f"{_text(last + timedelta(days=9999))}/"]
    yield ["1970-01-01T00:00:00Z/P1D"]


def _wrong_times(extent: Extent) -> Iterator[Values]:
    first, last = map(_text, extent)
    yield [""]
    yield ["yesterday"]
    yield [first]
    yield ["/"]
    yield [f"{last}/{first}"]
    yield [f"{first[:-1]}/{last[:-1]}"]
    yield [f"{first}/P"]
    yield ["2024-02-30T00:00:00Z/P1D"]
    yield [f"R/{first}"]
    yield [f"R3/{first}/PT0S/PT0S"]
    yield [f"R2/{first}/-P1D"]
    yield [f"{first}/{last}"] * 11
    yield [f"{first}/{last}", "yesterday"]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
