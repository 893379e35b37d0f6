-- What is kept for how long, counted from when it was received.

CREATE INDEX upload_by_reception ON upload (received_at_ms);

-- What a chunk tells may be kept when the upload is not any more.
ALTER TABLE chunk ADD COLUMN received_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE chunk SET received_at_ms = coalesce(
    (SELECT received_at_ms FROM upload WHERE (vin, boot, sequence) = (chunk.vin, chunk.boot, chunk.sequence)), 0
);
DROP INDEX chunk_by_time;
CREATE INDEX chunk_by_time ON chunk (vin, from_ms, to_ms, received_at_ms);
CREATE INDEX chunk_by_reception ON chunk (received_at_ms, vin);

-- Anchors of uploads that are deleted: they date what is still there of their kernel boot.
CREATE TABLE kept_anchor (
    vin            TEXT NOT NULL,
    kernel         BLOB NOT NULL,
    at_ms          INTEGER NOT NULL,
    utc_ms         INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    source         TEXT NOT NULL,
    PRIMARY KEY (vin, kernel, at_ms, utc_ms, uncertainty_ms, source)
) STRICT, WITHOUT ROWID;

-- One row: how often vehicles or manifests were deleted. What a process remembers of them holds until it grows.
CREATE TABLE removal (number INTEGER NOT NULL) STRICT;
INSERT INTO removal (number) VALUES (0);
