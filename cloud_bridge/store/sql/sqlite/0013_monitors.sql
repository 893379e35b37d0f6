-- Monitors, as clients made them; each covers the vehicles of its fleet. Times are Unix milliseconds (UTC).

CREATE TABLE monitor (
    id            TEXT PRIMARY KEY,
    fleet_id      TEXT NOT NULL REFERENCES fleet (id),
    body          BLOB NOT NULL,          -- JSON, as it was given
    status        TEXT NOT NULL,          -- Running, Paused or Failed
    version       INTEGER NOT NULL,       -- grows when it is replaced: another version is another watch
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX monitor_by_fleet ON monitor (fleet_id, created_at_ms, id);

-- When its version ran: what comes late is judged by it.
CREATE TABLE monitor_run (
    monitor_id TEXT NOT NULL REFERENCES monitor (id) ON DELETE CASCADE,
    from_ms    INTEGER NOT NULL,
    to_ms      INTEGER,                   -- NULL while it runs
    PRIMARY KEY (monitor_id, from_ms)
) STRICT, WITHOUT ROWID;
