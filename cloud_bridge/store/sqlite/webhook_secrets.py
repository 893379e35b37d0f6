"""What notifications are signed with, on SQLite."""

from __future__ import annotations

import secrets
import sqlite3

from cloud_bridge.store.port.webhook_secrets import SECRET_BYTES, WebhookSecret
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.registry import expect_fleet

_SIGNING = """
SELECT secret, created_at_ms, expires_at_ms FROM webhook_secret
WHERE fleet_id = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)
ORDER BY expires_at_ms IS NOT NULL, created_at_ms DESC
"""
_ADD = "INSERT INTO webhook_secret (fleet_id, secret, created_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_FORGET = "DELETE FROM webhook_secret WHERE fleet_id = ? AND expires_at_ms <= ?"
_EXPIRE = "UPDATE webhook_secret SET expires_at_ms = min(coalesce(expires_at_ms, ?1), ?1) WHERE fleet_id = ?2"
_NEWEST = "SELECT coalesce(max(created_at_ms), 0) FROM webhook_secret WHERE fleet_id = ?"


class SqliteWebhookSecrets:
    """`cloud_bridge.store.port.webhook_secrets.WebhookSecrets` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def secrets(self, fleet_id: str, now_ms: int) -> list[WebhookSecret]:
        with self._database.read() as connection:
            found = _signing(connection, fleet_id, now_ms)
        if found and found[0].expires_at_ms is None:
            return found
        with self._database.write() as connection:
            expect_fleet(connection, fleet_id)
            connection.execute(_ADD, (fleet_id, secrets.token_bytes(SECRET_BYTES), now_ms))
            return _signing(connection, fleet_id, now_ms)

    def rotate(self, fleet_id: str, now_ms: int, overlap_ms: int) -> list[WebhookSecret]:
        with self._database.write() as connection:
            expect_fleet(connection, fleet_id)
            connection.execute(_FORGET, (fleet_id, now_ms))
            connection.execute(_EXPIRE, (now_ms + overlap_ms, fleet_id))
            (newest_ms,) = connection.execute(_NEWEST, (fleet_id,)).fetchone()
            connection.execute(_ADD, (fleet_id, secrets.token_bytes(SECRET_BYTES), max(now_ms, newest_ms + 1)))
            return _signing(connection, fleet_id, now_ms)


def _signing(connection: sqlite3.Connection, fleet_id: str, now_ms: int) -> list[WebhookSecret]:
    return [WebhookSecret(*row) for row in connection.execute(_SIGNING, (fleet_id, now_ms))]
