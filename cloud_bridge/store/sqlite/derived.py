"""What is derived, on SQLite; guarded by its revision (`cloud_bridge.store.sqlite.extent`)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import msgspec

from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Record, Status
from cloud_bridge.store.port.derived import Checkpoint, Chunk, Extent, Fold, Pending, Step, Undecodable, kernel_of
from cloud_bridge.store.port.errors import StaleError
from cloud_bridge.store.port.receiving import Refused
from cloud_bridge.store.sqlite import damage, dating, forgetting, implausible, monitoring, records
from cloud_bridge.store.sqlite.chunks import pack, pack_clock, pack_data, pack_kinds, unpack_dated
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.extent import expect, extent_of, put_extent
from cloud_bridge.store.sqlite.received import QUARANTINE_BYTES, QUARANTINE_ROWS, quarantine
from contract.topics import UP, topic
from contract.upload import Anchor

# The digests come as one JSON object, in hexadecimal, by model.
_TO_DERIVE = """
SELECT vehicle.vin FROM vehicle LEFT JOIN derived USING (vin) LEFT JOIN json_each(?1) AS known ON known.key = model
WHERE (EXISTS (SELECT 1 FROM pending WHERE pending.vin = vehicle.vin AND waits = 0)
        OR dirty_from_ms IS NOT NULL OR (profile IS NOT NULL AND lower(hex(profile)) <> known.value))
    AND (?2 IS NULL OR vehicle.vin IN (SELECT vin FROM fleet_vehicle WHERE fleet_id = ?2))
ORDER BY vehicle.vin
"""
_READY = """
SELECT boot, sequence, pending.manifest, anchor_at_ms, anchor_utc_ms, anchor_uncertainty_ms, anchor_source, payload
FROM pending JOIN upload USING (vin, boot, sequence)
WHERE vin = ? AND waits = 0 ORDER BY boot, sequence LIMIT ?
"""
_MANIFEST = "SELECT body FROM manifest WHERE vin = ? AND id = ?"
_NOT_PENDING = "DELETE FROM pending WHERE vin = ? AND waits = 0 AND boot = ? AND sequence = ?"
_WAIT_FOR_ANCHOR = "UPDATE pending SET waits = 2 WHERE vin = ? AND waits = 0 AND boot = ? AND sequence = ?"
_PUT_CHUNK = """
INSERT OR REPLACE INTO chunk (
    vin, boot, sequence, from_ms, to_ms, asleep, messages, positions, kinds, body, clock, outside, data, received_at_ms
) VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
    coalesce((SELECT received_at_ms FROM upload WHERE (vin, boot, sequence) = (?1, ?2, ?3)), 0)
)
"""
_STRETCHES = """
SELECT from_ms, to_ms, body, clock, boot, asleep FROM chunk WHERE vin = ? AND from_ms >= ?
ORDER BY from_ms, to_ms, boot, sequence
"""
# A seam may lie within what came late: then it is no beginning.
_CHECKPOINT = """
SELECT until_ms, span, history FROM checkpoint WHERE vin = ?1 AND until_ms <= ?2 AND (
    span < 3 OR NOT EXISTS (SELECT 1 FROM chunk WHERE vin = ?1 AND from_ms < until_ms AND to_ms > until_ms)
)
ORDER BY until_ms DESC LIMIT 1
"""
_DROP_CHECKPOINTS = "DELETE FROM checkpoint WHERE vin = ? AND until_ms > ? AND span < 3"
# Beside the newest states of monitors the newest values are known: until monitors are evaluated further it stays.
_DROP_NEWEST = """
DELETE FROM checkpoint WHERE vin = ?1 AND span = 0
    AND NOT EXISTS (SELECT 1 FROM monitor_state WHERE (vin, until_ms) = (?1, checkpoint.until_ms))
"""
_THIN_CHECKPOINTS = "DELETE FROM checkpoint WHERE vin = ? AND span < 2 AND until_ms < ?"
_PUT_CHECKPOINT = """
INSERT INTO checkpoint (vin, until_ms, span, history) VALUES (?, ?, ?, ?)
ON CONFLICT (vin, until_ms) DO UPDATE SET span = excluded.span, history = excluded.history WHERE span < 3
"""
_SEAMS = "SELECT until_ms, span, history FROM checkpoint WHERE vin = ? AND until_ms > ? AND span = 3 ORDER BY until_ms"
_PUT_STATUS = "INSERT OR REPLACE INTO status (vin, body) VALUES (?, ?)"
_DROP_STATUS = "DELETE FROM status WHERE vin = ?"
_encode = msgspec.msgpack.Encoder().encode

One = TypeVar("One")


class SqliteDerived:
    """`cloud_bridge.store.port.derived.Derived` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def to_derive(self, profiles: Mapping[str, bytes], fleet_id: str | None = None) -> list[str]:
        digests = json.dumps({model: digest.hex() for model, digest in profiles.items()})
        with self._database.read() as connection:
            return [vin for (vin,) in connection.execute(_TO_DERIVE, (digests, fleet_id))]

    def snapshot(self) -> AbstractContextManager[None]:
        return self._database.snapshot()

    def extent(self, vin: str) -> Extent:
        with self._database.read() as connection:
            return extent_of(connection, vin)

    def ready(self, vin: str, limit: int) -> list[Pending]:
        with self._database.read() as connection:
            return [
                Pending(boot, sequence, manifest, dating.anchor_of(*anchor), payload)
                for boot, sequence, manifest, *anchor, payload in connection.execute(_READY, (vin, limit))
            ]

    def manifest(self, vin: str, manifest_id: bytes) -> bytes:
        with self._database.read() as connection:
            (body,) = connection.execute(_MANIFEST, (vin, manifest_id)).fetchone()
            return bytes(body)

    def anchors(self, vin: str, kernels: Collection[bytes]) -> dict[bytes, tuple[Anchor, ...]]:
        with self._database.read() as connection:
            found = {kernel: dating.anchors(connection, vin, kernel) for kernel in kernels}
        return {kernel: anchors for kernel, anchors in found.items() if anchors}

    def put_step(self, vin: str, extent: Extent, step: Step, now_ms: int) -> Extent:
        rows = _chunk_rows(vin, step)  # Deflating takes long: nobody waits meanwhile.
        with self._database.write() as connection:
            return _put_step(connection, vin, extent, step, rows, now_ms)

    def put_steps(self, steps: Sequence[tuple[str, Extent, Step]], now_ms: int) -> list[Extent | None]:
        rows = [_chunk_rows(vin, step) for vin, _, step in steps]
        return self._together(
            lambda connection, one: _put_step(connection, *one[0], one[1], now_ms), list(zip(steps, rows, strict=True))
        )

    def checkpoint(self, vin: str, up_to_ms: int) -> Checkpoint | None:
        with self._database.read() as connection:
            row = connection.execute(_CHECKPOINT, (vin, up_to_ms)).fetchone()
            return None if row is None else Checkpoint(*row)

    def seams(self, vin: str, from_ms: int) -> list[Checkpoint]:
        with self._database.read() as connection:
            return [Checkpoint(*row) for row in connection.execute(_SEAMS, (vin, from_ms))]

    def stretches(self, vin: str, from_ms: int) -> Iterator[Stretch]:
        with self._database.read() as connection:
            for start_ms, end_ms, body, clock, boot, asleep in connection.execute(_STRETCHES, (vin, from_ms)):
                yield Stretch(start_ms, end_ms, unpack_dated(body, clock, kernel_of(boot)), bool(asleep))

    def status(self, vin: str) -> Status | None:
        with self._database.read() as connection:
            return records.status(connection, vin)

    def records(self, vin: str) -> list[Record]:
        with self._database.read() as connection:
            return records.every(connection, vin)

    def put_fold(self, vin: str, extent: Extent, fold: Fold) -> Extent:
        with self._database.write() as connection:
            return _put_fold(connection, vin, extent, fold)

    def put_folds(self, folds: Sequence[tuple[str, Extent, Fold]]) -> list[Extent | None]:
        return self._together(lambda connection, one: _put_fold(connection, *one), folds)

    def _together(self, put: Callable[[sqlite3.Connection, One], Extent], each: Sequence[One]) -> list[Extent | None]:
        """In one transaction; None for those of vehicles of which something else was changed since."""
        found: list[Extent | None] = []
        if each:
            with self._database.write() as connection:
                for one in each:
                    try:
                        found.append(put(connection, one))
                    except StaleError:
                        found.append(None)
        return found

    def forget(self, vin: str, profile: bytes, at_once: int = forgetting.AT_ONCE) -> Iterator[Extent]:
        return forgetting.forget(self._database, vin, profile, at_once)


def _put_step(
    connection: sqlite3.Connection,
    vin: str,
    extent: Extent,
    step: Step,
    rows: Sequence[tuple[object, ...]],
    now_ms: int,
) -> Extent:
    """Raises StaleError before anything is written, where the vehicle was derived before; so does `_put_fold`."""
    expect(connection, vin, extent)
    touched = [since for one in step.datings.items() for since in dating.date(connection, vin, *one)]
    touched += [chunk.stretch.from_ms for chunk in step.chunks]
    done = [(vin, one.boot, one.sequence) for one in step.chunks]
    done += [(vin, one.upload.boot, one.upload.sequence) for one in step.undecodable]
    connection.executemany(_NOT_PENDING, done)
    connection.executemany(_PUT_CHUNK, rows)
    if step.undated:
        connection.executemany(_WAIT_FOR_ANCHOR, [(vin, one.boot, one.sequence) for one in step.undated])
    if step.undecodable:
        limits = (QUARANTINE_ROWS, QUARANTINE_BYTES)
        quarantine(connection, [_refused(vin, one) for one in step.undecodable], now_ms, limits)
    return put_extent(connection, vin, extent, _earliest(extent.dirty_from_ms, *touched))


def _put_fold(connection: sqlite3.Connection, vin: str, extent: Extent, fold: Fold) -> Extent:
    expect(connection, vin, extent)
    monitoring.mark(connection, vin, extent, fold)
    records.drop(connection, vin, fold.from_ms, fold.opened)
    records.put(connection, vin, fold.records)
    implausible.replace(connection, vin, fold.from_ms, fold.implausible)
    connection.execute(_DROP_CHECKPOINTS, (vin, fold.from_ms))
    if fold.status is None:
        connection.execute(_DROP_STATUS, (vin,))
    else:
        connection.execute(_PUT_STATUS, (vin, _encode(fold.status)))
    connection.execute(_DROP_NEWEST, (vin,))
    connection.executemany(_PUT_CHECKPOINT, [(vin, *checkpoint) for checkpoint in fold.checkpoints])
    connection.execute(_THIN_CHECKPOINTS, (vin, fold.keep_from_ms))
    damage.derived(connection, vin)
    return put_extent(connection, vin, extent, None)


def _earliest(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _chunk_rows(vin: str, step: Step) -> list[tuple[object, ...]]:
    return [_chunk_row(vin, chunk) for chunk in step.chunks]


def _chunk_row(vin: str, chunk: Chunk) -> tuple[object, ...]:
    stretch = chunk.stretch
    messages = stretch.messages
    positions = sum(message.position is not None for message in messages)
    return (
        vin, chunk.boot, chunk.sequence, stretch.from_ms, stretch.to_ms, int(stretch.ends_asleep),
        len(messages), positions, pack_kinds(messages), pack(messages), pack_clock(messages),
        implausible.pack(chunk.outside), pack_data(messages),
    )  # fmt: skip


def _refused(vin: str, one: Undecodable) -> Refused:
    detail = f"boot {one.upload.boot.hex()} sequence {one.upload.sequence}: {one.detail}"
    return Refused(vin, topic(vin, UP), one.reason, detail, one.upload.payload)
