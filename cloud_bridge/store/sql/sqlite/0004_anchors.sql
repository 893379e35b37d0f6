-- Every anchor that says something dates a boot, not the best alone. All is derived again, by the new rules.

DROP TABLE anchor;

-- The anchors of each kernel boot (the first 8 bytes of a boot) that `cloud_bridge.records.timeline` remembers.
CREATE TABLE anchor (
    vin            TEXT NOT NULL,
    kernel         BLOB NOT NULL,
    at_ms          INTEGER NOT NULL,
    utc_ms         INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    source         TEXT NOT NULL,
    believed       INTEGER NOT NULL,      -- 0: it contradicts others, and dates nothing
    PRIMARY KEY (vin, kernel, at_ms, utc_ms, uncertainty_ms, source)
) STRICT, WITHOUT ROWID;

UPDATE derived SET profile = x'';
