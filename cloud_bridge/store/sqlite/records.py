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
from cloud_bridge.store.port import Interval, One, Vehicle
from cloud_bridge.store.sqlite.registry import vehicle_from

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

_MEMBERS = """
SELECT vehicle.id, vin, model, brand, motorization, vehicle.created_at_ms, vehicle.updated_at_ms, services
FROM fleet_vehicle JOIN vehicle USING (vin) WHERE fleet_id = ? ORDER BY vin
"""
_ONE_OF_FLEET = """
SELECT vehicle.id, vin, model, brand, motorization, vehicle.created_at_ms, vehicle.updated_at_ms, services, body
FROM fleet_vehicle JOIN vehicle USING (vin) JOIN record USING (vin)
WHERE fleet_id = ? AND record.id = ? AND kind = ?
"""
_STATUSES = """
SELECT vehicle.id, vin, model, brand, motorization, vehicle.created_at_ms, vehicle.updated_at_ms, services, body
FROM fleet_vehicle JOIN vehicle USING (vin) JOIN status USING (vin) WHERE fleet_id = ? ORDER BY vin LIMIT ? OFFSET ?
"""
_HAS_SERVICES = """
SELECT 1 FROM fleet_vehicle JOIN vehicle USING (vin) WHERE fleet_id = ? AND services <> '' LIMIT 1
"""
_COUNT_STATUSES = "SELECT count(*) FROM fleet_vehicle JOIN status USING (vin) WHERE fleet_id = ?"

_encode = msgspec.msgpack.Encoder().encode
_status = msgspec.msgpack.Decoder(Status).decode


def put(connection: sqlite3.Connection, vin: str, records: Iterable[Record]) -> None:
    connection.executemany(
        _PUT, [(vin, _kind(type(one)), one.id, one.started_at_ms, one.until_ms, _encode(one)) for one in records]
    )


def drop(connection: sqlite3.Connection, vin: str, from_ms: int, opened: Iterable[str]) -> None:
    """Deletes what began at `from_ms` or later, and those with the ids `opened`."""
    connection.execute(_DROP_FROM, (vin, from_ms))
    connection.executemany(_DROP, [(vin, record_id) for record_id in opened])


def overlapping(connection: sqlite3.Connection, kind: type[One], vin: str, union: Sequence[Interval]) -> list[One]:
    """Those that overlap one of the ranges (in ascending order and apart), in ascending (start, id)."""
    name, decode = _kind(kind), _decoder(kind)
    (longest_ms,) = connection.execute(_LONGEST, (vin, name)).fetchone()
    found: dict[str, One] = {}
    for from_ms, to_ms in union:
        rows = connection.execute(_CLOSED, (vin, name, max(-(2**62), from_ms - longest_ms), to_ms, from_ms)).fetchall()
        rows += connection.execute(_OPEN, (vin, name, to_ms)).fetchall()
        found.update({one.id: one for (body,) in rows for one in [decode(body)]})
    return sorted(found.values(), key=lambda one: (one.started_at_ms, one.id))


def one(connection: sqlite3.Connection, kind: type[One], vin: str, record_id: str) -> One | None:
    row = connection.execute(_ONE, (vin, record_id, _kind(kind))).fetchone()
    return None if row is None else _decoder(kind)(row[0])


def every(connection: sqlite3.Connection, vin: str) -> list[Record]:
    """Of all types, in ascending (start, id)."""
    kinds = {_kind(kind): _decoder(kind) for kind in RECORDS}
    return [kinds[kind](body) for kind, body in connection.execute(_ALL, (vin,)) if kind in kinds]


def status(connection: sqlite3.Connection, vin: str) -> Status | None:
    row = connection.execute(_STATUS, (vin,)).fetchone()
    return None if row is None else _status(row[0])


def of_fleet(
    connection: sqlite3.Connection, kind: type[One], fleet_id: str, union: Sequence[Interval]
) -> list[tuple[Vehicle, One]]:
    """As `overlapping`, of all vehicles of a fleet, in ascending (start, VIN, id)."""
    members = [vehicle_from(row) for row in connection.execute(_MEMBERS, (fleet_id,))]
    found = [(vehicle, one) for vehicle in members for one in overlapping(connection, kind, vehicle.vin, union)]
    return sorted(found, key=lambda each: (each[1].started_at_ms, each[0].vin, each[1].id))


def one_of_fleet(
    connection: sqlite3.Connection, kind: type[One], fleet_id: str, record_id: str
) -> tuple[Vehicle, One] | None:
    row = connection.execute(_ONE_OF_FLEET, (fleet_id, record_id, _kind(kind))).fetchone()
    return None if row is None else (vehicle_from(row[:-1]), _decoder(kind)(row[-1]))


def has_services(connection: sqlite3.Connection, fleet_id: str) -> bool:
    return connection.execute(_HAS_SERVICES, (fleet_id,)).fetchone() is not None


def statuses(
    connection: sqlite3.Connection, fleet_id: str, offset: int, limit: int
) -> tuple[int, list[tuple[Vehicle, Status]]]:
    (total,) = connection.execute(_COUNT_STATUSES, (fleet_id,)).fetchone()
    rows = connection.execute(_STATUSES, (fleet_id, limit, offset))
    return total, [(vehicle_from(row[:-1]), _status(row[-1])) for row in rows]


def _kind(kind: type[Record]) -> str:
    """What a type of record is called in the database."""
    return kind.__name__


@cache
def _decoder(kind: type[One]) -> Callable[[bytes], One]:
    return msgspec.msgpack.Decoder(kind).decode
