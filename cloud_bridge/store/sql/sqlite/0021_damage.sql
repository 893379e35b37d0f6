-- Vehicles of which something stored cannot be read, or nothing be derived: their fleets' collections leave them out.
CREATE TABLE set_aside (
    vin         TEXT PRIMARY KEY,
    reading     INTEGER NOT NULL,         -- 1: it showed with who reads, and only a rebuild helps; 0: with who derives
    since_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the last rebuild of a vehicle could not read, where there was anything.
CREATE TABLE unreadable (
    vin       TEXT PRIMARY KEY,
    uploads   INTEGER NOT NULL,
    telemetry INTEGER NOT NULL,           -- of uploads that are deleted: there is nothing to derive it from
    states    INTEGER NOT NULL            -- of the fold, at the end of what was deleted
) STRICT, WITHOUT ROWID;

-- What `body` was when it could not be read and its upload was deleted: the chunk is empty since.
ALTER TABLE chunk ADD COLUMN unread BLOB;
