-- When vehicles were stolen, as their operators say; nothing of it is derived. Times are Unix milliseconds (UTC).

CREATE TABLE theft (
    vin            TEXT NOT NULL REFERENCES vehicle (vin) ON DELETE CASCADE,
    id             TEXT NOT NULL,
    started_at_ms  INTEGER NOT NULL,
    ended_at_ms    INTEGER,               -- NULL while the vehicle is stolen
    declared_at_ms INTEGER NOT NULL,      -- by this bridge's clock
    updated_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (vin, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX theft_by_start ON theft (vin, started_at_ms);
-- A vehicle cannot be stolen twice at once.
CREATE UNIQUE INDEX theft_that_goes_on ON theft (vin) WHERE ended_at_ms IS NULL;
