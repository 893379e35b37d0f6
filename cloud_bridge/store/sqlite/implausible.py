"""What was said and cannot be, on SQLite: kept with its reasons, left out of what is read, counted."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from cloud_bridge.records.model import Implausible, Message
from cloud_bridge.records.plausibility import without
from cloud_bridge.store.port.times import Interval

OUTSIDE = "limits"
"""The reason of what is outside its limits."""

_DROP_FROM = "DELETE FROM implausible WHERE vin = ? AND at_ms >= ?"
_PUT = "INSERT INTO implausible (vin, at_ms, datum, reason) VALUES (?, ?, ?, ?)"
_WITHIN = "SELECT at_ms, datum FROM implausible WHERE vin = ? AND at_ms >= ? AND at_ms < ?"
_COUNTS = "SELECT datum, reason, count(*) FROM implausible WHERE vin = ? GROUP BY datum, reason"
_OUTSIDE = "SELECT outside FROM chunk WHERE vin = ? AND outside <> x'80'"

pack = msgspec.msgpack.Encoder().encode
_counts = msgspec.msgpack.Decoder(dict[str, int]).decode


def replace(connection: sqlite3.Connection, vin: str, from_ms: int, found: Sequence[Implausible]) -> None:
    """`found` in place of all that is of `from_ms` or later."""
    connection.execute(_DROP_FROM, (vin, from_ms))
    connection.executemany(_PUT, [(vin, *one) for one in found])


def counts(connection: sqlite3.Connection, vin: str) -> dict[str, dict[str, int]]:
    """How often, by datum and reason."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    outside: Counter[str] = Counter()
    for (body,) in connection.execute(_OUTSIDE, (vin,)):
        outside.update(_counts(body))
    for datum, reason, number in [
        *connection.execute(_COUNTS, (vin,)),
        *((one, OUTSIDE, outside[one]) for one in outside),
    ]:
        found[datum][reason] = number
    return {datum: dict(sorted(found[datum].items())) for datum in sorted(found)}


class Left:
    """What is left out of an interval of a vehicle's time."""

    def __init__(self, connection: sqlite3.Connection, vin: str, interval: Interval) -> None:
        self._data: defaultdict[int, set[str]] = defaultdict(set)
        for at_ms, datum in connection.execute(_WITHIN, (vin, *interval)):
            self._data[at_ms].add(datum)
        self._times = sorted(self._data)

    def is_within(self, from_ms: int, to_ms: int) -> bool:
        """Whether anything is left out of [from_ms, to_ms)."""
        place = bisect_left(self._times, from_ms)
        return place < len(self._times) and self._times[place] < to_ms

    def out_of(self, message: Message) -> Message:
        """What may be read of the message."""
        return without(message, self._data[message.at_ms]) if message.at_ms in self._data else message
