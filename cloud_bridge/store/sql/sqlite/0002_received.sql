-- What vehicles sent: the truth, from which everything in 0003 is derived.
-- A vehicle numbers its uploads per boot; (vin, boot, sequence) is the key, and the first payload that comes under it stays;
-- of an upload that a full journal thinned, the fullest.

CREATE TABLE manifest (
    vin            TEXT NOT NULL,
    id             BLOB NOT NULL,         -- first 8 bytes of the SHA-256 of `body`
    body           BLOB NOT NULL,
    received_at_ms INTEGER NOT NULL,
    PRIMARY KEY (vin, id)
) STRICT;

-- The payload is kept as it came: its columns are entropy-coded already, and compressing it again makes it no smaller.
CREATE TABLE upload (
    vin                   TEXT NOT NULL,
    boot                  BLOB NOT NULL,
    sequence              INTEGER NOT NULL,
    received_at_ms        INTEGER NOT NULL,
    manifest              BLOB NOT NULL,
    anchor_at_ms          INTEGER,        -- boot's monotonic clock
    anchor_utc_ms         INTEGER,
    anchor_uncertainty_ms INTEGER,
    anchor_source         TEXT,
    payload               BLOB NOT NULL,
    PRIMARY KEY (vin, boot, sequence)
) STRICT;

-- Sequence numbers held, as ranges that neither overlap nor touch: what receipts say.
CREATE TABLE held (
    vin   TEXT NOT NULL,
    boot  BLOB NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,               -- inclusive
    PRIMARY KEY (vin, boot, first)
) STRICT, WITHOUT ROWID;

-- Sequence numbers that the vehicle says it deleted before they could be sent.
CREATE TABLE evicted (
    vin    TEXT NOT NULL,
    boot   BLOB NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,              -- inclusive
    reason TEXT NOT NULL,
    PRIMARY KEY (vin, boot, first, last)
) STRICT, WITHOUT ROWID;

-- One row per vehicle that ever sent something.
CREATE TABLE intake (
    vin               TEXT PRIMARY KEY,
    uploads           INTEGER NOT NULL,
    duplicates        INTEGER NOT NULL,
    last_upload_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sums of what the ledgers of a vehicle's uploads count (`contract.upload.Count`): frames received, dropped, refused …
CREATE TABLE ledger (
    vin   TEXT NOT NULL,
    name  TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (vin, name)
) STRICT, WITHOUT ROWID;

-- Payloads that could not be taken in, newest kept. `vin` is the topic's, '' where the topic names none.
CREATE TABLE quarantine (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    vin            TEXT NOT NULL,
    digest         BLOB NOT NULL,         -- first 8 bytes of the SHA-256 of the payload as it came
    topic          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    detail         TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    size           INTEGER NOT NULL,      -- as it came; `payload` is cut where it is very long
    payload        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX quarantine_once ON quarantine (vin, digest, reason);

-- How often each reason to quarantine was met, and how many quarantined payloads were dropped to keep the table bounded.
CREATE TABLE refusal (
    vin    TEXT NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (vin, reason)
) STRICT, WITHOUT ROWID;

-- Uploads not derived yet. `waits`: 0 for nothing, 1 for their manifest, 2 for a time anchor of their boot.
CREATE TABLE pending (
    vin      TEXT NOT NULL,
    waits    INTEGER NOT NULL,
    boot     BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    manifest BLOB NOT NULL,
    PRIMARY KEY (vin, waits, boot, sequence)
) STRICT, WITHOUT ROWID;

-- Manifests that pending uploads wait for: to be asked for with each receipt.
CREATE TABLE wanted (
    vin      TEXT NOT NULL,
    manifest BLOB NOT NULL,
    PRIMARY KEY (vin, manifest)
) STRICT, WITHOUT ROWID;
