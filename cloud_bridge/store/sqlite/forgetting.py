"""Forgetting what is derived of a vehicle, on SQLite, in steps between which others may write.

The first step marks the vehicle: it has no profile, and everything of it is to be folded. So no reader takes what is
left of it for its records, and whoever wants to derive it has to forget it first, from the beginning: what a killed
process left off is taken up again, and all that was done before stays done. The last step takes the mark away. Several
processes may be at it at once; the first that ends changes the revision, at which the others leave off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from msgspec.structs import replace

from cloud_bridge.store.port.derived import Extent
from cloud_bridge.store.port.times import BEGINNING_MS
from cloud_bridge.store.sqlite import damage
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.extent import expect, extent_of, put_extent

AT_ONCE = 500
"""Rows in one step: some tens of milliseconds."""

_UPLOADS = """
SELECT boot, sequence, manifest, EXISTS (SELECT 1 FROM manifest WHERE manifest.vin = ?1 AND id = upload.manifest)
FROM upload WHERE vin = ?1 AND (boot, sequence) > (?2, ?3) ORDER BY boot, sequence LIMIT ?4
"""
_NOT_PENDING = "DELETE FROM pending WHERE vin = ? AND waits IN (0, 1, 2) AND boot = ? AND sequence = ?"
_DROP_CHUNK = "DELETE FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_PENDING = "INSERT INTO pending (vin, boot, sequence, manifest, waits) VALUES (?, ?, ?, ?, ?)"
_WANT = "INSERT OR IGNORE INTO wanted (vin, manifest) VALUES (?, ?)"
_DROP = (
    """
    DELETE FROM checkpoint WHERE vin = ?1 AND until_ms IN (
        SELECT until_ms FROM checkpoint WHERE vin = ?1 AND span < 3 LIMIT ?2
    )
    """,
    "DELETE FROM record WHERE vin = ?1 AND id IN (SELECT id FROM record WHERE vin = ?1 LIMIT ?2)",
    """
    DELETE FROM implausible WHERE vin = ?1 AND (at_ms, datum) IN (
        SELECT at_ms, datum FROM implausible WHERE vin = ?1 LIMIT ?2
    )
    """,
    """
    DELETE FROM anchor WHERE vin = ?1 AND (kernel, at_ms, utc_ms, uncertainty_ms, source) IN (
        SELECT kernel, at_ms, utc_ms, uncertainty_ms, source FROM anchor WHERE vin = ?1 LIMIT ?2
    )
    """,
)
_DROP_STATUS = "DELETE FROM status WHERE vin = ?"
_TAKE_KEPT = """
INSERT INTO anchor (vin, kernel, at_ms, utc_ms, uncertainty_ms, source, believed)
SELECT vin, kernel, at_ms, utc_ms, uncertainty_ms, source, 1 FROM kept_anchor WHERE vin = ?
"""
_IS_READY = "SELECT 1 FROM pending WHERE vin = ? AND waits = 0 LIMIT 1"
_HAS_REST = "SELECT 1 FROM chunk WHERE vin = ? LIMIT 1"

_Place = tuple[bytes, int]
"""A boot and a sequence number: uploads up to there are done."""


def forget(database: Database, vin: str, profile: bytes, at_once: int = AT_ONCE) -> Iterator[Extent]:
    """`cloud_bridge.store.port.derived.Derived.forget`; at most `at_once` rows in each step."""
    with database.write() as connection:
        marked = _mark(connection, vin)
        extent, place = _step(connection, vin, marked, profile, (b"", -1), at_once)
    yield extent
    while extent == marked:
        with database.write() as connection:
            expect(connection, vin, marked)
            extent, place = _step(connection, vin, marked, profile, place, at_once)
        yield extent


def _mark(connection: sqlite3.Connection, vin: str) -> Extent:
    extent = extent_of(connection, vin)
    if not extent.is_half_forgotten:
        extent = put_extent(connection, vin, replace(extent, profile=b""), BEGINNING_MS)
    return extent


def _step(
    connection: sqlite3.Connection, vin: str, marked: Extent, profile: bytes, place: _Place, at_once: int
) -> tuple[Extent, _Place]:
    number, place = _take_back(connection, vin, place, at_once)
    for statement in _DROP:
        if number < at_once:
            number += connection.execute(statement, (vin, at_once - number)).rowcount
    if number >= at_once:
        return marked, place
    connection.execute(_DROP_STATUS, (vin,))
    connection.execute(_TAKE_KEPT, (vin,))
    damage.rebuilt(connection, vin)
    to_do = (connection.execute(query, (vin,)).fetchone() for query in (_IS_READY, _HAS_REST))
    # Who reads now must not take what is not derived yet for nothing.
    dirty_from_ms = BEGINNING_MS if any(to_do) else None
    return put_extent(connection, vin, replace(marked, profile=profile), dirty_from_ms), place


def _take_back(connection: sqlite3.Connection, vin: str, place: _Place, at_once: int) -> tuple[int, _Place]:
    """The next uploads are pending, and nothing is told of them: how many, and up to where."""
    uploads = connection.execute(_UPLOADS, (vin, *place, at_once)).fetchall()
    keys = [(vin, boot, sequence) for boot, sequence, _, _ in uploads]
    connection.executemany(_NOT_PENDING, keys)
    connection.executemany(_DROP_CHUNK, keys)
    connection.executemany(
        _PENDING, [(vin, boot, sequence, manifest, int(not has)) for boot, sequence, manifest, has in uploads]
    )
    connection.executemany(_WANT, {(vin, manifest) for _, _, manifest, has in uploads if not has})
    return len(uploads), uploads[-1][:2] if uploads else place
