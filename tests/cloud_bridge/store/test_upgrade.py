"""A database that the first release filled opens, and answers as one that got the same uploads today."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from msgspec.structs import replace

from cloud_bridge.actions.life import REMOTE_TYPES
from cloud_bridge.records.model import RECORDS
from cloud_bridge.store.port.receiving import Intake
from cloud_bridge.store.port.registry import Client
from cloud_bridge.store.sqlite.database import schema_changes
from contract.upload import Evicted, read_header
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, answers, derived
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, MANIFEST_ID, MODEL, OTHER_VIN, VIN, Boot, anchor, encode

RELEASED = (1, 2, 3)
"""The schema of the first release."""
DERIVED, PENDING, FOR_MANIFEST, FOR_ANCHOR = None, 0, 1, 2
CLIENT = Client("c", "user", "hash", (FLEET.id,), remotes=REMOTE_TYPES)
"""Who was there before clients were told apart by it may ask for everything."""
OF_THEN = """
CREATE TABLE schema_change (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT
"""
# What that release derived is in a form that nobody reads any more.
DERIVED_THEN = """
INSERT INTO derived VALUES (:vin, 7, NULL, x'0123456789abcdef');
INSERT INTO anchor VALUES (:vin, x'0001020304050607', 0, 5, 1, 'gnss');
INSERT INTO checkpoint VALUES (:vin, 1700000030000, 0, x'93c0c0c0');
INSERT INTO status VALUES (:vin, x'93c0c0c0');
INSERT INTO trip VALUES (:vin, 'trip', 1700000000000, NULL, 1700000030000, x'93c0c0c0');
INSERT INTO alert VALUES (:vin, 'alert', 1700000000000, 1700000010000, 1700000030000, x'93c0c0c0');
"""

Sent = Sequence[tuple[bytes, int | None]]
"""Payloads, and what became of each."""


def of_version_1(payload: bytes) -> bytes:
    """As a vehicle of that release wrote it: there was nothing in it that is written otherwise today."""
    assert payload[1:3] == b"\x01\x02"
    return payload[:1] + b"\x01\x01" + payload[3:]


def sent() -> list[tuple[bytes, int | None]]:
    drive = [Boot().upload(number, ignition=0 < number < 5, oil=number == 2) for number in range(6)]
    gap = (Evicted(7, 8, "full"),)
    nowhere = Boot(b"nowhere-agent001", anchor=None)
    unknown = replace(Boot(b"another-agent001").upload(0), manifest=b"not-here")
    return [
        *[(of_version_1(encode(one)), DERIVED) for one in drive],
        (of_version_1(Boot().payload(9, evicted=gap)), PENDING),
        (of_version_1(encode(unknown)), FOR_MANIFEST),
        (of_version_1(nowhere.payload(0)), FOR_ANCHOR),
    ]


def fill(file: Path, uploads: Sent, now_ms: int) -> None:
    """A database as that release left it, by its own statements."""
    with sqlite3.connect(file, isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(OF_THEN)
        for number, change in schema_changes().items():
            if number in RELEASED:
                database.executescript(change.read_text(encoding="utf-8"))
                database.execute("INSERT INTO schema_change (number, name) VALUES (?, ?)", (number, change.stem))
        database.execute("INSERT INTO fleet VALUES (?, ?, '', 1, 1)", (FLEET.id, FLEET.name))
        for vin in (VIN, OTHER_VIN):
            known = ((vin.lower() + "0" * 40)[:40], MODEL, "Canlift", "Thermic")
            database.execute("INSERT INTO vehicle VALUES (?, ?, ?, ?, ?, 1, 1)", (vin, *known))
            database.execute("INSERT INTO fleet_vehicle VALUES (?, ?)", (vin, FLEET.id))
        database.execute("INSERT INTO client VALUES (?, ?, ?, 1)", (CLIENT.id, CLIENT.user, CLIENT.secret_hash))
        database.execute("INSERT INTO client_fleet VALUES (?, ?)", (CLIENT.id, FLEET.id))
        database.execute("INSERT INTO manifest VALUES (?, ?, ?, ?)", (VIN, MANIFEST_ID, MANIFEST_BODY, now_ms))
        for payload, waits in uploads:
            fill_upload(database, payload, waits, now_ms)
        numbers = sorted((read_header(payload).boot, read_header(payload).sequence) for payload, _ in uploads)
        for (boot, _), run in groupby(enumerate(numbers), key=lambda one: (one[1][0], one[1][1] - one[0])):
            sequences = [sequence for _, (_, sequence) in run]
            database.execute("INSERT INTO held VALUES (?, ?, ?, ?)", (VIN, boot, sequences[0], sequences[-1]))
        database.execute("INSERT INTO intake VALUES (?, ?, 0, ?)", (VIN, len(uploads), now_ms))
        totals: Counter[str] = Counter()
        for payload, _ in uploads:
            totals.update({name.value: number for name, number in read_header(payload).ledger.counts.items()})
        database.executemany("INSERT INTO ledger VALUES (?, ?, ?)", [(VIN, *total) for total in totals.items()])
        for statement in filter(str.strip, DERIVED_THEN.split(";")):
            database.execute(statement, {"vin": VIN})
    database.close()


def fill_upload(database: sqlite3.Connection, payload: bytes, waits: int | None, now_ms: int) -> None:
    header = read_header(payload)
    key = (VIN, header.boot, header.sequence)
    dated = header.anchor
    columns = (None,) * 4 if dated is None else (dated.at_ms, dated.utc_ms, dated.uncertainty_ms, dated.source.value)
    row = (*key, now_ms, header.manifest, *columns, payload)
    database.execute("INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for gap in header.ledger.evicted:
        evicted = (VIN, header.boot, gap.first, gap.last, gap.reason)
        database.execute("INSERT INTO evicted VALUES (?, ?, ?, ?, ?)", evicted)
    if waits is None:
        chunk = (*key, EPOCH_MS + header.start_ms, EPOCH_MS + header.end_ms)
        database.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, 0, 10, 10, x'c0', x'c0')", chunk)
    else:
        database.execute("INSERT INTO pending VALUES (?, ?, ?, ?, ?)", (VIN, waits, *key[1:], header.manifest))
    if waits == FOR_MANIFEST:
        database.execute("INSERT OR IGNORE INTO wanted VALUES (?, ?)", (VIN, header.manifest))


def all_answers(cloud: Cloud) -> tuple[object, ...]:
    """Of the fleet first, while nothing is derived yet."""
    reader = cloud.reader
    statuses = [(vehicle.vin, status) for vehicle, status in reader.statuses(FLEET.id, 0, 10)[1]]
    records = [
        (vehicle.vin, record)
        for kind in RECORDS
        for vehicle, record in reader.fleet_records(kind, FLEET.id, ALWAYS, 0, 100)[1]
    ]
    return statuses, records, answers(cloud), derived(cloud)


def kept(cloud: Cloud) -> tuple[Intake, object]:
    return cloud.receiving.intake(VIN), {
        table: cloud.rows(table) for table in ("manifest", "upload", "held", "evicted", "pending", "wanted", "vehicle")
    }


def test_a_database_of_the_first_release_answers_as_a_fresh_one_with_the_same_uploads(tmp_path: Path) -> None:
    for name in ("then", "today"):
        (tmp_path / name).mkdir()
    today = Cloud(tmp_path / "today")
    fill(tmp_path / "then" / "bridge.db", sent(), today.now_ms)
    then = Cloud(tmp_path / "then")
    today.register_both()
    today.registry.add_client(CLIENT, 1)
    today.send_manifest()
    today.send(*[payload for payload, _ in sent()])
    assert today.reader.records(RECORDS[0], VIN, ALWAYS)
    assert then.registry.all_clients() == today.registry.all_clients()
    assert all_answers(then) == all_answers(today)
    assert kept(then) == kept(today)
    # What comes afterwards: again, in between, and the time of what waited for it.
    late = [Boot().payload(3), Boot().payload(6), Boot(b"nowhere-agent002", anchor=anchor(90_000)).payload(5)]
    for cloud in (then, today):
        cloud.send(*late)
    assert all_answers(then) == all_answers(today)
    assert kept(then) == kept(today)
    assert not then.deriver.rebuild(VIN)
    for cloud in (then, today):
        cloud.database.close()
