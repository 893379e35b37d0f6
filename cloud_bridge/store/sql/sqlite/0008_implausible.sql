-- What was said and cannot be; and what the ids of records are made of.

-- By what was said before (`cloud_bridge.records.plausibility`): left out of what is read of chunks.
CREATE TABLE implausible (
    vin    TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    datum  TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (vin, at_ms, datum)
) STRICT, WITHOUT ROWID;

-- By itself (`cloud_bridge.unify.limits`): how many numbers of which data the chunk lacks, in MessagePack.
ALTER TABLE chunk ADD COLUMN outside BLOB NOT NULL DEFAULT x'80';

-- The messages' times on the boot's clock, by which records that begin with them are named.
ALTER TABLE chunk ADD COLUMN clock BLOB NOT NULL DEFAULT x'';

UPDATE derived SET profile = x'';
