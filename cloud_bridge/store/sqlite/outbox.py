"""Notifications on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cloud_bridge.store.port.outbox import Attempted, Head, Kept, Notification, NotificationState, Trouble, Waiting
from cloud_bridge.store.sqlite.charge import Charge
from cloud_bridge.store.sqlite.database import Database

_PUT = """
INSERT INTO notification (id, sender, fleet_id, vin, at_ms, refresh, body, variables, state, created_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (id) DO NOTHING
"""
_KEPT = """
SELECT id, sender, fleet_id, vin, at_ms, refresh, body, variables,
    state, number, created_at_ms, settled_at_ms, attempts, failure, batch
FROM notification
"""
_NEWEST_EVER = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'notification'), 0)"
_ARRIVED = "SELECT DISTINCT sender FROM notification WHERE number > ? AND state = 0 ORDER BY sender"
_WAITING = _KEPT + "WHERE sender = ? AND state = 0 ORDER BY number LIMIT ?"
_EXTENT = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM notification WHERE sender = ?1 AND state = 0 LIMIT ?2)),
    (SELECT max(number) FROM notification WHERE sender = ?1 AND state = 0)
"""
_TROUBLE = "SELECT sender, failures, tries, since_ms, next_attempt_ms, newer_than FROM delivery_trouble"
_BIND = "UPDATE notification SET batch = ? WHERE id = ? AND state = 0"
_DELIVERED = """
UPDATE notification SET state = 1, settled_at_ms = ?, body = NULL, attempts = attempts + 1, failure = ''
WHERE id = ? AND state = 0
"""
_FAILED = "UPDATE notification SET attempts = attempts + 1, failure = ? WHERE id = ? AND state = 0"
_GIVEN_UP = "UPDATE notification SET state = 2, settled_at_ms = ? WHERE id = ? AND state = 0"
_NO_TROUBLE = "DELETE FROM delivery_trouble WHERE sender = ?"
# It may have been deleted while the attempt was under way.
_PUT_TROUBLE = """
INSERT OR REPLACE INTO delivery_trouble (sender, failures, tries, since_ms, next_attempt_ms, newer_than)
SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM notification WHERE sender = ?1)
"""
_FORGET = """
DELETE FROM notification WHERE number IN (SELECT number FROM notification WHERE sender = ? LIMIT ?)
"""
_FORGOTTEN_AT_ONCE = 1000
_DROP = """
DELETE FROM notification WHERE number IN (
    SELECT number FROM notification WHERE sender = ? AND state = 0 ORDER BY number LIMIT ?
)
"""
_EXPIRE = """
UPDATE notification SET state = 2, settled_at_ms = ?, failure = trim('was not delivered in time; ' || failure, '; ')
WHERE number IN (SELECT number FROM notification WHERE state = 0 AND created_at_ms < ? ORDER BY created_at_ms LIMIT ?)
"""
# From one sender to the next by the index, past all that it has waiting.
_SENDERS = """
WITH RECURSIVE each (sender) AS (
    SELECT (SELECT min(sender) FROM notification WHERE state = 0)
    UNION ALL
    SELECT (SELECT min(sender) FROM notification WHERE sender > each.sender AND state = 0)
    FROM each WHERE each.sender IS NOT NULL
)
SELECT sender FROM each WHERE sender IS NOT NULL
"""
_TOO_MANY = "SELECT number FROM notification WHERE sender = ? AND state = 0 ORDER BY number DESC LIMIT 1 OFFSET ?"
_TRIM = """
UPDATE notification SET state = 2, settled_at_ms = ?, failure = trim('too many were waiting; ' || failure, '; ')
WHERE sender = ? AND state = 0 AND number <= ?
"""
_WAITING_OF_EACH = """
SELECT sender, min(fleet_id), count(*), min(created_at_ms), (
    SELECT failure FROM notification AS oldest WHERE sender = notification.sender AND state = 0 ORDER BY number LIMIT 1
) FROM notification WHERE state = 0 GROUP BY sender ORDER BY sender
"""
_COUNTS = """
SELECT (SELECT count(*) FROM notification WHERE state = 0), (SELECT count(*) FROM notification WHERE state = 2)
"""
_COUNT_DEAD = "SELECT count(*) FROM notification WHERE state = 2"
_COUNT_DEAD_OF = "SELECT count(*) FROM notification WHERE sender = ? AND state = 2"
_DEAD = _KEPT + "WHERE state = 2 ORDER BY settled_at_ms DESC, number DESC LIMIT ? OFFSET ?"
_DEAD_OF = _KEPT + "WHERE sender = ? AND state = 2 ORDER BY number DESC LIMIT ? OFFSET ?"
_FIND = _KEPT + "WHERE id = ?"
_OLDEST_DEAD = "SELECT id FROM notification WHERE sender = ? AND state = 2 ORDER BY number LIMIT ?"
_TAKE_OUT = """
DELETE FROM notification WHERE id = ? AND state = 2
RETURNING id, sender, fleet_id, vin, at_ms, refresh, body, variables
"""

_variables = msgspec.json.Decoder(dict[str, str]).decode


def put(connection: sqlite3.Connection, notifications: Iterable[Notification], now_ms: int) -> int:
    """Writes them in the caller's transaction, in this order; how many were not there yet."""
    number = 0
    for one in notifications:
        values = (one.id, one.sender, one.fleet_id, one.vin, one.at_ms, one.refresh, one.body)
        number += connection.execute(_PUT, (*values, msgspec.json.encode(one.variables), now_ms)).rowcount
    return number


def try_anew(connection: sqlite3.Connection, sender: str) -> None:
    """The sender's webhook is another one now: what waits for it waits no longer for the one before."""
    connection.execute(_NO_TROUBLE, (sender,))


def forget(database: Database, sender: str) -> None:
    """Deletes what was to be told for a sender that is deleted: some at a time, others write too. What is left when
    this is killed belongs to no sender, and goes as such."""
    while True:
        with database.write() as connection:
            if connection.execute(_FORGET, (sender, _FORGOTTEN_AT_ONCE)).rowcount < _FORGOTTEN_AT_ONCE:
                return


class SqliteOutbox:
    """`cloud_bridge.store.port.outbox.Outbox` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._charge = Charge(database.path, "delivery")

    def take_charge(self) -> bool:
        return self._charge.take()

    def leave(self) -> None:
        self._charge.leave()

    def arrivals(self, after: int) -> tuple[int, list[str]]:
        with self._database.read() as connection:
            (newest,) = connection.execute(_NEWEST_EVER).fetchone()
            if newest <= after:
                return newest, []
            # All that ever came is too much to look through, what waits of each is not.
            found = connection.execute(_ARRIVED, (after,)) if after else connection.execute(_SENDERS)
            return newest, [sender for (sender,) in found]

    def waiting(self, sender: str, limit: int) -> list[Kept]:
        with self._database.read() as connection:
            return [_kept(row) for row in connection.execute(_WAITING, (sender, limit))]

    def head(self, sender: str, limit: int) -> Head | None:
        with self._database.read() as connection:
            row = connection.execute(_WAITING, (sender, 1)).fetchone()
            return None if row is None else Head(_kept(row), *connection.execute(_EXTENT, (sender, limit)).fetchone())

    def trouble(self, sender: str) -> Trouble | None:
        with self._database.read() as connection:
            row = connection.execute(f"{_TROUBLE} WHERE sender = ?", (sender,)).fetchone()
            return None if row is None else Trouble(*row)

    def bind(self, ids: Sequence[str], batch: str) -> None:
        with self._database.write() as connection:
            connection.executemany(_BIND, [(batch, notification_id) for notification_id in ids])

    def settle(self, attempts: Sequence[Attempted], now_ms: int) -> None:
        with self._database.write() as connection:
            for attempt in attempts:
                _settle(connection, attempt, now_ms)

    def drop(self, sender: str, limit: int) -> int:
        with self._database.write() as connection:
            connection.execute(_NO_TROUBLE, (sender,))
            return connection.execute(_DROP, (sender, limit)).rowcount

    def expire(self, before_ms: int, limit: int, now_ms: int) -> int:
        with self._database.write() as connection:
            return connection.execute(_EXPIRE, (now_ms, before_ms, limit)).rowcount

    def trim(self, most: int, now_ms: int) -> dict[str, int]:
        with self._database.read() as connection:
            senders = [sender for (sender,) in connection.execute(_SENDERS)]
            found = [(sender, connection.execute(_TOO_MANY, (sender, most)).fetchone()) for sender in senders]
        trimmed = {}
        for sender, row in found:
            if row is not None:
                with self._database.write() as connection:
                    trimmed[sender] = connection.execute(_TRIM, (now_ms, sender, row[0])).rowcount
        return trimmed

    def senders(self) -> list[Waiting]:
        with self._database.read() as connection:
            return [Waiting(*row) for row in connection.execute(_WAITING_OF_EACH)]

    def troubles(self) -> list[Trouble]:
        with self._database.read() as connection:
            return [Trouble(*row) for row in connection.execute(f"{_TROUBLE} ORDER BY sender")]

    def counts(self) -> tuple[int, int]:
        with self._database.read() as connection:
            waiting, dead = connection.execute(_COUNTS).fetchone()
            return waiting, dead

    def dead(self, offset: int, limit: int, sender: str | None = None) -> tuple[int, list[Kept]]:
        of, count, select = ((), _COUNT_DEAD, _DEAD) if sender is None else ((sender,), _COUNT_DEAD_OF, _DEAD_OF)
        with self._database.read() as connection:
            (total,) = connection.execute(count, of).fetchone()
            return total, [_kept(row) for row in connection.execute(select, (*of, limit, offset))]

    def find(self, notification_id: str) -> Kept | None:
        with self._database.read() as connection:
            row = connection.execute(_FIND, (notification_id,)).fetchone()
            return None if row is None else _kept(row)

    def replay(self, ids: Sequence[str], now_ms: int) -> int:
        with self._database.write() as connection:
            return _replay(connection, ids, now_ms)

    def replay_all(self, sender: str, limit: int, now_ms: int) -> int:
        with self._database.write() as connection:
            ids = [found for (found,) in connection.execute(_OLDEST_DEAD, (sender, limit)).fetchall()]
            return _replay(connection, ids, now_ms)


def _settle(connection: sqlite3.Connection, attempt: Attempted, now_ms: int) -> None:
    if attempt.trouble is None:
        connection.executemany(_DELIVERED, [(now_ms, notification_id) for notification_id in attempt.ids])
        connection.execute(_NO_TROUBLE, (attempt.sender,))
        return
    connection.executemany(_FAILED, [(attempt.failure, notification_id) for notification_id in attempt.ids])
    if attempt.dead:
        connection.executemany(_GIVEN_UP, [(now_ms, notification_id) for notification_id in attempt.ids])
    connection.execute(_PUT_TROUBLE, msgspec.structs.astuple(attempt.trouble))


def _replay(connection: sqlite3.Connection, ids: Sequence[str], now_ms: int) -> int:
    """Written anew they have a new place in the order, and wait by themselves."""
    number = 0
    for notification_id in ids:
        row = connection.execute(_TAKE_OUT, (notification_id,)).fetchone()
        if row is not None:
            number += put(connection, [_notification(row)], now_ms)
    return number


def _kept(row: Sequence[Any]) -> Kept:
    state, number, created_at_ms, settled_at_ms, attempts, failure, batch = row[8:]
    return Kept(
        _notification(row[:8]),
        NotificationState(state),
        number,
        created_at_ms,
        settled_at_ms,
        attempts,
        failure,
        batch,
    )


def _notification(row: Sequence[Any]) -> Notification:
    notification_id, sender, fleet_id, vin, at_ms, refresh, body, variables = row
    return Notification(
        notification_id, sender, fleet_id, vin, at_ms, bool(refresh), body or b"", _variables(variables)
    )
