-- What clients may ask, and did; and when a vehicle's records changed.

ALTER TABLE client ADD COLUMN day_limit INTEGER NOT NULL DEFAULT 100000;   -- requests in any 24 hours
ALTER TABLE client ADD COLUMN burst_limit INTEGER NOT NULL DEFAULT 100;    -- requests in any second

CREATE TABLE client_use (
    client_id TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    minute    INTEGER NOT NULL,           -- Unix time / 60 s
    requests  INTEGER NOT NULL,
    PRIMARY KEY (client_id, minute)
) STRICT, WITHOUT ROWID;

-- By the database's clock, not the vehicle's: old data that come late change records too.
ALTER TABLE derived ADD COLUMN changed_at_ms INTEGER NOT NULL DEFAULT 0;
