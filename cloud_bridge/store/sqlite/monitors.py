"""Monitors on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from cloud_bridge.store.port.monitors import MOST_RUNS, Monitor, MonitorStatus
from cloud_bridge.store.sqlite import outbox
from cloud_bridge.store.sqlite.database import Database

_COLUMNS = """
SELECT monitor.id, fleet_id, body, status, version, created_at_ms, updated_at_ms,
    (SELECT json_group_array(json_array(from_ms, to_ms)) FROM monitor_run WHERE monitor_id = monitor.id)
FROM monitor
"""
_MONITOR = _COLUMNS + "WHERE id = ? AND fleet_id = ?"
_MONITORS = _COLUMNS + "WHERE fleet_id = ? ORDER BY created_at_ms, id LIMIT ? OFFSET ?"
_OF_FLEET = _COLUMNS + "WHERE fleet_id = ? ORDER BY id"
_OF_VEHICLE = _COLUMNS + "JOIN fleet_vehicle USING (fleet_id) WHERE vin = ? ORDER BY id"
_COUNT = "SELECT count(*) FROM monitor WHERE fleet_id = ?"
_COUNT_FAILED = "SELECT count(*) FROM monitor WHERE status = 'Failed'"
_ADD = """
INSERT INTO monitor (id, fleet_id, body, status, version, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_ADD_RUN = "INSERT INTO monitor_run (monitor_id, from_ms, to_ms) VALUES (?, ?, ?)"
_REPLACE = "UPDATE monitor SET body = ?, status = ?, version = version + 1, updated_at_ms = ? WHERE id = ?"
_SET_STATUS = "UPDATE monitor SET status = ?, updated_at_ms = ? WHERE id = ?"
_NO_RUNS = "DELETE FROM monitor_run WHERE monitor_id = ?"
_END_RUN = "UPDATE monitor_run SET to_ms = ? WHERE monitor_id = ? AND to_ms IS NULL"
# It ended when it began: it held at no time, and the next may begin then.
_NO_EMPTY_RUN = "DELETE FROM monitor_run WHERE monitor_id = ? AND to_ms <= from_ms"
_FORGET_RUNS = """
DELETE FROM monitor_run WHERE monitor_id = ?1 AND from_ms <= (
    SELECT from_ms FROM monitor_run WHERE monitor_id = ?1 ORDER BY from_ms DESC LIMIT 1 OFFSET ?2
)
"""
_DELETE = "DELETE FROM monitor WHERE id = ? AND fleet_id = ?"

_runs = msgspec.json.Decoder(list[tuple[int, int | None]]).decode


def of_fleet(connection: sqlite3.Connection, fleet_id: str) -> list[Monitor]:
    """All of them, by id."""
    return [_monitor(row) for row in connection.execute(_OF_FLEET, (fleet_id,))]


def fail(connection: sqlite3.Connection, monitor: Monitor, now_ms: int) -> bool:
    """False where it is not as it was any more."""
    if _find(connection, monitor.fleet_id, monitor.id) != monitor:
        return False
    _set_status(connection, monitor, "Failed", now_ms)
    return True


class SqliteMonitors:
    """`cloud_bridge.store.port.monitors.Monitors` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, monitor: Monitor, most: int) -> bool:
        values = (
            monitor.id, monitor.fleet_id, monitor.body, monitor.status, monitor.version,
            monitor.created_at_ms, monitor.updated_at_ms,
        )  # fmt: skip
        with self._database.write() as connection:
            (there,) = connection.execute(_COUNT, (monitor.fleet_id,)).fetchone()
            if there >= most:
                return False
            connection.execute(_ADD, values)
            connection.executemany(_ADD_RUN, [(monitor.id, *run) for run in monitor.running])
            return True

    def monitor(self, fleet_id: str, monitor_id: str) -> Monitor | None:
        with self._database.read() as connection:
            return _find(connection, fleet_id, monitor_id)

    def monitors(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[Monitor]]:
        with self._database.read() as connection:
            (total,) = connection.execute(_COUNT, (fleet_id,)).fetchone()
            return total, [_monitor(row) for row in connection.execute(_MONITORS, (fleet_id, limit, offset))]

    def replace(self, fleet_id: str, monitor_id: str, body: bytes, now_ms: int) -> Monitor | None:
        with self._database.write() as connection:
            before = _find(connection, fleet_id, monitor_id)
            if before is None:
                return None
            now_ms = max(now_ms, _newest_ms(before))
            status: MonitorStatus = "Paused" if before.status == "Paused" else "Running"
            connection.execute(_REPLACE, (body, status, now_ms, monitor_id))
            outbox.try_anew(connection, monitor_id)
            connection.execute(_NO_RUNS, (monitor_id,))
            if status == "Running":
                connection.execute(_ADD_RUN, (monitor_id, now_ms, None))
            return _find(connection, fleet_id, monitor_id)

    def set_status(self, fleet_id: str, monitor_id: str, status: MonitorStatus, now_ms: int) -> Monitor | None:
        with self._database.write() as connection:
            before = _find(connection, fleet_id, monitor_id)
            if before is None or before.status == status:
                return before
            _set_status(connection, before, status, now_ms)
            return _find(connection, fleet_id, monitor_id)

    def delete(self, fleet_id: str, monitor_id: str) -> bool:
        with self._database.write() as connection:
            if connection.execute(_DELETE, (monitor_id, fleet_id)).rowcount == 0:
                return False
            outbox.try_anew(connection, monitor_id)
        outbox.forget(self._database, monitor_id)
        return True

    def failed(self) -> int:
        """How many there are, of all fleets."""
        with self._database.read() as connection:
            (number,) = connection.execute(_COUNT_FAILED).fetchone()
            return int(number)

    def of_vehicle(self, vin: str) -> list[Monitor]:
        with self._database.read() as connection:
            return [_monitor(row) for row in connection.execute(_OF_VEHICLE, (vin,))]


def _set_status(connection: sqlite3.Connection, before: Monitor, status: MonitorStatus, now_ms: int) -> None:
    now_ms = max(now_ms, _newest_ms(before))
    connection.execute(_SET_STATUS, (status, now_ms, before.id))
    if status == "Running":
        connection.execute(_ADD_RUN, (before.id, now_ms, None))
        connection.execute(_FORGET_RUNS, (before.id, MOST_RUNS))
    else:
        connection.execute(_END_RUN, (now_ms, before.id))
        connection.execute(_NO_EMPTY_RUN, (before.id,))


def _find(connection: sqlite3.Connection, fleet_id: str, monitor_id: str) -> Monitor | None:
    row = connection.execute(_MONITOR, (monitor_id, fleet_id)).fetchone()
    return None if row is None else _monitor(row)


def _newest_ms(monitor: Monitor) -> int:
    """Before which nothing may be that is told of it from now on."""
    return max(monitor.updated_at_ms, *(time_ms or 0 for run in monitor.running for time_ms in run), 0)


def _monitor(row: Sequence[Any]) -> Monitor:
    monitor_id, fleet_id, body, status, version, created_at_ms, updated_at_ms, runs = row
    running = tuple(sorted(_runs(runs)))
    return Monitor(monitor_id, fleet_id, body, status, version, created_at_ms, updated_at_ms, running)
