"""Monitors in a database, as clients made, paused, replaced and deleted them."""

from __future__ import annotations

import json

from cloud_bridge.store.sqlite.database import Database
from tests.cloud_bridge.monitors.bodies import Body

_ADD = """
INSERT INTO monitor (id, fleet_id, body, status, version, created_at_ms, updated_at_ms)
VALUES (?1, ?2, ?3, 'Running', 1, ?4, ?4)
"""
_RUN = "INSERT INTO monitor_run (monitor_id, from_ms) VALUES (?, ?)"
_STOP = "UPDATE monitor_run SET to_ms = ? WHERE monitor_id = ? AND to_ms IS NULL"
_STATUS = "UPDATE monitor SET status = ?, updated_at_ms = ? WHERE id = ?"
_REPLACE = "UPDATE monitor SET body = ?, version = version + 1, updated_at_ms = ? WHERE id = ?"
_FORGET_RUNS = "DELETE FROM monitor_run WHERE monitor_id = ?"
_DELETE = "DELETE FROM monitor WHERE id = ?"


class Kept:
    """What a client does with the monitors of fleet `f1`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, asked: Body, now_ms: int) -> str:
        """Its id."""
        monitor_id = name.encode().hex().ljust(32, "0")[:32]
        with self._database.write() as connection:
            connection.execute(_ADD, (monitor_id, "f1", json.dumps(asked).encode(), now_ms))
            connection.execute(_RUN, (monitor_id, now_ms))
        return monitor_id

    def pause(self, monitor_id: str, now_ms: int) -> None:
        with self._database.write() as connection:
            connection.execute(_STATUS, ("Paused", now_ms, monitor_id))
            connection.execute(_STOP, (now_ms, monitor_id))

    def resume(self, monitor_id: str, now_ms: int) -> None:
        with self._database.write() as connection:
            connection.execute(_STATUS, ("Running", now_ms, monitor_id))
            connection.execute(_RUN, (monitor_id, now_ms))

    def replace(self, monitor_id: str, asked: Body, now_ms: int) -> None:
        with self._database.write() as connection:
            connection.execute(_REPLACE, (json.dumps(asked).encode(), now_ms, monitor_id))
            connection.execute(_FORGET_RUNS, (monitor_id,))
            connection.execute(_RUN, (monitor_id, now_ms))

    def delete(self, monitor_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(_DELETE, (monitor_id,))
