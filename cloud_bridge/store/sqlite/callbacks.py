"""Remote callbacks on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from cloud_bridge.actions.life import RemoteType
from cloud_bridge.store.port.remote import CallbackStatus, PendingError, RemoteCallback, TooManyError
from cloud_bridge.store.sqlite import outbox
from cloud_bridge.store.sqlite.database import Database

_ADD = """
INSERT INTO remote_callback (id, fleet_id, body, types, status, created_at_ms, updated_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_CALLBACK = "SELECT id, fleet_id, body, types, status, created_at_ms, updated_at_ms FROM remote_callback"
_OF_FLEET = f"{_CALLBACK} WHERE fleet_id = ? AND id = ?"
# Both lists of types are JSON arrays.
_COUNT = """
SELECT count(*) FROM remote_callback WHERE fleet_id = ?1 AND (?2 IS NULL OR EXISTS (
    SELECT 1 FROM json_each(remote_callback.types) WHERE value IN (SELECT value FROM json_each(?2))
))
"""
_SOME = """
SELECT id, fleet_id, body, types, status, created_at_ms, updated_at_ms FROM remote_callback
WHERE fleet_id = ?1 AND (?2 IS NULL OR EXISTS (
    SELECT 1 FROM json_each(remote_callback.types) WHERE value IN (SELECT value FROM json_each(?2))
)) ORDER BY created_at_ms, id LIMIT ?3 OFFSET ?4
"""
_REPLACE = "UPDATE remote_callback SET body = ?, types = ?, updated_at_ms = ? WHERE fleet_id = ? AND id = ?"
_SET_STATUS = "UPDATE remote_callback SET status = ?, updated_at_ms = ? WHERE fleet_id = ? AND id = ?"
_IS_PENDING = "SELECT 1 FROM remote_action WHERE callback_id = ? AND phase < 4 LIMIT 1"
_DELETE = "DELETE FROM remote_callback WHERE fleet_id = ? AND id = ?"

_types = msgspec.json.Decoder(tuple[RemoteType, ...]).decode


class SqliteCallbacks:
    """`cloud_bridge.store.port.remote.Callbacks` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, callback: RemoteCallback, most: int) -> None:
        with self._database.write() as connection:
            (number,) = connection.execute(_COUNT, (callback.fleet_id, None)).fetchone()
            if number >= most:
                raise TooManyError
            values = (callback.id, callback.fleet_id, callback.body, msgspec.json.encode(callback.types).decode())
            connection.execute(_ADD, (*values, callback.status, callback.created_at_ms, callback.updated_at_ms))

    def callback(self, fleet_id: str, callback_id: str) -> RemoteCallback | None:
        with self._database.read() as connection:
            return _callback(connection, fleet_id, callback_id)

    def callbacks(
        self, fleet_id: str, types: Collection[str] | None, offset: int, limit: int
    ) -> tuple[int, list[RemoteCallback]]:
        asked = None if types is None else msgspec.json.encode(list(types)).decode()
        with self._database.read() as connection:
            (total,) = connection.execute(_COUNT, (fleet_id, asked)).fetchone()
            return total, [_from(row) for row in connection.execute(_SOME, (fleet_id, asked, limit, offset))]

    def replace(self, callback: RemoteCallback) -> RemoteCallback | None:
        types = msgspec.json.encode(callback.types).decode()
        with self._database.write() as connection:
            place = (callback.fleet_id, callback.id)
            if connection.execute(_REPLACE, (callback.body, types, callback.updated_at_ms, *place)).rowcount:
                outbox.try_anew(connection, callback.id)
            return _callback(connection, *place)

    def set_status(self, fleet_id: str, callback_id: str, status: CallbackStatus, now_ms: int) -> RemoteCallback | None:
        with self._database.write() as connection:
            connection.execute(_SET_STATUS, (status, now_ms, fleet_id, callback_id))
            return _callback(connection, fleet_id, callback_id)

    def delete(self, fleet_id: str, callback_id: str) -> bool:
        with self._database.write() as connection:
            if _callback(connection, fleet_id, callback_id) is None:
                return False
            if connection.execute(_IS_PENDING, (callback_id,)).fetchone():
                raise PendingError
            connection.execute(_DELETE, (fleet_id, callback_id))
            outbox.try_anew(connection, callback_id)
        outbox.forget(self._database, callback_id)
        return True


def _callback(connection: sqlite3.Connection, fleet_id: str, callback_id: str) -> RemoteCallback | None:
    row = connection.execute(_OF_FLEET, (fleet_id, callback_id)).fetchone()
    return None if row is None else _from(row)


def _from(row: Sequence[Any]) -> RemoteCallback:
    callback_id, fleet_id, body, types, status, created_at_ms, updated_at_ms = row
    return RemoteCallback(callback_id, fleet_id, body, _types(types), status, created_at_ms, updated_at_ms)
