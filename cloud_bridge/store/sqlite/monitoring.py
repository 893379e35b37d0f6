"""How far monitors are evaluated, on SQLite.

A fold marks, in its transaction, from when on monitors have to be evaluated: from the first that is new or told
differently. So does a theft. Whoever evaluates writes only while the vehicle's records, its mark and the monitors of
its fleets are as they were when it began.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager

from cloud_bridge.monitors.moments import happenings
from cloud_bridge.records.model import Alarm, Collision, Message, Position, Record, Trip
from cloud_bridge.store.port.derived import Checkpoint, Extent, Fold
from cloud_bridge.store.port.errors import StaleError
from cloud_bridge.store.port.monitoring import Beside, Evaluated, Mark, Membership, Progress, Told
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Theft
from cloud_bridge.store.port.times import Interval
from cloud_bridge.store.sqlite import monitors, outbox, records, telemetry, thefts
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.extent import expect
from cloud_bridge.store.sqlite.implausible import Left
from cloud_bridge.store.sqlite.vehicles import vehicle_from

HAPPENED = (Trip, Collision, Alarm)
"""The records that moments of monitors are made of."""
_END_MS = 2**62

_IS_COVERED = "SELECT 1 FROM fleet_vehicle JOIN monitor USING (fleet_id) WHERE vin = ? LIMIT 1"
# The vehicles come as one JSON array.
_COVERED = """
SELECT value FROM json_each(?1) AS each WHERE EXISTS (
    SELECT 1 FROM fleet_vehicle JOIN monitor USING (fleet_id) JOIN monitor_run ON monitor_id = monitor.id
    WHERE vin = each.value AND to_ms IS NULL
) AND (SELECT count(*) FROM (SELECT 1 FROM pending WHERE vin = each.value AND waits = 0 LIMIT ?2 + 1)) <= ?2
ORDER BY value
"""
_TOUCH = """
INSERT INTO monitored (vin, revision, dirty_from_ms) VALUES (?1, 1, ?2)
ON CONFLICT (vin) DO UPDATE
SET revision = revision + 1, dirty_from_ms = min(coalesce(dirty_from_ms, ?2), ?2)
"""
# One of the two at a time goes by an index.
_TO_EVALUATE = """
SELECT vin FROM (
    SELECT vin FROM monitored WHERE dirty_from_ms IS NOT NULL UNION SELECT vin FROM monitored WHERE due_ms <= ?
) JOIN derived USING (vin) WHERE derived.dirty_from_ms IS NULL ORDER BY vin
"""
_PROGRESS = """
SELECT monitored.revision, monitored.dirty_from_ms, due_ms, derived.revision, derived.dirty_from_ms, profile,
    vehicle.id, vehicle.vin, model, brand, motorization, created_at_ms, updated_at_ms, services
FROM monitored JOIN derived USING (vin) JOIN vehicle USING (vin) WHERE vin = ?
"""
_MEMBERSHIPS = """
SELECT fleet_id, joined_at_ms, number FROM fleet_vehicle JOIN monitor_change USING (fleet_id) WHERE vin = ?
ORDER BY fleet_id
"""
_CHANGES = "SELECT number FROM monitor_change WHERE fleet_id = ?"
# A seam may lie within what came late: then it is no beginning.
_STATES = """
SELECT until_ms, span, history, states FROM monitor_state JOIN checkpoint USING (vin, until_ms)
WHERE vin = ?1 AND until_ms <= ?2 AND (
    span < 3 OR NOT EXISTS (SELECT 1 FROM chunk WHERE vin = ?1 AND from_ms < until_ms AND to_ms > until_ms)
)
ORDER BY until_ms DESC LIMIT 1
"""
_STATES_AT = "SELECT states FROM monitor_state WHERE vin = ? AND until_ms = ?"
_CHECKPOINTS = "SELECT until_ms FROM checkpoint WHERE vin = ? AND until_ms >= ? ORDER BY until_ms"
_TOLD = "SELECT id, at_ms, refresh FROM notification WHERE vin = ? AND sender = ? AND at_ms >= ? ORDER BY at_ms"
_LAST_TOLD = "SELECT coalesce(max(at_ms), -1) FROM notification WHERE vin = ?"
_REDATE = "UPDATE notification SET at_ms = ? WHERE id = ?"
_BEFORE = "SELECT kind, body FROM record WHERE vin = ? AND kind = ? AND from_ms >= ?"
_OPENED = "SELECT kind, body FROM record WHERE vin = ? AND id = ?"
_EVALUATED = """
UPDATE monitored SET revision = revision + 1, dirty_from_ms = ?, due_ms = ? WHERE vin = ? AND revision = ?
"""
_PUT_STATES = "INSERT OR REPLACE INTO monitor_state (vin, until_ms, states) VALUES (?, ?, ?)"
_DROP_PASSED = "DELETE FROM checkpoint WHERE vin = ? AND span = 0 AND until_ms < ?"


def touch(connection: sqlite3.Connection, vin: str, from_ms: int) -> None:
    """What happened from there on is to be evaluated, if any monitor covers the vehicle."""
    if connection.execute(_IS_COVERED, (vin,)).fetchone() is not None:
        connection.execute(_TOUCH, (vin, from_ms))


def mark(connection: sqlite3.Connection, vin: str, extent: Extent, fold: Fold) -> None:
    """As `touch`, for a fold that is about to be written."""
    if connection.execute(_IS_COVERED, (vin,)).fetchone() is None:
        return
    before = {moment for one in _replaced(connection, vin, fold) for moment in happenings(one)}
    after = {moment for one in fold.records if isinstance(one, HAPPENED) for moment in happenings(one)}
    times = [at_ms for at_ms, _, _ in before ^ after]
    new_ms = fold.from_ms if extent.dirty_from_ms is None else extent.dirty_from_ms
    connection.execute(_TOUCH, (vin, min([new_ms, *times])))


def _replaced(connection: sqlite3.Connection, vin: str, fold: Fold) -> Iterator[Record]:
    decoders = {records.name_of(kind): records.decoder(kind) for kind in HAPPENED}
    rows = [row for kind in decoders for row in connection.execute(_BEFORE, (vin, kind, fold.from_ms))]
    rows += [row for one in fold.opened for row in connection.execute(_OPENED, (vin, one))]
    yield from (decoders[kind](body) for kind, body in rows if kind in decoders)


class SqliteMonitoring:
    """`cloud_bridge.store.port.monitoring.Monitoring` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def snapshot(self) -> AbstractContextManager[None]:
        return self._database.snapshot()

    def covered(self, vins: Collection[str], most: int) -> list[str]:
        with self._database.read() as connection:
            return [vin for (vin,) in connection.execute(_COVERED, (json.dumps(sorted(vins)), most))]

    def to_evaluate(self, now_ms: int) -> list[str]:
        with self._database.read() as connection:
            return [vin for (vin,) in connection.execute(_TO_EVALUATE, (now_ms,))]

    def progress(self, vin: str) -> Progress | None:
        with self._database.read() as connection:
            row = connection.execute(_PROGRESS, (vin,)).fetchone()
            if row is None:
                return None
            memberships = tuple(Membership(*one) for one in connection.execute(_MEMBERSHIPS, (vin,)))
        return Progress(Extent(*row[3:6]), Mark(*row[:3]), vehicle_from(row[6:]), memberships)

    def monitors(self, fleet_id: str) -> tuple[int, list[Monitor]]:
        with self._database.read() as connection:
            (changes,) = connection.execute(_CHANGES, (fleet_id,)).fetchone() or (0,)
            return changes, monitors.of_fleet(connection, fleet_id)

    def fail(self, monitor: Monitor, now_ms: int) -> bool:
        with self._database.write() as connection:
            return monitors.fail(connection, monitor, now_ms)

    def states(self, vin: str, up_to_ms: int) -> Beside | None:
        with self._database.read() as connection:
            row = connection.execute(_STATES, (vin, up_to_ms)).fetchone()
            return None if row is None else Beside(Checkpoint(*row[:3]), row[3])

    def states_at(self, vin: str, until_ms: int) -> bytes | None:
        with self._database.read() as connection:
            row = connection.execute(_STATES_AT, (vin, until_ms)).fetchone()
            return None if row is None else bytes(row[0])

    def checkpoints(self, vin: str, from_ms: int) -> list[int]:
        with self._database.read() as connection:
            return [until_ms for (until_ms,) in connection.execute(_CHECKPOINTS, (vin, from_ms))]

    def believed(self, vin: str, from_ms: int) -> Callable[[Message], Message]:
        with self._database.read() as connection:
            return Left(connection, vin, (from_ms, _END_MS)).out_of

    def records(self, kind: type[One], vin: str, within: Interval) -> list[One]:
        with self._database.read() as connection:
            return records.overlapping(connection, kind, vin, [within])

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        with self._database.read() as connection:
            return telemetry.position_at(connection, vin, at_ms)

    def thefts(self, vin: str) -> list[Theft]:
        with self._database.read() as connection:
            return thefts.thefts_of(connection, vin)

    def told(self, vin: str, monitor_id: str, from_ms: int) -> list[Told]:
        with self._database.read() as connection:
            rows = connection.execute(_TOLD, (vin, monitor_id, from_ms))
            return [Told(event_id, at_ms, bool(refresh)) for event_id, at_ms, refresh in rows]

    def last_told_ms(self, vin: str) -> int:
        with self._database.read() as connection:
            (at_ms,) = connection.execute(_LAST_TOLD, (vin,)).fetchone()
            return int(at_ms)

    def put(self, found: Sequence[tuple[Progress, Evaluated]], now_ms: int) -> tuple[int, int]:
        told = stale = 0
        with self._database.write() as connection:
            for progress, evaluated in found:
                try:
                    told += _put(connection, progress, evaluated, now_ms)
                except StaleError:
                    stale += 1
        return told, stale


def _put(connection: sqlite3.Connection, progress: Progress, evaluated: Evaluated, now_ms: int) -> int:
    """Raises StaleError before anything is written."""
    vin = progress.vehicle.vin
    expect(connection, vin, progress.extent)
    if tuple(Membership(*one) for one in connection.execute(_MEMBERSHIPS, (vin,))) != progress.memberships:
        raise StaleError(vin)
    mark = (evaluated.dirty_from_ms, evaluated.due_ms)
    if connection.execute(_EVALUATED, (*mark, vin, progress.mark.revision)).rowcount == 0:
        raise StaleError(vin)
    connection.executemany(_PUT_STATES, [(vin, *one) for one in evaluated.states])
    if evaluated.states:
        connection.execute(_DROP_PASSED, (vin, evaluated.states[-1][0]))
    connection.executemany(_REDATE, [(at_ms, event_id) for event_id, at_ms in evaluated.redated])
    return outbox.put(connection, evaluated.notifications, now_ms)
