"""How far vehicles are derived, on SQLite.

All of a vehicle's derived rows are guarded by the revision in `derived`: whoever computes reads it first and writes
only if it is still the same, so that two processes deriving one vehicle cannot mix their results.
"""

from __future__ import annotations

import sqlite3

from cloud_bridge.store.port.derived import Extent
from cloud_bridge.store.port.errors import StaleError

_UNFOLDED = """
SELECT 1 FROM fleet_vehicle JOIN derived USING (vin)
WHERE fleet_id = ? AND dirty_from_ms IS NOT NULL AND vin NOT IN (SELECT vin FROM set_aside) LIMIT 1
"""
_EXTENT = """
SELECT revision, dirty_from_ms, profile, EXISTS (SELECT 1 FROM pending WHERE pending.vin = derived.vin AND waits = 0)
FROM derived WHERE vin = ?
"""
_REVISION = "SELECT revision FROM derived WHERE vin = ?"
_IS_REGISTERED = "SELECT 1 FROM vehicle WHERE vin = ?"
_PUT_EXTENT = """
INSERT INTO derived (vin, revision, dirty_from_ms, profile, changed_at_ms)
VALUES (?, ?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (vin) DO UPDATE
SET revision = excluded.revision, dirty_from_ms = excluded.dirty_from_ms, profile = excluded.profile,
    changed_at_ms = excluded.changed_at_ms
"""


def is_folded(connection: sqlite3.Connection, vin: str) -> bool:
    """Whether the vehicle's records are of all of its chunks."""
    return extent_of(connection, vin).dirty_from_ms is None


def is_fleet_folded(connection: sqlite3.Connection, fleet_id: str) -> bool:
    """The same of all vehicles of the fleet that are not set aside."""
    return connection.execute(_UNFOLDED, (fleet_id,)).fetchone() is None


def extent_of(connection: sqlite3.Connection, vin: str) -> Extent:
    row = connection.execute(_EXTENT, (vin,)).fetchone()
    return Extent() if row is None else Extent(*row)


def expect(connection: sqlite3.Connection, vin: str, extent: Extent) -> None:
    """Raises StaleError where somebody else changed something of the vehicle since."""
    (revision,) = connection.execute(_REVISION, (vin,)).fetchone() or (0,)
    if revision != extent.revision:
        raise StaleError(vin)


def changed(connection: sqlite3.Connection, vin: str, extent: Extent) -> Extent:
    """Marks that something of the vehicle was changed, so that who is deriving it looks again."""
    return put_extent(connection, vin, extent, extent.dirty_from_ms)


def put_extent(connection: sqlite3.Connection, vin: str, extent: Extent, dirty_from_ms: int | None) -> Extent:
    """With the next revision. Raises StaleError where the vehicle is not registered any more."""
    if connection.execute(_IS_REGISTERED, (vin,)).fetchone() is None:
        raise StaleError(vin)  # It was erased, and nothing may be left of it.
    after = Extent(extent.revision + 1, dirty_from_ms, extent.profile)
    connection.execute(_PUT_EXTENT, (vin, after.revision, after.dirty_from_ms, after.profile))
    return after
