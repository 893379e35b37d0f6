"""The certificates that vehicles were given, on SQLite."""

from __future__ import annotations

from typing import Any

from cloud_bridge.store.port.identities import Issued
from cloud_bridge.store.sqlite.database import Database

_FORGET = "DELETE FROM certificate WHERE ends_at_ms < ?"
_ADD = """
INSERT INTO certificate (serial, vin, der, issued_at_ms, ends_at_ms, revoked_at_ms) VALUES (?, ?, ?, ?, ?, ?)
"""
_OF = """
SELECT serial, vin, der, issued_at_ms, ends_at_ms, revoked_at_ms FROM certificate WHERE vin = ? ORDER BY issued_at_ms
"""
_REVOKE = "UPDATE certificate SET revoked_at_ms = ? WHERE vin = ? AND revoked_at_ms IS NULL"
# Found by the vehicle again when it has another certificate.
_UNPUBLISHED = "UPDATE watch_list SET published = 0 WHERE vin = ?"
# What it was asked to do ends with it.
_LOOK_NOW = "UPDATE remote_action SET look_at_ms = ? WHERE vin = ? AND phase < 4"
# What processes remember of who may send has to be asked anew.
_REMOVED = "UPDATE removal SET number = number + 1"
_REVOKED = """
SELECT serial, vin, der, issued_at_ms, ends_at_ms, revoked_at_ms FROM certificate
WHERE revoked_at_ms IS NOT NULL AND ends_at_ms >= ? ORDER BY serial
"""


class SqliteIdentities:
    """`cloud_bridge.store.port.identities.Identities` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, issued: Issued) -> None:
        with self._database.write() as connection:
            connection.execute(_FORGET, (issued.issued_at_ms,))
            values = (issued.vin, issued.der, issued.issued_at_ms, issued.ends_at_ms, issued.revoked_at_ms)
            connection.execute(_ADD, (f"{issued.serial:x}", *values))

    def of(self, vin: str) -> list[Issued]:
        with self._database.read() as connection:
            return [_issued(row) for row in connection.execute(_OF, (vin,))]

    def revoke(self, vin: str, now_ms: int) -> int:
        with self._database.write() as connection:
            connection.execute(_REMOVED)
            connection.execute(_UNPUBLISHED, (vin,))
            connection.execute(_LOOK_NOW, (now_ms, vin))
            return connection.execute(_REVOKE, (now_ms, vin)).rowcount

    def revoked(self, now_ms: int) -> list[Issued]:
        with self._database.read() as connection:
            return [_issued(row) for row in connection.execute(_REVOKED, (now_ms,))]


def _issued(row: tuple[Any, ...]) -> Issued:
    serial, *rest = row
    return Issued(int(serial, 16), *rest)
