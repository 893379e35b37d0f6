-- What is derived from 0002 and the vehicle's profile; may be deleted at any time and comes out the same again.

-- The best anchor of each kernel boot (the first 8 bytes of a boot), as `cloud_bridge.records.timeline` chooses it.
CREATE TABLE anchor (
    vin            TEXT NOT NULL,
    kernel         BLOB NOT NULL,
    at_ms          INTEGER NOT NULL,
    utc_ms         INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    source         TEXT NOT NULL,
    PRIMARY KEY (vin, kernel)
) STRICT, WITHOUT ROWID;

-- The telemetry of one upload, dated.
CREATE TABLE chunk (
    vin       TEXT NOT NULL,
    boot      BLOB NOT NULL,
    sequence  INTEGER NOT NULL,
    from_ms   INTEGER NOT NULL,           -- what it tells is of [from_ms, to_ms)
    to_ms     INTEGER NOT NULL,
    asleep    INTEGER NOT NULL,           -- 1: its end is the buses going silent
    messages  INTEGER NOT NULL,
    positions INTEGER NOT NULL,           -- messages that carry a position
    kinds     BLOB NOT NULL,              -- how many messages have which kinds of data
    body      BLOB NOT NULL,              -- the messages
    PRIMARY KEY (vin, boot, sequence)
) STRICT;
CREATE INDEX chunk_by_time ON chunk (vin, from_ms, to_ms);
-- How far before a range a chunk that reaches into it can begin.
CREATE INDEX chunk_by_length ON chunk (vin, to_ms - from_ms);

-- One row per derived vehicle: how far its records are folded.
CREATE TABLE derived (
    vin           TEXT PRIMARY KEY,
    revision      INTEGER NOT NULL,       -- grows with every change; who computed from an older one computes again
    dirty_from_ms INTEGER,                -- chunks from here on are not in the records yet; NULL: all are
    profile       BLOB NOT NULL           -- digest of the vehicle profile it was derived with
) STRICT, WITHOUT ROWID;

-- States of the fold to continue from: everything before `until_ms` is in it, and nothing after.
CREATE TABLE checkpoint (
    vin      TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    span     INTEGER NOT NULL,            -- 0: the newest; 1: the first of an hour; 2: the first of a day
    history  BLOB NOT NULL,
    PRIMARY KEY (vin, until_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE status (
    vin  TEXT PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE trip (
    vin           TEXT NOT NULL,
    id            TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    stopped_at_ms INTEGER,                -- NULL while it goes on
    updated_at_ms INTEGER NOT NULL,
    body          BLOB NOT NULL,
    PRIMARY KEY (vin, id)
) STRICT;
CREATE INDEX trip_by_start ON trip (vin, started_at_ms);

CREATE TABLE alert (
    vin           TEXT NOT NULL,
    id            TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,                -- NULL while it lasts
    updated_at_ms INTEGER NOT NULL,
    body          BLOB NOT NULL,
    PRIMARY KEY (vin, id)
) STRICT;
CREATE INDEX alert_by_start ON alert (vin, started_at_ms);
