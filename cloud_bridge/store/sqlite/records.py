"""Records on SQLite: one table for all types of `cloud_bridge.records.model`.

A record that reaches into a range of time begins in it, or before it by no more than the longest record lasts, or goes
on. So what a question costs depends on the range, not on the history before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import msgspec

from cloud_bridge.records.model import RECORDS, Record, Status
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.times import Interval

_PUT = "INSERT OR REPLACE INTO record (vin, kind, id, from_ms, until_ms, body) VALUES (?, ?, ?, ?, ?, ?)"
_DROP_FROM = "DELETE FROM record WHERE vin = ? AND from_ms >= ?"
_DROP = "DELETE FROM record WHERE vin = ? AND id = ?"
_LONGEST = "SELECT coalesce(max(until_ms - from_ms), 0) FROM record WHERE vin = ? AND kind = ?"
_CLOSED = """
SELECT body FROM record WHERE vin = ? AND kind = ? AND from_ms >= ? AND from_ms < ? AND until_ms >= ?
"""
# By length: by start it would look at all that began before.
_OPEN = """
SELECT body FROM record INDEXED BY record_by_length
WHERE vin = ? AND kind = ? AND until_ms - from_ms IS NULL AND from_ms < ?
"""
_ONE = "SELECT body FROM record WHERE vin = ? AND id = ? AND kind = ?"

_ALL = "SELECT kind, body FROM record WHERE vin = ? ORDER BY from_ms, id"
_STATUS = "SELECT body FROM status WHERE vin = ?"

_encode = msgspec.msgpack.Encoder().encode
_status = msgspec.msgpack.Decoder(Status).decode


def put(connection: sqlite3.Connection, vin: str, records: Iterable[Record]) -> None:
    connection.executemany(
        _PUT, [(vin, name_of(type(one)), one.id, one.started_at_ms, one.until_ms, _encode(one)) for one in records]
    )


def drop(connection: sqlite3.Connection, vin: str, from_ms: int, opened: Iterable[str]) -> None:
    """Deletes what began at `from_ms` or later, and those with the ids `opened`."""
    connection.execute(_DROP_FROM, (vin, from_ms))
    connection.executemany(_DROP, [(vin, record_id) for record_id in opened])


def overlapping(connection: sqlite3.Connection, kind: type[One], vin: str, union: Sequence[Interval]) -> list[One]:
    """Those that overlap one of the ranges (in ascending order and apart), in ascending (start, id)."""
    name, decode = name_of(kind), decoder(kind)
    (longest_ms,) = connection.execute(_LONGEST, (vin, name)).fetchone()
    found: dict[str, One] = {}
    for from_ms, to_ms in union:
        rows = connection.execute(_CLOSED, (vin, name, max(-(2**62), from_ms - longest_ms), to_ms, from_ms)).fetchall()
        rows += connection.execute(_OPEN, (vin, name, to_ms)).fetchall()
        found.update({one.id: one for (body,) in rows for one in [decode(body)]})
    return sorted(found.values(), key=lambda one: (one.started_at_ms, one.id))


def one(connection: sqlite3.Connection, kind: type[One], vin: str, record_id: str) -> One | None:
    row = connection.execute(_ONE, (vin, record_id, name_of(kind))).fetchone()
    return None if row is None else decoder(kind)(row[0])


def every(connection: sqlite3.Connection, vin: str) -> list[Record]:
    """Of all types, in ascending (start, id)."""
    kinds = {name_of(kind): decoder(kind) for kind in RECORDS}
    return [kinds[kind](body) for kind, body in connection.execute(_ALL, (vin,)) if kind in kinds]


def status(connection: sqlite3.Connection, vin: str) -> Status | None:
    row = connection.execute(_STATUS, (vin,)).fetchone()
    return None if row is None else _status(row[0])


def name_of(kind: type[Record]) -> str:
    """What a type of record is called in the database."""
    return kind.__name__


@cache
def decoder(kind: type[One]) -> Callable[[bytes], One]:
    return msgspec.msgpack.Decoder(kind).decode
