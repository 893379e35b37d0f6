"""Remote actions on SQLite."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from cloud_bridge.actions.life import Event, Known, Life, Phase
from cloud_bridge.store.port.registry import Theft
from cloud_bridge.store.port.remote import Move, RemoteAction
from cloud_bridge.store.sqlite import monitoring, thefts
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.outbox import put

MINUTE_MS = 60_000
HEARD_AGAIN_MS = 1_000
"""So often at most it is noted that a vehicle was heard by an answer that changes nothing: it may send any number."""

_ADD = """
INSERT INTO remote_action (
    id, callback_id, fleet_id, vin, type, body, phase, since_ms, excuse, issued_ms, expires_ms,
    asked_at_ms, updated_at_ms, look_at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_CHANGE = """
UPDATE remote_action SET
    phase = ?, since_ms = ?, excuse = ?, issued_ms = ?, expires_ms = ?, updated_at_ms = ?, look_at_ms = ?,
    leased_until_ms = 0
WHERE id = ?
"""
_LOOK_AT = "UPDATE remote_action SET look_at_ms = ?, leased_until_ms = 0 WHERE id = ?"
_LET_GO = "UPDATE remote_action SET leased_until_ms = 0 WHERE id = ?"
_ADD_EVENT = "INSERT INTO remote_event (action_id, number, status, cause, at_ms) VALUES (?, ?, ?, ?, ?)"
_EVENTS = "SELECT status, cause FROM remote_event WHERE action_id = ? ORDER BY number"
_ACTION = """
SELECT
    id, callback_id, fleet_id, vin, type, body, asked_at_ms, updated_at_ms,
    phase, since_ms, excuse, issued_ms, expires_ms
FROM remote_action
"""
_BY_ID = f"{_ACTION} WHERE id = ?"
_COUNT = "SELECT count(*) FROM remote_action WHERE callback_id = ? AND vin = ?"
_SOME = f"{_ACTION} WHERE callback_id = ? AND vin = ? ORDER BY asked_at_ms DESC, id DESC LIMIT ? OFFSET ?"
_IN_PROGRESS = f"{_ACTION} WHERE phase < 4 ORDER BY vin, asked_at_ms, id"
# Who waits for a vehicle to be heard waits for its uploads too: no other table says when they came.
_DUE = """
SELECT id FROM remote_action LEFT JOIN intake USING (vin)
WHERE phase < 4 AND leased_until_ms <= ?1
    AND (look_at_ms <= ?1 OR (phase < 2 AND last_upload_at_ms >= since_ms)) ORDER BY look_at_ms, id LIMIT ?2
"""
_LEASE = "UPDATE remote_action SET leased_until_ms = ? WHERE id = ?"
_KNOWN = """
SELECT
    EXISTS (SELECT 1 FROM remote_action WHERE vin = ?1 AND type = ?2 AND phase < 4),
    (SELECT count(*) FROM remote_action WHERE vin = ?1 AND asked_at_ms > ?3),
    coalesce((SELECT number FROM remote_wake_up WHERE vin = ?1 AND month = ?4), 0),
    EXISTS (SELECT 1 FROM remote_action WHERE vin = ?1 AND phase = 0),
    (SELECT last_upload_at_ms FROM intake WHERE vin = ?1),
    (SELECT heard_at_ms FROM remote_contact WHERE vin = ?1),
    (SELECT sent_at_ms FROM remote_contact WHERE vin = ?1),
    EXISTS (SELECT 1 FROM theft WHERE vin = ?1 AND ended_at_ms IS NULL),
    EXISTS (SELECT 1 FROM remote_contact WHERE vin = ?1 AND tracked),
    EXISTS (SELECT 1 FROM certificate WHERE vin = ?1)
        AND NOT EXISTS (SELECT 1 FROM certificate WHERE vin = ?1 AND revoked_at_ms IS NULL)
"""
_WAKE_UPS = "SELECT number FROM remote_wake_up WHERE vin = ? AND month = ?"
_COUNT_WAKE_UP = """
INSERT INTO remote_wake_up (vin, month, number) VALUES (?, ?, 1)
ON CONFLICT (vin, month) DO UPDATE SET number = number + 1
"""
_SENT = """
INSERT INTO remote_contact (vin, sent_at_ms) VALUES (?, ?)
ON CONFLICT (vin) DO UPDATE SET sent_at_ms = excluded.sent_at_ms
"""
_HEARD = """
INSERT INTO remote_contact (vin, heard_at_ms) VALUES (?, ?)
ON CONFLICT (vin) DO UPDATE SET heard_at_ms = excluded.heard_at_ms
"""
_HEARD_AT = "SELECT heard_at_ms FROM remote_contact WHERE vin = ?"
_TRACKED = """
INSERT INTO remote_contact (vin, tracked) VALUES (?, ?) ON CONFLICT (vin) DO UPDATE SET tracked = excluded.tracked
"""
_LOOK_NOW = "UPDATE remote_action SET look_at_ms = ? WHERE vin = ? AND phase < 2"
# Both may be gone, or the vehicle be in other fleets, since the request was looked at.
_CAN_BE_ASKED = """
SELECT 1 FROM remote_callback JOIN fleet_vehicle USING (fleet_id) WHERE remote_callback.id = ? AND vin = ?
"""
_IS_REGISTERED = "SELECT 1 FROM vehicle WHERE vin = ?"


class SqliteActions:
    """`cloud_bridge.store.port.remote.Actions` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, asked: RemoteAction, seen: Known, move: Callable[[Known], Move], now_ms: int
    ) -> RemoteAction | None:
        with self._database.write() as connection:
            if connection.execute(_CAN_BE_ASKED, (asked.callback_id, asked.vin)).fetchone() is None:
                return None
            decided = move(_known(connection, asked, seen, now_ms))
            values = (asked.id, asked.callback_id, asked.fleet_id, asked.vin, asked.type, asked.body)
            connection.execute(_ADD, (*values, *astuple(decided.life), now_ms, now_ms, decided.look_at_ms))
            return _write(connection, replace(asked, asked_at_ms=now_ms), decided, now_ms)

    def advance(
        self, action_id: str, seen: Known, move: Callable[[RemoteAction, Known], Move | None], now_ms: int
    ) -> RemoteAction | None:
        with self._database.write() as connection:
            action = _action(connection, action_id)
            if action is None or action.life.phase is Phase.DONE:
                return action
            decided = move(action, _known(connection, action, seen, now_ms))
            if decided is None:
                connection.execute(_LET_GO, (action_id,))
                return action
            return _change(connection, action, decided, now_ms)

    def answered(
        self, vin: str, action_id: str, move: Callable[[RemoteAction], Move | None], now_ms: int
    ) -> RemoteAction | None:
        with self._database.read() as connection:
            row = connection.execute(_HEARD_AT, (vin,)).fetchone()
            if row is not None and row[0] is not None and 0 <= now_ms - row[0] < HEARD_AGAIN_MS:
                action = _action(connection, action_id)
                if action is None or action.vin != vin:
                    return None
                if _changes_nothing(action, move(action)):
                    return action
        with self._database.write() as connection:
            if connection.execute(_IS_REGISTERED, (vin,)).fetchone() is None:
                return None
            connection.execute(_HEARD, (vin, now_ms))
            connection.execute(_LOOK_NOW, (now_ms, vin))
            action = _action(connection, action_id)
            if action is None or action.vin != vin:
                return None
            decided = move(action)
            return action if decided is None else _change(connection, action, decided, now_ms)

    def claim(self, now_ms: int, until_ms: int, limit: int) -> list[RemoteAction]:
        with self._database.read() as connection:
            if connection.execute(_DUE, (now_ms, 1)).fetchone() is None:
                return []
        with self._database.write() as connection:
            ids = [action_id for (action_id,) in connection.execute(_DUE, (now_ms, limit))]
            connection.executemany(_LEASE, [(until_ms, action_id) for action_id in ids])
            return [action for action_id in ids if (action := _action(connection, action_id)) is not None]

    def action(self, callback_id: str, vin: str, action_id: str) -> RemoteAction | None:
        with self._database.read() as connection:
            found = _action(connection, action_id)
        return found if found is not None and (found.callback_id, found.vin) == (callback_id, vin) else None

    def actions(self, callback_id: str, vin: str, offset: int, limit: int) -> tuple[int, list[RemoteAction]]:
        with self._database.read() as connection:
            (total,) = connection.execute(_COUNT, (callback_id, vin)).fetchone()
            return total, _all(connection, _SOME, (callback_id, vin, limit, offset))

    def in_progress(self) -> list[RemoteAction]:
        with self._database.read() as connection:
            return _all(connection, _IN_PROGRESS, ())

    def wake_ups(self, vin: str, now_ms: int) -> int:
        with self._database.read() as connection:
            row = connection.execute(_WAKE_UPS, (vin, _month(now_ms))).fetchone()
            return 0 if row is None else int(row[0])


def _known(connection: sqlite3.Connection, action: RemoteAction, seen: Known, now_ms: int) -> Known:
    place = (action.vin, action.type, now_ms - MINUTE_MS, _month(now_ms))
    same, lately, wake_ups, waking, said_ms, heard_ms, sent_ms, stolen, tracked, shut_out = connection.execute(
        _KNOWN, place
    ).fetchone()
    return replace(
        seen,
        is_same_in_progress=bool(same),
        lately=lately,
        wake_ups=wake_ups,
        is_waking=bool(waking),
        heard_at_ms=max((at_ms for at_ms in (said_ms, heard_ms) if at_ms is not None), default=None),
        said_at_ms=said_ms,
        sent_at_ms=sent_ms,
        is_stolen=bool(stolen),
        is_tracked=bool(tracked),
        is_shut_out=bool(shut_out),
    )


def _changes_nothing(action: RemoteAction, decided: Move | None) -> bool:
    return decided is None or (decided.life == action.life and not decided.events)


def _change(connection: sqlite3.Connection, action: RemoteAction, decided: Move, now_ms: int) -> RemoteAction:
    life = decided.life
    if _changes_nothing(action, decided):
        connection.execute(_LOOK_AT, (decided.look_at_ms, action.id))
        return action
    connection.execute(_CHANGE, (*astuple(life), now_ms, decided.look_at_ms, action.id))
    return _write(connection, action, decided, now_ms)


def _write(connection: sqlite3.Connection, action: RemoteAction, decided: Move, now_ms: int) -> RemoteAction:
    for number, event in enumerate(decided.events, len(action.told)):
        connection.execute(_ADD_EVENT, (action.id, number, event.status, event.cause, now_ms))
    put(connection, decided.notifications, now_ms)
    if decided.wakes:
        connection.execute(_COUNT_WAKE_UP, (action.vin, _month(now_ms)))
    if decided.sends:
        connection.execute(_SENT, (action.vin, now_ms))
    if decided.tracks is not None:
        connection.execute(_TRACKED, (action.vin, decided.tracks))
    if decided.declares is True:
        thefts.add(connection, action.vin, Theft(secrets.token_hex(20), now_ms, None, now_ms, now_ms))
        monitoring.touch(connection, action.vin, now_ms)
    elif decided.declares is False:
        monitoring.touch(connection, action.vin, now_ms)
        thefts.end(connection, action.vin, now_ms, now_ms)
    return replace(action, life=decided.life, updated_at_ms=now_ms, told=(*action.told, *decided.events))


def _action(connection: sqlite3.Connection, action_id: str) -> RemoteAction | None:
    return next(iter(_all(connection, _BY_ID, (action_id,))), None)


def _all(connection: sqlite3.Connection, statement: str, place: Sequence[object]) -> list[RemoteAction]:
    rows = connection.execute(statement, place).fetchall()
    return [_from(row, connection.execute(_EVENTS, (row[0],)).fetchall()) for row in rows]


def _from(row: Sequence[Any], events: Sequence[Any]) -> RemoteAction:
    action_id, callback_id, fleet_id, vin, type_, body, asked_at_ms, updated_at_ms, phase, *life = row
    told = tuple(msgspec.convert({"status": status, "cause": cause}, Event) for status, cause in events)
    return RemoteAction(
        action_id,
        callback_id,
        fleet_id,
        vin,
        type_,
        body,
        Life(Phase(phase), *life),
        asked_at_ms,
        updated_at_ms,
        told,
    )


def _month(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")
