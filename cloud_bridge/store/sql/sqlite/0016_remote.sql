-- Remote control: where clients want to be told, what they asked of vehicles, and how far that is. Times are Unix
-- milliseconds (UTC).

CREATE TABLE remote_callback (
    id            TEXT PRIMARY KEY,
    fleet_id      TEXT NOT NULL REFERENCES fleet (id),
    body          BLOB NOT NULL,          -- JSON, as it was given
    types         TEXT NOT NULL,          -- JSON array: what it may ask for, and is told of
    status        TEXT NOT NULL,          -- Running or Paused
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX remote_callback_by_fleet ON remote_callback (fleet_id, created_at_ms, id);

CREATE TABLE remote_action (
    id              TEXT PRIMARY KEY,     -- 32 hex digits: the id of the command, too
    callback_id     TEXT NOT NULL REFERENCES remote_callback (id) ON DELETE CASCADE,
    fleet_id        TEXT NOT NULL,
    vin             TEXT NOT NULL,
    type            TEXT NOT NULL,
    body            BLOB NOT NULL,        -- JSON, as it was given
    phase           INTEGER NOT NULL,     -- cloud_bridge.actions.life.Phase; 4: done
    since_ms        INTEGER NOT NULL,     -- of the phase
    excuse          TEXT NOT NULL,        -- the cause, if time runs out
    issued_ms       INTEGER NOT NULL,     -- of the command
    expires_ms      INTEGER NOT NULL,
    asked_at_ms     INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    look_at_ms      INTEGER NOT NULL,     -- when there is something to do about it next
    leased_until_ms INTEGER NOT NULL DEFAULT 0  -- until then a bridge is at it, and no other
) STRICT;
CREATE INDEX remote_action_by_callback ON remote_action (callback_id, vin, asked_at_ms, id);
CREATE INDEX remote_action_by_vehicle ON remote_action (vin, asked_at_ms);
CREATE INDEX remote_action_that_is_due ON remote_action (look_at_ms) WHERE phase < 4;
CREATE INDEX remote_action_that_is_done ON remote_action (updated_at_ms) WHERE phase = 4;
-- One of a kind at a time.
CREATE UNIQUE INDEX remote_action_in_progress ON remote_action (vin, type) WHERE phase < 4;

-- What the callback was told, in order.
CREATE TABLE remote_event (
    action_id TEXT NOT NULL REFERENCES remote_action (id) ON DELETE CASCADE,
    number    INTEGER NOT NULL,           -- from 0
    status    TEXT NOT NULL,
    cause     TEXT,                       -- why it failed
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (action_id, number)
) STRICT, WITHOUT ROWID;

-- How often vehicles were woken up.
CREATE TABLE remote_wake_up (
    vin    TEXT NOT NULL,
    month  TEXT NOT NULL,                 -- 2026-11
    number INTEGER NOT NULL,
    PRIMARY KEY (vin, month)
) STRICT, WITHOUT ROWID;

-- When vehicles were last heard in answer, and last sent something while they were awake; and whether they are tracked:
-- told how often to upload while they are stolen, and not yet that they were recovered.
CREATE TABLE remote_contact (
    vin         TEXT PRIMARY KEY,
    heard_at_ms INTEGER,
    sent_at_ms  INTEGER,
    tracked     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
