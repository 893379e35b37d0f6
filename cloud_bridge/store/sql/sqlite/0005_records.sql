-- Trips, alerts and what else happened to a vehicle are records of one shape. All is derived again.

DROP TABLE trip;
DROP TABLE alert;

CREATE TABLE record (
    vin      TEXT NOT NULL,
    kind     TEXT NOT NULL,               -- the type in `cloud_bridge.records.model`
    id       TEXT NOT NULL,
    from_ms  INTEGER NOT NULL,
    until_ms INTEGER,                     -- when it was over, NULL while it goes on
    body     BLOB NOT NULL,
    PRIMARY KEY (vin, id)
) STRICT;
CREATE INDEX record_by_start ON record (vin, kind, from_ms, until_ms);
-- Those that go on, and how long the longest of the others is: how far before a range one that reaches into it begins.
CREATE INDEX record_by_length ON record (vin, kind, until_ms - from_ms);

UPDATE derived SET profile = x'';
