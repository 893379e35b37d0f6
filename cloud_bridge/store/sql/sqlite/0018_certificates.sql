-- The certificates of vehicles, for as long as they hold: which is whose, and which are revoked.
CREATE TABLE certificate (
    serial        TEXT PRIMARY KEY,       -- of X.509, lower-case hexadecimal
    vin           TEXT,                   -- NULL where the vehicle was erased, and of those that only prove a revocation
    der           BLOB NOT NULL,          -- empty where there is no VIN
    issued_at_ms  INTEGER NOT NULL,
    ends_at_ms    INTEGER NOT NULL,
    revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_by_vin ON certificate (vin, issued_at_ms);
CREATE INDEX certificate_revoked ON certificate (ends_at_ms) WHERE revoked_at_ms IS NOT NULL;
