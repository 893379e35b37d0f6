"""`cloud_bridge.store.port.damage.Damage` on SQLite.

Telemetry of which the upload is deleted cannot be derived again. Where it cannot be read either, a rebuild makes it
empty: all that was is a stretch of time of which nothing is known. `unread` keeps the bytes, and says which these are.
"""

from __future__ import annotations

import sqlite3

from cloud_bridge.store.port.damage import Unreadable
from cloud_bridge.store.port.derived import kernel_of
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.store.sqlite.chunks import pack, pack_data, pack_kinds, unpack_dated
from cloud_bridge.store.sqlite.database import UNREADABLE, Database
from cloud_bridge.store.sqlite.extent import changed, extent_of
from cloud_bridge.store.sqlite.vehicles import vehicle_from

_SET_ASIDE = """
INSERT INTO set_aside (vin, reading, since_ms) SELECT vin, ?2, ?3 FROM vehicle WHERE vin = ?1
ON CONFLICT (vin) DO UPDATE SET reading = max(reading, excluded.reading)
"""
_IS_SET_ASIDE = "SELECT 1 FROM set_aside WHERE vin = ?"
_ALL_SET_ASIDE = "SELECT vin, since_ms FROM set_aside ORDER BY vin"
_DERIVED = "DELETE FROM set_aside WHERE vin = ? AND reading = 0"
_REBUILT = "DELETE FROM set_aside WHERE vin = ?"
_OF_FLEET = """
SELECT id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services
FROM set_aside JOIN fleet_vehicle USING (vin) JOIN vehicle USING (vin) WHERE fleet_id = ? ORDER BY vin
"""
_LEFT = """
SELECT boot, sequence, body, clock FROM chunk WHERE vin = ?1 AND NOT EXISTS (
    SELECT 1 FROM upload WHERE (upload.vin, upload.boot, upload.sequence) = (?1, chunk.boot, chunk.sequence)
)
"""
_EMPTY = """
UPDATE chunk SET unread = body, messages = 0, positions = 0, body = ?, clock = x'', kinds = ?, data = ?
WHERE vin = ? AND boot = ? AND sequence = ?
"""
# An upload is a chunk, or waits to be one; or it could not be.
_COUNT = """
SELECT (
    SELECT count(*) FROM upload WHERE vin = ?1
    AND NOT EXISTS (SELECT 1 FROM chunk WHERE (vin, boot, sequence) = (?1, upload.boot, upload.sequence))
    AND NOT EXISTS (
        SELECT 1 FROM pending
        WHERE vin = ?1 AND waits IN (0, 1, 2) AND (boot, sequence) = (upload.boot, upload.sequence)
    )
), (SELECT count(*) FROM chunk WHERE vin = ?1 AND unread IS NOT NULL)
"""
_PUT = """
INSERT OR REPLACE INTO unreadable (vin, uploads, telemetry, states) SELECT vin, ?2, ?3, ?4 FROM vehicle WHERE vin = ?1
"""
_DROP = "DELETE FROM unreadable WHERE vin = ?"
_ALL = "SELECT vin, uploads, telemetry, states FROM unreadable ORDER BY vin"


class SqliteDamage:
    def __init__(self, database: Database) -> None:
        self._database = database

    def set_aside(self, vin: str, now_ms: int, *, reading: bool) -> None:
        with self._database.write() as connection:
            connection.execute(_SET_ASIDE, (vin, int(reading), now_ms))

    def is_set_aside(self, vin: str) -> bool:
        with self._database.read() as connection:
            return connection.execute(_IS_SET_ASIDE, (vin,)).fetchone() is not None

    def all_set_aside(self) -> dict[str, int]:
        with self._database.read() as connection:
            return dict(connection.execute(_ALL_SET_ASIDE).fetchall())

    def all_unreadable(self) -> dict[str, Unreadable]:
        with self._database.read() as connection:
            return {row[0]: Unreadable(*row[1:]) for row in connection.execute(_ALL)}

    def empty_unreadable_telemetry(self, vin: str) -> None:
        with self._database.read() as connection:
            left = connection.execute(_LEFT, (vin,))
            found = [(boot, number) for boot, number, body, clock in left if _is_bad(body, clock, boot)]
        if found:
            nothing = (pack([]), pack_kinds([]), pack_data([]))
            with self._database.write() as connection:
                connection.executemany(_EMPTY, [(*nothing, vin, *key) for key in found])
                changed(connection, vin, extent_of(connection, vin))

    def put_unreadable(self, vin: str, states: int) -> Unreadable:
        with self._database.write() as connection:
            uploads, telemetry = connection.execute(_COUNT, (vin,)).fetchone()
            found = Unreadable(uploads, telemetry, states)
            if any(found):
                connection.execute(_PUT, (vin, *found))
            else:
                connection.execute(_DROP, (vin,))
        return found


def derived(connection: sqlite3.Connection, vin: str) -> None:
    """Takes back that the vehicle is set aside, where deriving it was what failed."""
    connection.execute(_DERIVED, (vin,))


def rebuilt(connection: sqlite3.Connection, vin: str) -> None:
    """Takes it back whatever failed."""
    connection.execute(_REBUILT, (vin,))


def of_fleet(connection: sqlite3.Connection, fleet_id: str) -> list[Vehicle]:
    """Those that are set aside, by VIN."""
    return [vehicle_from(row) for row in connection.execute(_OF_FLEET, (fleet_id,))]


def _is_bad(body: bytes, clock: bytes, boot: bytes) -> bool:
    try:
        unpack_dated(body, clock, kernel_of(boot))
    except (*UNREADABLE, ValueError):  # ValueError: as many times as messages there must be.
        return True
    return False
