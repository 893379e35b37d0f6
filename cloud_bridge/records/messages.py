"""Messages: all that a vehicle said of one instant, dated.

Samples of one instant become one message; `position.*` among them become its position, which needs longitude and
latitude. Altitude is left out of a 2D fix, where receivers keep repeating an old one; when the kind of fix is not known
it stays.

A message lists its data in the order of their keys. Uploads may speak of the same instant twice (two boots of the agent
on one clock, a datum from two groups), so messages are merged. Merging is commutative, associative and idempotent: of
two different values for one datum the greater in a fixed order of encoded values stays, whoever came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Literal

import msgspec

from cloud_bridge.records.model import Message, Origin, Position, Value
from cloud_bridge.records.timeline import Timeline
from cloud_bridge.unify.sample import Sample
from contract.catalog import DATA

NO_BREAK_IN = "NoBreakIn"
"""What a vehicle says of its alarm while it is at rest."""

_POSITION = "position."
_FIX: dict[Value, Literal["2D", "3D"]] = {"2D": "2D", "3D": "3D"}


def data_of(message: Message) -> tuple[str, ...]:
    """The data that telemetry has of a message, in order. That there is no break-in is none: it has no start, and so is
    not published."""
    shown = (key for key, value in message.values.items() if value != NO_BREAK_IN and _kind(key) is not None)
    return tuple(sorted(shown))


def kinds_of(message: Message) -> tuple[str, ...]:
    """Their telemetry kinds, in order."""
    return tuple(sorted({str(_kind(key)) for key in data_of(message)}))


def data_of_kinds(data: frozenset[str], kinds: frozenset[str]) -> frozenset[str]:
    """Those of `data` that are of one of the telemetry kinds."""
    return frozenset(key for key in data if _kind(key) in kinds)


def messages(samples: Iterable[Sample], timeline: Timeline, kernel: bytes | None = None) -> list[Message]:
    """One message per instant, in ascending time, from samples in ascending time (as `Unifier.unify` gives them) on the
    clock of one kernel boot, which `kernel` names."""
    made: list[Message] = []
    for at_ms, instant in groupby(samples, key=attrgetter("at_ms")):
        utc_ms = timeline.utc_ms(at_ms)
        values: dict[str, Value] = {}
        fix: dict[str, Value] = {}
        for _, datum, value in instant:
            if datum.startswith(_POSITION):
                fix[datum[len(_POSITION) :]] = value
            else:
                values[datum] = value
        where = _position(utc_ms, fix) if fix else None
        origin = None if kernel is None else Origin(kernel, at_ms)
        if made and made[-1].at_ms == utc_ms:
            # A clock that ran fast: two of its milliseconds are one. The later outweighs the earlier.
            earlier = made.pop()
            values, where = dict(sorted((earlier.values | values).items())), where or earlier.position
            origin = earlier.origin
        if values or where is not None:
            made.append(Message(utc_ms, values, where, origin))
    return made


def _position(utc_ms: int, fix: dict[str, Value]) -> Position | None:
    longitude, latitude = fix.get("longitude"), fix.get("latitude")
    if longitude is None or latitude is None:
        return None
    estimated = fix.get("type") == "Estimated"
    kind = None if estimated else _FIX.get(fix.get("fix", ""))
    altitude, heading, satellites = fix.get("altitude"), fix.get("heading"), fix.get("satellites")
    return Position(
        utc_ms,
        float(longitude),
        float(latitude),
        float(altitude) if altitude is not None and kind != "2D" else None,
        round(float(heading)) if heading is not None else None,
        int(satellites) if satellites is not None else None,
        kind,
        estimated,
    )


def merge(*parts: Sequence[Message]) -> list[Message]:
    """All messages of `parts`, one per instant, in ascending time. Any order of the parts gives the same."""
    at: dict[int, Message] = {}
    for part in parts:
        for message in part:
            known = at.get(message.at_ms)
            at[message.at_ms] = message if known is None else _merged(known, message)
    return [at[at_ms] for at_ms in sorted(at)]


def _merged(one: Message, other: Message) -> Message:
    values = dict(one.values)
    for datum, value in other.values.items():
        known = values.get(datum)
        values[datum] = value if known is None else max(known, value, key=_rank)
    places = [place for place in (one.position, other.position) if place is not None]
    origins = [origin for origin in (one.origin, other.origin) if origin is not None]
    return Message(
        one.at_ms, dict(sorted(values.items())), max(places, key=_rank, default=None), min(origins, default=None)
    )


def _rank(value: Value | Position) -> bytes:
    """A total order over values of any type: equal only when the same is written."""
    return msgspec.json.encode(value)


@lru_cache(4096)
def _kind(key: str) -> str | None:
    datum = DATA.get(key)
    return None if datum is None else datum.telemetry
