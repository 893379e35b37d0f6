"""Sequence numbers held, on SQLite: what receipts say, and what is known to have come before.

They stay when the uploads are deleted for their age: a copy that comes after that is known by its number.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from cloud_bridge.store.port.receiving import Received
from cloud_bridge.store.ranges import Span, merged

NEWEST = 16
"""Ranges looked at first, as in the query: a vehicle that sends in order has one."""
LISTED = 64
"""Ranges in a receipt beyond those that it is about."""

_NEWEST_HELD = "SELECT first, last FROM held WHERE vin = ? AND boot = ? ORDER BY first DESC LIMIT 16"
_HELD_FROM = "SELECT first, last FROM held WHERE vin = ? AND boot = ? AND last >= ?"
_DROP_HELD = "DELETE FROM held WHERE vin = ? AND boot = ? AND first = ?"
_PUT_HELD = """
INSERT INTO held (vin, boot, first, last) VALUES (?, ?, ?, ?)
ON CONFLICT (vin, boot, first) DO UPDATE SET last = excluded.last
"""

Boot = tuple[str, bytes]
"""A vehicle and one of its boots."""


def near(connection: sqlite3.Connection, uploads: Sequence[Received]) -> dict[Boot, list[Span]]:
    """The ranges held that the uploads may be in, or touch, in order."""
    lowest: dict[Boot, int] = {}
    for one in uploads:
        boot = one.vin, one.boot
        lowest[boot] = min(lowest.get(boot, one.sequence), one.sequence)
    found = {}
    for boot, sequence in lowest.items():
        spans: list[Span] = connection.execute(_NEWEST_HELD, boot).fetchall()
        if len(spans) == NEWEST and sequence <= spans[-1][0]:
            spans = connection.execute(_HELD_FROM, (*boot, sequence - 1)).fetchall()
        found[boot] = sorted(spans)
    return found


def known(before: Mapping[Boot, Sequence[Span]], uploads: Sequence[Received]) -> frozenset[tuple[str, bytes, int]]:
    """The keys of those that came before, whether or not they are still there. `before`: the ranges `near` them."""
    return frozenset(
        (one.vin, one.boot, one.sequence) for one in uploads if _is_in(before[one.vin, one.boot], one.sequence)
    )


def add(
    connection: sqlite3.Connection, uploads: Sequence[Received], before: Mapping[Boot, Sequence[Span]]
) -> dict[Boot, list[Span]]:
    """Adds their numbers to the ranges `near` them. What is held of their boots then, as receipts list it."""
    touched: defaultdict[Boot, list[int]] = defaultdict(list)
    for one in uploads:
        touched[one.vin, one.boot].append(one.sequence)
    listed = {}
    dropped: list[tuple[str, bytes, int]] = []
    put: list[tuple[str, bytes, int, int]] = []
    for boot, sequences in touched.items():
        spans = set(before[boot])
        now = merged([*spans, *((sequence, sequence) for sequence in sequences)])
        firsts = {first for first, _ in now}
        dropped += [(*boot, first) for first, _ in spans if first not in firsts]
        put += [(*boot, *span) for span in now if span not in spans]
        listed[boot] = now if len(now) <= LISTED else _listed(now, sequences)
    connection.executemany(_DROP_HELD, dropped)
    connection.executemany(_PUT_HELD, put)
    return listed


def _is_in(spans: Sequence[Span], number: int) -> bool:
    place = bisect_right(spans, number, key=lambda span: span[0])
    return place > 0 and number <= spans[place - 1][1]


def _listed(spans: list[Span], sequences: Sequence[int]) -> list[Span]:
    """Of many ranges the newest, which make good a receipt that was lost, and those that `sequences` are in."""
    numbers = sorted(sequences)
    return [
        (first, last)
        for place, (first, last) in enumerate(spans, LISTED - len(spans))
        if place >= 0 or bisect_left(numbers, first) < bisect_right(numbers, last)
    ]
