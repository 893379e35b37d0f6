"""How boots are dated, on SQLite: their anchors, and what these date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from cloud_bridge.store.port import Dating
from contract.upload import Anchor, AnchorSource

_ANCHORS = """
SELECT at_ms, utc_ms, uncertainty_ms, source FROM anchor WHERE vin = ? AND kernel = ?
ORDER BY at_ms, utc_ms, uncertainty_ms, source
"""
_DROP_ANCHORS = "DELETE FROM anchor WHERE vin = ? AND kernel = ?"
_PUT_ANCHOR = """
INSERT INTO anchor (vin, kernel, at_ms, utc_ms, uncertainty_ms, source, believed) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_DATED_SINCE = """
SELECT min(from_ms) FROM chunk JOIN upload USING (vin, boot, sequence)
WHERE vin = ? AND boot BETWEEN ? AND ? AND to_ms >= ? AND from_ms <= ?
"""
_PENDING_AGAIN = """
INSERT INTO pending (vin, waits, boot, sequence, manifest)
SELECT vin, 0, boot, sequence, upload.manifest FROM chunk JOIN upload USING (vin, boot, sequence)
WHERE vin = ? AND boot BETWEEN ? AND ? AND to_ms >= ? AND from_ms <= ?
"""
# What is of an upload that is deleted stays as it was dated.
_DROP_DATED = """
DELETE FROM chunk WHERE vin = ? AND boot BETWEEN ? AND ? AND to_ms >= ? AND from_ms <= ?
    AND EXISTS (SELECT 1 FROM upload WHERE (vin, boot, sequence) = (chunk.vin, chunk.boot, chunk.sequence))
"""
_STOP_WAITING = "UPDATE pending SET waits = 0 WHERE vin = ? AND waits = 2 AND boot BETWEEN ? AND ?"

_END_MS = 2**62


def anchors(connection: sqlite3.Connection, vin: str, kernel: bytes) -> tuple[Anchor, ...]:
    """What is remembered of the anchors of a kernel boot."""
    rows = connection.execute(_ANCHORS, (vin, kernel))
    return tuple(anchor for row in rows if (anchor := anchor_of(*row)) is not None)


def date(connection: sqlite3.Connection, vin: str, kernel: bytes, new: Dating) -> Iterator[int]:
    """Dates the kernel boot; gives the times from which chunks were dated differently, which are pending now."""
    boots = (vin, kernel + bytes(8), kernel + b"\xff" * 8)
    for from_ms, to_ms in new.changed:
        within = (*boots, from_ms, _END_MS if to_ms is None else to_ms)
        (dated_since,) = connection.execute(_DATED_SINCE, within).fetchone()
        if dated_since is not None:
            connection.execute(_PENDING_AGAIN, within)
            connection.execute(_DROP_DATED, within)
            yield int(dated_since)
    if new.believed:
        connection.execute(_STOP_WAITING, boots)
    connection.execute(_DROP_ANCHORS, (vin, kernel))
    connection.executemany(
        _PUT_ANCHOR,
        [
            (vin, kernel, one.at_ms, one.utc_ms, one.uncertainty_ms, one.source.value, int(one in new.believed))
            for one in new.anchors
        ],
    )


def anchor_of(at_ms: int | None, utc_ms: int | None, uncertainty_ms: int | None, source: str | None) -> Anchor | None:
    if at_ms is None or utc_ms is None or uncertainty_ms is None or source is None:
        return None
    return Anchor(at_ms, utc_ms, uncertainty_ms, AnchorSource(source))
