"""What vehicles sent, on SQLite: uploads, manifests, quarantine.

A batch is one transaction. Its usual case, every key new, is a handful of `executemany`; only when a key is there
already are the uploads looked at one by one (`cloud_bridge.store.sqlite.uploads`).
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256

from cloud_bridge.store.port.derived import Waits
from cloud_bridge.store.port.receiving import (
    NOT_KEPT,
    REVOKED,
    UNREGISTERED,
    Committed,
    Intake,
    Received,
    Refused,
    certificates_revoked,
    not_registered,
)
from cloud_bridge.store.ranges import Span, count, gaps, without
from cloud_bridge.store.sqlite import held, implausible
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.uploads import Inserted, insert, is_of_the_future
from contract.upload import MAXIMUM_COUNT

QUARANTINE_ROWS = 10_000
QUARANTINE_BYTES = 64 << 20
KEPT_OF_A_PAYLOAD = 64 << 10
"""A quarantined payload is kept up to this length."""
FUTURE = "future_anchor"
"""Counts uploads whose anchor lies after the moment at which they came: it is not believed."""
DROPPED = "dropped"
"""Counts quarantined payloads that were deleted to keep the quarantine within its limits."""

# A vehicle whose certificates are all revoked may say nothing, until it has another one.
_IS_REGISTERED = """
SELECT 1 FROM vehicle WHERE vin = ?1 AND (
    EXISTS (SELECT 1 FROM certificate WHERE vin = ?1 AND revoked_at_ms IS NULL)
    OR NOT EXISTS (SELECT 1 FROM certificate WHERE vin = ?1)
)
"""
_IS_KNOWN = "SELECT 1 FROM vehicle WHERE vin = ?"
_REMOVALS = "SELECT number FROM removal"
_HAS_MANIFEST = "SELECT 1 FROM manifest WHERE vin = ? AND id = ?"
_ADD_MANIFEST = "INSERT INTO manifest (vin, id, body, received_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_STOP_WAITING = "UPDATE pending SET waits = 0 WHERE vin = ? AND waits = 1 AND manifest = ?"
_WANT = "INSERT INTO wanted (vin, manifest) VALUES (?, ?) ON CONFLICT DO NOTHING"
_STOP_WANTING = "DELETE FROM wanted WHERE vin = ? AND manifest = ?"
# The vehicles come as one JSON array: a query for each of them costs more than the rest of a commit.
_WANTED = "SELECT vin, manifest FROM wanted WHERE vin IN (SELECT value FROM json_each(?)) ORDER BY vin, manifest"
_ALL_WANTED = "SELECT vin, manifest FROM wanted ORDER BY vin, manifest"

_ADD_PENDING = "INSERT INTO pending (vin, waits, boot, sequence, manifest) VALUES (?, ?, ?, ?, ?)"
_ADD_EVICTED = "INSERT INTO evicted (vin, boot, first, last, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

_ALL_HELD = "SELECT boot, first, last FROM held WHERE vin = ? ORDER BY boot, first"
_ALL_EVICTED = "SELECT boot, first, last FROM evicted WHERE vin = ?"

_PUT_INTAKE = """
INSERT INTO intake (vin, uploads, duplicates, last_upload_at_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (vin) DO UPDATE SET uploads = uploads + excluded.uploads, duplicates = duplicates + excluded.duplicates,
    last_upload_at_ms = max(last_upload_at_ms, excluded.last_upload_at_ms)
"""
_INTAKE = "SELECT uploads, duplicates, last_upload_at_ms FROM intake WHERE vin = ?"
_WAITING = "SELECT waits, count(*) FROM pending WHERE vin = ? GROUP BY waits"
_REFUSALS = "SELECT reason, count FROM refusal WHERE vin = ? ORDER BY reason"
_ALL_REFUSALS = "SELECT vin, reason, count FROM refusal ORDER BY vin, reason"

# What a vehicle counts is its word: a lying one must not make a sum that no integer holds.
_PUT_LEDGER = """
INSERT INTO ledger (vin, name, total) VALUES (?, ?, ?)
ON CONFLICT (vin, name) DO UPDATE SET total = max(0, min(total + excluded.total, 9007199254740991))
"""
_CONTRADICTING = "SELECT count(*) FROM anchor WHERE vin = ? AND NOT believed"
_LEDGER = "SELECT name, total FROM ledger WHERE vin = ? ORDER BY name"

_QUARANTINE = """
INSERT INTO quarantine (vin, digest, topic, reason, detail, received_at_ms, size, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_COUNT_REFUSAL = """
INSERT INTO refusal (vin, reason, count) VALUES (?, ?, ?)
ON CONFLICT (vin, reason) DO UPDATE SET count = count + excluded.count
"""
_TRIM_QUARANTINE = """
DELETE FROM quarantine WHERE number <= (
    SELECT max(number) FROM (
        SELECT number, row_number() OVER newest AS newer, sum(length(payload)) OVER newest AS bytes
        FROM quarantine WINDOW newest AS (ORDER BY number DESC)
    ) WHERE newer > ? OR bytes > ?
) RETURNING vin
"""


class SqliteReceiving:
    """`cloud_bridge.store.port.receiving.Receiving` on SQLite."""

    def __init__(
        self, database: Database, quarantine_rows: int = QUARANTINE_ROWS, quarantine_bytes: int = QUARANTINE_BYTES
    ) -> None:
        self._database = database
        self._quarantine_limits = (quarantine_rows, quarantine_bytes)
        # What was found once need not be asked again, until vehicles or manifests are deleted.
        self._registered: set[str] = set()
        self._manifests: set[tuple[str, bytes]] = set()
        self._removals = 0

    def is_registered(self, vin: str) -> bool:
        if vin in self._registered:
            return True
        with self._database.read() as connection:
            return self._is_registered(connection, vin)

    def stranger(self, vin: str) -> tuple[str, str]:
        with self._database.read() as connection:
            return _why_not(connection, vin)

    def turn_away(self, vin: str, topic: str, payload: bytes, now_ms: int) -> str | None:
        with self._database.read() as connection:
            # Not out of what is remembered: that is the ingesting thread's, and of its last commit.
            if connection.execute(_IS_REGISTERED, (vin,)).fetchone() is not None:
                return None
            reason, detail = _why_not(connection, vin)
        with self._database.write() as connection:
            quarantine(connection, [Refused(vin, topic, reason, detail, payload)], now_ms, self._quarantine_limits)
        return detail

    def commit(
        self,
        uploads: Sequence[Received],
        manifests: Sequence[tuple[str, bytes, bytes]],
        refused: Sequence[Refused],
        now_ms: int,
    ) -> Committed:
        with self._database.write() as connection:
            self._recall(connection)
            strangers = [one for one in uploads if not self._is_registered(connection, one.vin)]
            if strangers:
                uploads = [one for one in uploads if self._is_registered(connection, one.vin)]
                refused = [*refused, *(_stranger(connection, one) for one in strangers)]
            manifests = [one for one in manifests if self._is_registered(connection, one[0])]
            for vin, manifest_id, body in manifests:
                connection.execute(_ADD_MANIFEST, (vin, manifest_id, body, now_ms))
                connection.execute(_STOP_WAITING, (vin, manifest_id))
                connection.execute(_STOP_WANTING, (vin, manifest_id))
            before = held.near(connection, uploads)
            inserted = insert(connection, uploads, held.known(before, uploads), now_ms)
            stand = [*inserted.new, *(one.upload for one in inserted.replaced)]
            self._add_pending(connection, stand)
            connection.executemany(
                _ADD_EVICTED,
                [
                    (one.vin, gap.boot or one.boot, gap.first, gap.last, gap.reason)
                    for one in stand
                    for gap in one.ledger.evicted
                ],
            )
            ranges = held.add(connection, uploads, before)
            _count_intake(connection, uploads, inserted, now_ms)
            conflicts = inserted.conflicts
            everything_refused = [*refused, *(_conflict(one) for one in conflicts)]
            if everything_refused:
                quarantine(connection, everything_refused, now_ms, self._quarantine_limits)
            wanted = _wanted(connection, {one.vin for one in uploads} | {vin for vin, _, _ in manifests})
        # What a transaction that was undone had found must not be remembered.
        self._manifests.update((vin, manifest_id) for vin, manifest_id, _ in manifests)
        duplicates = len(uploads) - len(inserted.new) - len(conflicts)
        return Committed(ranges, wanted, duplicates, len(conflicts), len(strangers))

    def _recall(self, connection: sqlite3.Connection) -> None:
        """Forgets what may not hold any more."""
        (removals,) = connection.execute(_REMOVALS).fetchone()
        if removals != self._removals:
            self._removals = removals
            self._registered.clear()
            self._manifests.clear()

    def _is_registered(self, connection: sqlite3.Connection, vin: str) -> bool:
        if vin not in self._registered and connection.execute(_IS_REGISTERED, (vin,)).fetchone() is not None:
            self._registered.add(vin)
        return vin in self._registered

    def _add_pending(self, connection: sqlite3.Connection, uploads: Sequence[Received]) -> None:
        lacking = {
            key
            for key in {(one.vin, one.manifest) for one in uploads} - self._manifests
            if connection.execute(_HAS_MANIFEST, key).fetchone() is None
        }
        connection.executemany(
            _ADD_PENDING,
            [
                (one.vin, int((one.vin, one.manifest) in lacking), one.boot, one.sequence, one.manifest)
                for one in uploads
            ],
        )
        connection.executemany(_WANT, lacking)

    def wanted(self) -> dict[str, list[bytes]]:
        result: defaultdict[str, list[bytes]] = defaultdict(list)
        with self._database.read() as connection:
            for vin, manifest_id in connection.execute(_ALL_WANTED):
                result[vin].append(manifest_id)
        return dict(result)

    def refusals(self) -> dict[str, dict[str, int]]:
        """How often each reason to quarantine was met, per VIN of the topic (empty where it names none)."""
        result: defaultdict[str, dict[str, int]] = defaultdict(dict)
        with self._database.read() as connection:
            for vin, reason, number in connection.execute(_ALL_REFUSALS):
                result[vin][reason] = number
        return dict(result)

    def intake(self, vin: str) -> Intake:
        with self._database.read() as connection:
            row = connection.execute(_INTAKE, (vin,)).fetchone()
            waiting = dict(connection.execute(_WAITING, (vin,)).fetchall())
            counts = dict(connection.execute(_LEDGER, (vin,)).fetchall())
            refusals = dict(connection.execute(_REFUSALS, (vin,)).fetchall())
            impossible = implausible.counts(connection, vin)
            (contradicting,) = connection.execute(_CONTRADICTING, (vin,)).fetchone()
            came: defaultdict[bytes, list[Span]] = defaultdict(list)
            evicted: defaultdict[bytes, list[Span]] = defaultdict(list)
            for spans, query in ((came, _ALL_HELD), (evicted, _ALL_EVICTED)):
                for boot, first, last in connection.execute(query, (vin,)):
                    spans[boot].append((first, last))
        missing = {boot: without(gaps(spans), evicted[boot]) for boot, spans in came.items()}
        uploads, duplicates, last_upload_at_ms = row if row is not None else (0, 0, None)
        return Intake(
            uploads,
            duplicates,
            last_upload_at_ms,
            missing=sum(count(spans) for spans in missing.values()),
            evicted=sum(count(without(spans, came[boot])) for boot, spans in list(evicted.items())),
            gaps=tuple((boot.hex(), first, last) for boot in sorted(missing) for first, last in missing[boot]),
            waiting_for_manifest=waiting.get(Waits.MANIFEST, 0),
            waiting_for_time=waiting.get(Waits.ANCHOR, 0),
            contradicting_anchors=contradicting,
            refusals=refusals,
            implausible=impossible,
            ledger=counts,
        )


def _wanted(connection: sqlite3.Connection, vins: Iterable[str]) -> dict[str, list[bytes]]:
    result: dict[str, list[bytes]] = {vin: [] for vin in vins}
    for vin, manifest_id in connection.execute(_WANTED, (json.dumps(list(result)),)):
        result[vin].append(manifest_id)
    return result


def quarantine(
    connection: sqlite3.Connection, refused: Sequence[Refused], now_ms: int, limits: tuple[int, int]
) -> None:
    """Keeps each payload once for each reason, counts it, and drops the oldest beyond `limits` (rows, bytes)."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in refused:
        digest = sha256(one.payload).digest()[:8]
        values = (one.vin, digest, one.topic, one.reason, one.detail, now_ms, len(one.payload))
        kept = b"" if one.reason in NOT_KEPT else one.payload[:KEPT_OF_A_PAYLOAD]
        counts[one.vin, one.reason] += connection.execute(_QUARANTINE, (*values, kept)).rowcount
    for (vin,) in connection.execute(_TRIM_QUARANTINE, limits).fetchall():
        counts[vin, DROPPED] += 1
    connection.executemany(_COUNT_REFUSAL, [(*key, number) for key, number in counts.items() if number])


def _stranger(connection: sqlite3.Connection, upload: Received) -> Refused:
    reason, detail = _why_not(connection, upload.vin)
    return Refused(upload.vin, upload.topic, reason, detail, upload.payload)


def _why_not(connection: sqlite3.Connection, vin: str) -> tuple[str, str]:
    if connection.execute(_IS_KNOWN, (vin,)).fetchone() is None:
        return UNREGISTERED, not_registered(vin)
    return REVOKED, certificates_revoked(vin)


def _conflict(upload: Received) -> Refused:
    detail = f"boot {upload.boot.hex()} sequence {upload.sequence} is held with another payload, which stays"
    return Refused(upload.vin, upload.topic, "conflict", detail, upload.payload)


def _count_intake(connection: sqlite3.Connection, uploads: Sequence[Received], inserted: Inserted, now_ms: int) -> None:
    came = Counter(one.vin for one in uploads)
    fresh = Counter(one.vin for one in inserted.new)
    connection.executemany(
        _PUT_INTAKE, [(vin, fresh[vin], number - fresh[vin], now_ms) for vin, number in came.items()]
    )
    counted: Counter[tuple[str, str]] = Counter()
    for one in inserted.new:
        for name, number in one.ledger.counts.items():
            counted[one.vin, name.value] += number
        if is_of_the_future(one.anchor, now_ms):
            counted[one.vin, FUTURE] += 1
    for one, before in inserted.replaced:
        for name in one.ledger.counts.keys() | before.counts.keys():
            counted[one.vin, name.value] += one.ledger.counts.get(name, 0) - before.counts.get(name, 0)
    connection.executemany(
        _PUT_LEDGER, [(*key, min(number, MAXIMUM_COUNT)) for key, number in counted.items() if number]
    )
