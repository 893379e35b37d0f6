"""Uploads into their table: which are new, which are there already, and which of two stays.

Under one key there may come

* the same payload again: a duplicate, nothing to do;
* the same upload before and after a full journal thinned it (`Count.THINNED` in its ledger), or privacy took something
  out of it (`privacy` in its header): a duplicate too. The most private copy stays, of these the one with the fewest
  samples left out, whichever came first. What was derived of the other is taken back in the same transaction, and the
  upload is to be derived anew;
* something else: a conflict. The first stays;
* anything under a number that came before and is deleted by now: a duplicate. What it was is not known any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import NamedTuple

from cloud_bridge.store.port.receiving import Received
from contract.upload import Anchor, Count, Ledger, Privacy, read_header
from contract.wire import digest

MARGIN_MS = 600_000
"""By how much our own clock may be late for an anchor that lies after the moment at which it came."""

_ADD = """
INSERT INTO upload (vin, boot, sequence, received_at_ms, manifest, anchor_at_ms, anchor_utc_ms, anchor_uncertainty_ms,
                    anchor_source, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_ONCE = f"{_ADD} ON CONFLICT DO NOTHING"
_HELD = """
SELECT payload, anchor_at_ms, anchor_utc_ms, anchor_uncertainty_ms, anchor_source FROM upload
WHERE vin = ? AND boot = ? AND sequence = ?
"""
_DROP = "DELETE FROM upload WHERE vin = ? AND boot = ? AND sequence = ?"
_NOT_PENDING = "DELETE FROM pending WHERE vin = ? AND boot = ? AND sequence = ?"
_DROP_CHUNK = "DELETE FROM chunk WHERE vin = ? AND boot = ? AND sequence = ? RETURNING from_ms"
# Whoever is deriving the vehicle now may be at the copy that goes: a new revision makes him look again. An anchor that
# goes too may have dated the whole boot, so all is derived anew, as by another profile.
_DERIVED_ANEW = """
INSERT INTO derived (vin, revision, dirty_from_ms, profile) VALUES (:vin, 1, :from_ms, x'')
ON CONFLICT (vin) DO UPDATE SET
    revision = revision + 1,
    dirty_from_ms = min(coalesce(dirty_from_ms, :from_ms), coalesce(:from_ms, dirty_from_ms)),
    profile = CASE WHEN :dated_anew THEN x'' ELSE profile END
"""

_STATES = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL)

Key = tuple[str, bytes, int]


class Replaced(NamedTuple):
    """An upload that stands where a copy with more samples left out stood."""

    upload: Received
    before: Ledger
    """The other's."""


class Inserted(NamedTuple):
    new: Sequence[Received]
    replaced: Sequence[Replaced]
    conflicts: Sequence[Received]


def insert(
    connection: sqlite3.Connection, uploads: Sequence[Received], known: Collection[Key], now_ms: int
) -> Inserted:
    """Inserts what is new, and what is fuller than the copy that is held. `known`: keys that came before this batch.
    The usual case, every key new, is one `executemany`."""
    rows = [_row(one, now_ms) for one in uploads]
    if not known:
        connection.execute("SAVEPOINT uploads")
        try:
            connection.executemany(_ADD, rows)
            connection.execute("RELEASE uploads")
            return Inserted(uploads, (), ())
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK TO uploads")
            connection.execute("RELEASE uploads")
    new: dict[Key, Received] = {}
    replaced: dict[Key, Replaced] = {}
    conflicts: list[Received] = []
    for upload, row in zip(uploads, rows, strict=True):
        key = (upload.vin, upload.boot, upload.sequence)
        if key not in known and connection.execute(_ADD_ONCE, row).rowcount:
            new[key] = upload
            continue
        found = connection.execute(_HELD, key).fetchone()
        if found is None:
            continue
        payload, *anchor = found
        if payload == upload.payload:
            continue
        held = read_header(payload)
        is_cut = held.privacy != read_header(upload.payload).privacy
        if not (is_cut or _thinned(held.ledger) or _thinned(upload.ledger)):
            conflicts.append(upload)
        elif _rank(upload.payload) < _rank(payload):
            connection.execute(_DROP, key)
            connection.execute(_ADD, row)
            _take_back(connection, key, dated_anew=anchor != _anchor_columns(upload, now_ms))
            if key in new:
                new[key] = upload
            else:
                replaced[key] = Replaced(upload, replaced[key].before if key in replaced else held.ledger)
    return Inserted(list(new.values()), list(replaced.values()), conflicts)


def is_of_the_future(anchor: Anchor | None, now_ms: int) -> bool:
    return anchor is not None and anchor.utc_ms > now_ms + MARGIN_MS


def _take_back(connection: sqlite3.Connection, key: Key, *, dated_anew: bool) -> None:
    """Undoes what was derived of the copy that stood under a key."""
    connection.execute(_NOT_PENDING, key)
    chunk = connection.execute(_DROP_CHUNK, key).fetchone()
    values = {"vin": key[0], "from_ms": None if chunk is None else chunk[0], "dated_anew": dated_anew}
    connection.execute(_DERIVED_ANEW, values)


def _rank(payload: bytes) -> tuple[int, int, bytes]:
    """The least one of two copies stays."""
    header = read_header(payload)
    return -_STATES.index(header.privacy), _thinned(header.ledger), digest(payload)


def _thinned(ledger: Ledger) -> int:
    return ledger.counts.get(Count.THINNED, 0)


def _row(one: Received, now_ms: int) -> tuple[object, ...]:
    return one.vin, one.boot, one.sequence, now_ms, one.manifest, *_anchor_columns(one, now_ms), one.payload


def _anchor_columns(one: Received, now_ms: int) -> list[object]:
    anchor = one.anchor
    if anchor is None or is_of_the_future(anchor, now_ms):
        return [None] * 4
    return [anchor.at_ms, anchor.utc_ms, anchor.uncertainty_ms, anchor.source.value]
