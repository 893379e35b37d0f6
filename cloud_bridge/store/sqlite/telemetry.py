"""Telemetry read out of chunks, on SQLite.

A chunk that lies within one range and overlaps no other is counted by its indexes, and opened only when it holds
messages of the page asked for; others, and those of which something is not believed, are opened and merged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cloud_bridge.records.messages import data_of, data_of_kinds, kinds_of, merge
from cloud_bridge.records.model import Message, Position
from cloud_bridge.store.port.times import Interval
from cloud_bridge.store.ranges import overlapping
from cloud_bridge.store.sqlite.chunks import count, count_data, unpack
from cloud_bridge.store.sqlite.implausible import Left

_LONGEST_CHUNK = "SELECT max(to_ms - from_ms) FROM chunk WHERE vin = ?"
_CHUNKS = """
SELECT boot, sequence, from_ms, to_ms, positions, kinds FROM chunk
WHERE vin = ? AND from_ms >= ? AND from_ms < ? AND to_ms > ? AND messages > 0
ORDER BY from_ms, to_ms, boot, sequence
"""
_WITH_POSITIONS = """
SELECT boot, sequence, from_ms, to_ms, positions, kinds FROM chunk INDEXED BY chunk_with_positions
WHERE vin = ? AND from_ms <= ? AND positions > 0 ORDER BY from_ms DESC
"""
_BODY = "SELECT body FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_DATA = "SELECT data FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_EARLIEST_MS = -(2**62)
"""No time of the database is before."""

Page = tuple[int, int]
"""Offset and limit."""


def page_of_messages(
    connection: sqlite3.Connection,
    vin: str,
    union: Sequence[Interval],
    kinds: frozenset[str],
    data: frozenset[str] | None,
    page: Page,
) -> tuple[int, list[Message]]:
    """As `Reader.messages`, of ranges in ascending order and apart; so are those of the others."""
    wanted = None if data is None else data_of_kinds(data, kinds)
    return _page(
        connection,
        vin,
        union,
        page,
        lambda chunk: _count(connection, vin, chunk, kinds, wanted),
        lambda message: _has(message, kinds, wanted),
    )


def page_of_positions(
    connection: sqlite3.Connection, vin: str, union: Sequence[Interval], page: Page
) -> tuple[int, list[Position]]:
    total, messages = _page(
        connection,
        vin,
        union,
        page,
        lambda chunk: chunk.positions,
        lambda message: message.position is not None,
    )
    return total, [message.position for message in messages if message.position is not None]


def positions(connection: sqlite3.Connection, vin: str, union: Sequence[Interval]) -> list[Position]:
    return [
        message.position
        for interval in union
        for left in [Left(connection, vin, interval)]
        for together in _groups(connection, vin, interval)
        if any(chunk.positions for chunk in together)
        for message in _open(connection, vin, together, interval, left)
        if message.position is not None
    ]


def position_at(connection: sqlite3.Connection, vin: str, at_ms: int) -> Position | None:
    """The newest of `at_ms` or before."""
    newest_ms = _newest_position_ms(connection, vin, at_ms)
    found = [] if newest_ms is None else positions(connection, vin, [(newest_ms, newest_ms + 1)])
    return found[-1] if found else None


class _Chunk(NamedTuple):
    boot: bytes
    sequence: int
    from_ms: int
    to_ms: int
    positions: int
    kinds: bytes


def _page(
    connection: sqlite3.Connection,
    vin: str,
    union: Sequence[Interval],
    page: Page,
    count_of: Callable[[_Chunk], int | None],
    is_wanted: Callable[[Message], bool],
) -> tuple[int, list[Message]]:
    """How many messages are wanted, and those of the page. `count_of` gives the number of those in a chunk, None where
    that cannot be told without opening it."""
    offset, limit = page
    total, found = 0, []
    for interval in union:
        left = Left(connection, vin, interval)
        for together in _groups(connection, vin, interval):
            number = count_of(together[0]) if _is_one_and_whole(together, interval, left) else None
            first, last = offset - total, offset - total + limit
            if number is not None and (first >= number or last <= 0):
                total += number
                continue
            wanted = [message for message in _open(connection, vin, together, interval, left) if is_wanted(message)]
            found += wanted[max(0, first) : max(0, last)]
            total += len(wanted)
    return total, found


def _newest_position_ms(connection: sqlite3.Connection, vin: str, at_ms: int) -> int | None:
    """The time of the newest position of `at_ms` or before."""
    newest_ms: int | None = None
    (longest_ms,) = connection.execute(_LONGEST_CHUNK, (vin,)).fetchone()
    for chunk in map(_Chunk._make, connection.execute(_WITH_POSITIONS, (vin, at_ms))):
        # One that begins earlier may end later, but not by more than the longest.
        if newest_ms is not None and chunk.from_ms + longest_ms <= newest_ms:
            break
        interval = (chunk.from_ms, min(at_ms + 1, chunk.to_ms))
        messages = _open(connection, vin, [chunk], interval, Left(connection, vin, interval))
        times = [message.at_ms for message in messages if message.position is not None]
        newest_ms = max(times if newest_ms is None else [*times, newest_ms], default=None)
    return newest_ms


def _groups(connection: sqlite3.Connection, vin: str, interval: Interval) -> Iterator[list[_Chunk]]:
    """The chunks with messages that reach into the interval, in order; those that overlap together."""
    from_ms, to_ms = interval
    (longest_ms,) = connection.execute(_LONGEST_CHUNK, (vin,)).fetchone()
    if longest_ms is None:
        return
    earliest_ms = max(_EARLIEST_MS, from_ms - longest_ms)
    rows = map(_Chunk._make, connection.execute(_CHUNKS, (vin, earliest_ms, to_ms, from_ms)))
    yield from overlapping(rows, lambda chunk: (chunk.from_ms, chunk.to_ms))


def _has(message: Message, kinds: frozenset[str], data: frozenset[str] | None) -> bool:
    return not kinds.isdisjoint(kinds_of(message)) if data is None else not data.isdisjoint(data_of(message))


def _is_one_and_whole(together: list[_Chunk], interval: Interval, left: Left) -> bool:
    """Whether all of one chunk is asked for and believed, so that what is counted of it holds."""
    chunk = together[0]
    return (
        len(together) == 1
        and not left.is_within(chunk.from_ms, chunk.to_ms)
        and chunk.from_ms >= interval[0]
        and chunk.to_ms <= interval[1]
    )


def _count(
    connection: sqlite3.Connection, vin: str, chunk: _Chunk, kinds: frozenset[str], data: frozenset[str] | None
) -> int | None:
    """How many messages of `kinds` the chunk has, where `data` are given with one of these, if it can be told without
    opening it."""
    number = count(chunk.kinds, kinds)
    if not number or data is None:
        return number
    (index,) = connection.execute(_DATA, (vin, chunk.boot, chunk.sequence)).fetchone()
    return count_data(index, data) if index else None


def _open(
    connection: sqlite3.Connection, vin: str, together: list[_Chunk], interval: Interval, left: Left
) -> list[Message]:
    bodies = [connection.execute(_BODY, (vin, chunk.boot, chunk.sequence)).fetchone()[0] for chunk in together]
    parts = [unpack(body) for body in bodies]
    from_ms, to_ms = interval
    merged = parts[0] if len(parts) == 1 else merge(*parts)
    return [left.out_of(message) for message in merged if from_ms <= message.at_ms < to_ms]
