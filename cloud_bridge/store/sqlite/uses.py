"""How often clients asked, on SQLite."""

from __future__ import annotations

from collections.abc import Mapping

from cloud_bridge.store.sqlite.database import Database

_USES = "SELECT minute, requests FROM client_use WHERE client_id = ? AND minute >= ?"
# A client may have been removed meanwhile.
_ADD = """
INSERT INTO client_use (client_id, minute, requests) SELECT id, ?, ? FROM client WHERE id = ?
ON CONFLICT (client_id, minute) DO UPDATE SET requests = requests + excluded.requests
"""
_FORGET = "DELETE FROM client_use WHERE client_id = ? AND minute < ?"


class SqliteUses:
    """`cloud_bridge.store.port.uses.Uses` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def uses(self, client_id: str, since: int) -> dict[int, int]:
        # A snapshot may be of before the last save, which the caller counts as written.
        with self._database.outside(), self._database.read() as connection:
            return dict(connection.execute(_USES, (client_id, since)).fetchall())

    def add_uses(self, uses: Mapping[str, Mapping[int, int]], since: int, kept: int) -> dict[str, dict[int, int]]:
        added = [(minute, requests, client) for client, counts in uses.items() for minute, requests in counts.items()]
        with self._database.write() as connection:
            connection.executemany(_ADD, added)
            connection.executemany(_FORGET, [(client, kept) for client in uses])
            return {client: dict(connection.execute(_USES, (client, since)).fetchall()) for client in uses}
