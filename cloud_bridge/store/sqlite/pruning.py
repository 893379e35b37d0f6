"""Deleting what was received long ago, on SQLite; each call is one short transaction.

*Raw*: uploads go one by one. Their anchors stay (`kept_anchor`, thinned) for as long as anything of their kernel boot
is there, because they date it. What was received is still known by its numbers (`held`): a late copy is a duplicate.

*Derived*: chunks go by the day of the vehicle's time (UTC; what reaches over midnight is of the later one), when all of
a day's were received long enough ago. The checkpoint at the end of what went becomes a *seam*: the state of the fold
there, which all later folds go on from, so that what is told of later stays the same to the byte. A record goes with
the day in which it ended. When the last chunk of a vehicle goes, all that is derived of it goes.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from cloud_bridge.deriving.folding import going_on, known_at
from cloud_bridge.records.timeline import thinned
from cloud_bridge.store.port.derived import Checkpoint
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.dating import anchor_of
from cloud_bridge.store.sqlite.extent import changed, extent_of
from contract.upload import Anchor

_OLD_UPLOADS = """
SELECT vin, boot, sequence, anchor_at_ms, anchor_utc_ms, anchor_uncertainty_ms, anchor_source FROM upload
WHERE received_at_ms < ? ORDER BY received_at_ms LIMIT ?
"""
_DROP_UPLOAD = "DELETE FROM upload WHERE vin = ? AND boot = ? AND sequence = ?"
_NOT_PENDING = "DELETE FROM pending WHERE vin = ? AND boot = ? AND sequence = ?"
_STOP_WANTING = """
DELETE FROM wanted WHERE vin = ? AND NOT EXISTS (
    SELECT 1 FROM pending WHERE pending.vin = wanted.vin AND waits = 1 AND pending.manifest = wanted.manifest
)
"""
_KEPT_ANCHORS = "SELECT at_ms, utc_ms, uncertainty_ms, source FROM kept_anchor WHERE vin = ? AND kernel = ?"
_DROP_KEPT = "DELETE FROM kept_anchor WHERE vin = ? AND kernel = ?"
_DROP_ANCHORS = "DELETE FROM anchor WHERE vin = ? AND kernel = ?"
_KEEP_ANCHOR = """
INSERT INTO kept_anchor (vin, kernel, at_ms, utc_ms, uncertainty_ms, source) VALUES (?, ?, ?, ?, ?, ?)
"""
_IS_THERE = """
SELECT EXISTS (SELECT 1 FROM upload WHERE vin = ?1 AND boot BETWEEN ?2 AND ?3)
    OR EXISTS (SELECT 1 FROM chunk WHERE vin = ?1 AND boot BETWEEN ?2 AND ?3)
"""
_NEWEST_UPLOAD = "SELECT coalesce(max(rowid), 0) FROM upload"
_UNNAMED = """
SELECT vin, id FROM manifest WHERE received_at_ms < ? AND NOT EXISTS (
    SELECT 1 FROM upload WHERE upload.vin = manifest.vin AND upload.manifest = manifest.id
) LIMIT ?
"""
_DROP_UNNAMED = """
DELETE FROM manifest WHERE vin = ?1 AND id = ?2
    AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.rowid > ?3 AND upload.vin = ?1 AND upload.manifest = ?2)
"""
_REMOVED = "UPDATE removal SET number = number + 1"
_DROP_QUARANTINED = """
DELETE FROM quarantine WHERE number IN (
    SELECT number FROM quarantine WHERE received_at_ms < ? ORDER BY received_at_ms LIMIT ?
)
"""
_DROP_REMOTES = """
DELETE FROM remote_action WHERE id IN (
    SELECT id FROM remote_action WHERE phase = 4 AND updated_at_ms < ? ORDER BY updated_at_ms LIMIT ?
)
"""
_DROP_WAKE_UPS = "DELETE FROM remote_wake_up WHERE month < strftime('%Y-%m', ? / 1000, 'unixepoch')"
# Of vehicles that are known the counts stay.
_DROP_REFUSALS = """
DELETE FROM refusal WHERE vin <> '' AND NOT EXISTS (SELECT 1 FROM vehicle WHERE vehicle.vin = refusal.vin)
    AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.vin = refusal.vin)
"""
# What was told is known by them for as long as it could be found out again.
_DROP_NOTIFICATIONS = """
DELETE FROM notification WHERE number IN (
    SELECT number FROM notification WHERE state = {state} AND settled_at_ms < ? AND NOT EXISTS (
        SELECT 1 FROM chunk WHERE chunk.vin = notification.vin AND chunk.from_ms <= notification.at_ms
    ) ORDER BY settled_at_ms LIMIT ?
)
"""
# Each state has an index of its own.
_DROP_DELIVERED, _DROP_DEAD = (_DROP_NOTIFICATIONS.format(state=state) for state in (1, 2))
_OLD_VEHICLES = "SELECT DISTINCT vin FROM chunk INDEXED BY chunk_by_reception WHERE received_at_ms < ? ORDER BY vin"
_DAYS = "SELECT until_ms FROM checkpoint WHERE vin = ? AND span >= 2 ORDER BY until_ms"
_NEWEST_OF = "SELECT count(*), max(received_at_ms) FROM chunk WHERE vin = ? AND from_ms >= ? AND from_ms < ?"
_KERNELS = "SELECT DISTINCT substr(boot, 1, 8) FROM chunk WHERE vin = ? AND from_ms >= ? AND from_ms < ?"
_DROP_CHUNKS = "DELETE FROM chunk WHERE vin = ? AND from_ms >= ? AND from_ms < ?"
_HAS_CHUNKS = "SELECT 1 FROM chunk WHERE vin = ? AND from_ms < ? LIMIT 1"
_NEWEST_CHECKPOINT = "SELECT max(until_ms) FROM checkpoint WHERE vin = ?"
_MAKE_SEAM = "UPDATE checkpoint SET span = 3 WHERE vin = ? AND until_ms = ? RETURNING until_ms, span, history"
_DROP_CHECKPOINTS = "DELETE FROM checkpoint WHERE vin = ? AND until_ms > ? AND until_ms < ?"
_ENDED = "SELECT id FROM record WHERE vin = ? AND until_ms >= ? AND until_ms < ?"
_DROP_RECORD = "DELETE FROM record WHERE vin = ? AND id = ?"
_DROP_IMPLAUSIBLE = "DELETE FROM implausible WHERE vin = ? AND at_ms >= ? AND at_ms < ?"
_DROP_ALL = (
    "DELETE FROM checkpoint WHERE vin = ?",
    "DELETE FROM status WHERE vin = ?",
    "DELETE FROM record WHERE vin = ?",
    "DELETE FROM implausible WHERE vin = ?",
)
_BEGINNING_MS, _END_MS = -(2**62), 2**62

_Boot = tuple[str, bytes]
"""A vehicle and a kernel boot."""


class SqlitePruning:
    """`cloud_bridge.store.port.upkeep.Pruning` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune_uploads(self, before_ms: int, limit: int) -> int:
        with self._database.write() as connection:
            rows = connection.execute(_OLD_UPLOADS, (before_ms, limit)).fetchall()
            keys = [row[:3] for row in rows]
            connection.executemany(_DROP_UPLOAD, keys)
            if connection.executemany(_NOT_PENDING, keys).rowcount:
                connection.executemany(_STOP_WANTING, {(vin,) for vin, *_ in keys})
            anchors: defaultdict[_Boot, set[Anchor]] = defaultdict(set)
            for vin, boot, _, *columns in rows:
                anchor = anchor_of(*columns)
                anchors[vin, boot[:8]].update(() if anchor is None else (anchor,))
            for (vin, kernel), found in anchors.items():
                _keep_anchors(connection, vin, kernel, found)
            _forget_boots(connection, anchors)
            return len(rows)

    def prune_manifests(self, before_ms: int, limit: int) -> int:
        # Looking through a vehicle's uploads takes long, so nobody waits meanwhile. What came since is looked at again.
        with self._database.read() as connection:
            (newest,) = connection.execute(_NEWEST_UPLOAD).fetchone()
            unnamed = connection.execute(_UNNAMED, (before_ms, limit)).fetchall()
        if not unnamed:
            return 0
        with self._database.write() as connection:
            connection.execute(_REMOVED)
            return connection.executemany(_DROP_UNNAMED, [(vin, name, newest) for vin, name in unnamed]).rowcount

    def prune_quarantine(self, before_ms: int, limit: int) -> int:
        with self._database.write() as connection:
            number = connection.execute(_DROP_QUARANTINED, (before_ms, limit)).rowcount
            if number < limit:
                connection.execute(_DROP_REFUSALS)
            return number

    def prune_notifications(self, before_ms: int, limit: int) -> int:
        number = 0
        with self._database.write() as connection:
            for statement in (_DROP_DELIVERED, _DROP_DEAD):
                number += connection.execute(statement, (before_ms, limit - number)).rowcount
        return number

    def prune_remotes(self, before_ms: int, limit: int) -> int:
        with self._database.write() as connection:
            connection.execute(_DROP_WAKE_UPS, (before_ms,))
            return connection.execute(_DROP_REMOTES, (before_ms, limit)).rowcount

    def to_prune(self, before_ms: int) -> list[str]:
        with self._database.read() as connection:
            return [vin for (vin,) in connection.execute(_OLD_VEHICLES, (before_ms,))]

    def prune_derived(self, vin: str, before_ms: int) -> int:
        with self._database.write() as connection:
            extent = extent_of(connection, vin)
            if extent.dirty_from_ms is not None or extent.is_ready:
                return 0
            days = [until_ms for (until_ms,) in connection.execute(_DAYS, (vin,))]
            for from_ms, to_ms in pairwise([_BEGINNING_MS, *days, _END_MS]):
                number, newest_ms = connection.execute(_NEWEST_OF, (vin, from_ms, to_ms)).fetchone()
                if number and newest_ms < before_ms:
                    _drop_day(connection, vin, from_ms, to_ms)
                    changed(connection, vin, extent)
                    return int(number)
            return 0


def _keep_anchors(connection: sqlite3.Connection, vin: str, kernel: bytes, found: Iterable[Anchor]) -> None:
    before = {anchor for row in connection.execute(_KEPT_ANCHORS, (vin, kernel)) if (anchor := anchor_of(*row))}
    if not before.issuperset(found):
        connection.execute(_DROP_KEPT, (vin, kernel))
        kept = thinned([*before, *found])
        connection.executemany(
            _KEEP_ANCHOR,
            [(vin, kernel, one.at_ms, one.utc_ms, one.uncertainty_ms, one.source.value) for one in kept],
        )


def _forget_boots(connection: sqlite3.Connection, boots: Iterable[_Boot]) -> None:
    """The anchors of those of which nothing is there any more."""
    for vin, kernel in boots:
        within = (vin, kernel + bytes(8), kernel + b"\xff" * 8)
        (is_there,) = connection.execute(_IS_THERE, within).fetchone()
        if not is_there:
            connection.execute(_DROP_KEPT, (vin, kernel))
            connection.execute(_DROP_ANCHORS, (vin, kernel))


def _drop_day(connection: sqlite3.Connection, vin: str, from_ms: int, to_ms: int) -> None:
    within = (vin, from_ms, to_ms)
    boots = [(vin, bytes(kernel)) for (kernel,) in connection.execute(_KERNELS, within)]
    connection.execute(_DROP_CHUNKS, within)
    if connection.execute(_HAS_CHUNKS, (vin, _END_MS)).fetchone() is None:
        for statement in _DROP_ALL:
            connection.execute(statement, (vin,))
    else:
        seam_ms = to_ms
        if to_ms == _END_MS:
            (seam_ms,) = connection.execute(_NEWEST_CHECKPOINT, (vin,)).fetchone()
        seam = Checkpoint(*connection.execute(_MAKE_SEAM, (vin, seam_ms)).fetchone())
        if connection.execute(_HAS_CHUNKS, (vin, seam_ms)).fetchone() is None:
            from_ms = _BEGINNING_MS
        connection.execute(_DROP_CHECKPOINTS, (vin, from_ms, seam_ms))
        connection.execute(_DROP_IMPLAUSIBLE, (vin, from_ms, to_ms))
        # That it was over may be told by what comes after only: then it goes on at the seam.
        ended = {record_id for (record_id,) in connection.execute(_ENDED, (vin, from_ms, to_ms))}
        gone = ended - going_on(known_at(seam)).keys()
        connection.executemany(_DROP_RECORD, [(vin, record_id) for record_id in gone])
    _forget_boots(connection, boots)
