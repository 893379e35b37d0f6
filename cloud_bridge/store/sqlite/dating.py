"""How boots are dated, on SQLite: their anchors, and what these date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from cloud_bridge.store.port.derived import Dating
from contract.upload import Anchor, AnchorSource

_ANCHORS = """
SELECT at_ms, utc_ms, uncertainty_ms, source FROM anchor WHERE vin = ? AND kernel = ?
ORDER BY at_ms, utc_ms, uncertainty_ms, source
"""
_DROP_ANCHORS = "DELETE FROM anchor WHERE vin = ? AND kernel = ?"
_PUT_ANCHOR = """
INSERT INTO anchor (vin, kernel, at_ms, utc_ms, uncertainty_ms, source, believed) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_LONGEST = "SELECT coalesce(max(to_ms - from_ms), 0) FROM chunk WHERE vin = ?"
# By time and not by boot: a boot may last for months. What is of an upload that is deleted stays as it was dated.
_DATED = """
SELECT vin, boot, sequence, upload.manifest, from_ms
FROM chunk INDEXED BY chunk_by_time JOIN upload USING (vin, boot, sequence)
WHERE vin = ? AND from_ms >= ? AND from_ms <= ? AND to_ms >= ? AND boot BETWEEN ? AND ?
"""
_PENDING_AGAIN = "INSERT INTO pending (vin, waits, boot, sequence, manifest) VALUES (?, 0, ?, ?, ?)"
_DROP_CHUNK = "DELETE FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_STOP_WAITING = "UPDATE pending SET waits = 0 WHERE vin = ? AND waits = 2 AND boot BETWEEN ? AND ?"

_BEGINNING_MS, _END_MS = -(2**62), 2**62


def anchors(connection: sqlite3.Connection, vin: str, kernel: bytes) -> tuple[Anchor, ...]:
    """What is remembered of the anchors of a kernel boot."""
    rows = connection.execute(_ANCHORS, (vin, kernel))
    return tuple(anchor for row in rows if (anchor := anchor_of(*row)) is not None)


def date(connection: sqlite3.Connection, vin: str, kernel: bytes, new: Dating) -> Iterator[int]:
    """Dates the kernel boot; gives the times from which chunks were dated differently, which are pending now."""
    first, last = kernel + bytes(8), kernel + b"\xff" * 8
    for from_ms, to_ms in new.changed:
        (longest_ms,) = connection.execute(_LONGEST, (vin,)).fetchone()
        since_ms, until_ms = max(_BEGINNING_MS, from_ms - longest_ms), _END_MS if to_ms is None else to_ms
        found = connection.execute(_DATED, (vin, since_ms, until_ms, from_ms, first, last)).fetchall()
        connection.executemany(_PENDING_AGAIN, [chunk[:4] for chunk in found])
        connection.executemany(_DROP_CHUNK, [chunk[:3] for chunk in found])
        if found:
            yield min(chunk[4] for chunk in found)
    if new.believed:
        connection.execute(_STOP_WAITING, (vin, first, last))
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
