"""What the API reads, on SQLite.

Before it answers about a vehicle, the reader derives what is pending for it, so that an answer reflects every upload
that was receipted before the question. Telemetry is read out of chunks. A chunk that lies within one range and overlaps
no other is counted by its index of kinds, and opened only when it holds messages of the page asked for; others are
opened and merged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import msgspec

from cloud_bridge.records.messages import merge
from cloud_bridge.records.model import Alert, Message, Position, Status, Trip
from cloud_bridge.store.port import Client, Fleet, Interval, StoreError, Vehicle
from cloud_bridge.store.ranges import overlapping
from cloud_bridge.store.sqlite import registry
from cloud_bridge.store.sqlite.chunks import count, kinds_of, unpack
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import is_folded

_LONGEST_CHUNK = "SELECT max(to_ms - from_ms) FROM chunk WHERE vin = ?"
_CHUNKS = """
SELECT boot, sequence, from_ms, to_ms, positions, kinds FROM chunk
WHERE vin = ? AND from_ms >= ? AND from_ms < ? AND to_ms > ? AND messages > 0
ORDER BY from_ms, to_ms, boot, sequence
"""
_BODY = "SELECT body FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_STATUS = "SELECT body FROM status WHERE vin = ?"
_TRIPS = """
SELECT body FROM trip WHERE vin = ? AND started_at_ms < ? AND (stopped_at_ms IS NULL OR stopped_at_ms >= ?)
ORDER BY started_at_ms, id
"""
_TRIP = "SELECT body FROM trip WHERE vin = ? AND id = ?"
_ALERTS = """
SELECT body FROM alert WHERE vin = ? AND started_at_ms < ? AND (ended_at_ms IS NULL OR ended_at_ms >= ?)
ORDER BY started_at_ms, id
"""
_INTEGERS = (-(2**62), 2**62)
"""Times beyond are not in any database."""

_ATTEMPTS = 100

_status = msgspec.msgpack.Decoder(Status).decode
_trip = msgspec.msgpack.Decoder(Trip).decode
_alert = msgspec.msgpack.Decoder(Alert).decode

Record = TypeVar("Record", Trip, Alert)


class _Chunk(NamedTuple):
    boot: bytes
    sequence: int
    from_ms: int
    to_ms: int
    positions: int
    kinds: bytes


class SqliteReader:
    """`cloud_bridge.store.port.Reader` on SQLite. `derive` brings a vehicle's records up to its uploads."""

    def __init__(self, database: Database, derive: Callable[[str], None]) -> None:
        self._database = database
        self._derive = derive

    @contextmanager
    def _derived(self, vin: str) -> Iterator[sqlite3.Connection]:
        """A snapshot in which the vehicle's records are of its chunks, all of them."""
        for _ in range(_ATTEMPTS):
            self._derive(vin)
            with self._database.read() as connection:
                # More may have come since, and be half derived now.
                if is_folded(connection, vin):
                    yield connection
                    return
        raise StoreError(f"vehicle {vin} is derived all the time by another process: its records cannot be read")

    def client(self, client_id: str) -> Client | None:
        with self._database.read() as connection:
            return registry.client_of(connection, client_id)

    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]:
        with self._database.read() as connection:
            return registry.fleets_of(connection, msgspec.json.encode(list(ids)).decode(), offset, limit)

    def fleet(self, fleet_id: str) -> Fleet | None:
        with self._database.read() as connection:
            return registry.fleet_of(connection, fleet_id)

    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]:
        with self._database.read() as connection:
            return registry.vehicles_of(connection, fleet_id, vin_prefix, offset, limit)

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        with self._database.read() as connection:
            return registry.vehicle_of(connection, fleet_id, vehicle_id)

    def status(self, vin: str) -> Status | None:
        with self._derived(vin) as connection:
            row = connection.execute(_STATUS, (vin,)).fetchone()
            return None if row is None else _status(row[0])

    def messages(
        self, vin: str, within: Sequence[Interval], kinds: frozenset[str], offset: int, limit: int
    ) -> tuple[int, list[Message]]:
        total, page = 0, []
        with self._derived(vin) as connection:
            for interval in _union(within):
                for together in _groups(connection, vin, interval):
                    number = _count(together, interval, kinds)
                    first, last = offset - total, offset - total + limit
                    if number is not None and (first >= number or last <= 0):
                        total += number
                        continue
                    wanted = [
                        message
                        for message in _open(connection, vin, together, interval)
                        if not kinds.isdisjoint(kinds_of(message))
                    ]
                    page += wanted[max(0, first) : max(0, last)]
                    total += len(wanted)
        return total, page

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]:
        with self._derived(vin) as connection:
            return [
                message.position
                for interval in _union(within)
                for together in _groups(connection, vin, interval)
                if any(chunk.positions for chunk in together)
                for message in _open(connection, vin, together, interval)
                if message.position is not None
            ]

    def trips(self, vin: str, within: Sequence[Interval]) -> list[Trip]:
        with self._derived(vin) as connection:
            found = {trip.id: trip for row in _overlap(connection, _TRIPS, vin, within) for trip in [_trip(row)]}
        return sorted(found.values(), key=lambda trip: (trip.started_at_ms, trip.id))

    def trip(self, vin: str, trip_id: str) -> Trip | None:
        with self._derived(vin) as connection:
            row = connection.execute(_TRIP, (vin, trip_id)).fetchone()
            return None if row is None else _trip(row[0])

    def alerts(self, vin: str, within: Sequence[Interval]) -> list[Alert]:
        with self._derived(vin) as connection:
            found = {alert.id: alert for row in _overlap(connection, _ALERTS, vin, within) for alert in [_alert(row)]}
        return sorted(found.values(), key=lambda alert: (alert.started_at_ms, alert.id))


def _union(within: Sequence[Interval]) -> list[Interval]:
    """The ranges in order, joined where they overlap, and within what the database can say."""
    lowest, highest = _INTEGERS
    result: list[Interval] = []
    for from_ms, to_ms in sorted((max(lowest, from_ms), min(highest, to_ms)) for from_ms, to_ms in within):
        if from_ms >= to_ms:
            continue
        if result and from_ms <= result[-1][1]:
            result[-1] = (result[-1][0], max(to_ms, result[-1][1]))
        else:
            result.append((from_ms, to_ms))
    return result


def _overlap(connection: sqlite3.Connection, query: str, vin: str, within: Sequence[Interval]) -> Iterator[bytes]:
    for from_ms, to_ms in _union(within):
        for (body,) in connection.execute(query, (vin, to_ms, from_ms)):
            yield body


def _groups(connection: sqlite3.Connection, vin: str, interval: Interval) -> Iterator[list[_Chunk]]:
    """The chunks with messages that reach into the interval, in order; those that overlap together."""
    from_ms, to_ms = interval
    (longest_ms,) = connection.execute(_LONGEST_CHUNK, (vin,)).fetchone()
    if longest_ms is None:
        return
    earliest_ms = max(_INTEGERS[0], from_ms - longest_ms)
    rows = map(_Chunk._make, connection.execute(_CHUNKS, (vin, earliest_ms, to_ms, from_ms)))
    yield from overlapping(rows, lambda chunk: (chunk.from_ms, chunk.to_ms))


def _count(together: list[_Chunk], interval: Interval, kinds: frozenset[str]) -> int | None:
    """How many messages of `kinds` the chunks have, if it can be told without opening them."""
    chunk = together[0]
    if len(together) > 1 or chunk.from_ms < interval[0] or chunk.to_ms > interval[1]:
        return None
    return count(chunk.kinds, kinds)


def _open(connection: sqlite3.Connection, vin: str, together: list[_Chunk], interval: Interval) -> list[Message]:
    bodies = [connection.execute(_BODY, (vin, chunk.boot, chunk.sequence)).fetchone()[0] for chunk in together]
    parts = [unpack(body) for body in bodies]
    from_ms, to_ms = interval
    merged = parts[0] if len(parts) == 1 else merge(*parts)
    return [message for message in merged if from_ms <= message.at_ms < to_ms]
