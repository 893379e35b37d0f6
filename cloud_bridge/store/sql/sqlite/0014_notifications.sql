-- The outbox: what is to be told to whom. Written with what it tells of; afterwards it says what was told already.
-- Times are Unix milliseconds (UTC).

CREATE TABLE notification (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were written; grows for ever
    id            TEXT NOT NULL UNIQUE,   -- 32 hex digits, of what it is: the receiver knows it again by it
    sender        TEXT NOT NULL,          -- id of the monitor or the remote callback that it is sent for
    fleet_id      TEXT NOT NULL,
    vin           TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,       -- of the event
    refresh       INTEGER NOT NULL,       -- 1: a reminder
    body          BLOB,                   -- JSON, an item of the published `events`; NULL once nobody needs it
    variables     BLOB NOT NULL,          -- JSON: what the registered attributes may refer to, by name
    state         INTEGER NOT NULL,       -- 0 waits, 1 delivered, 2 dead
    created_at_ms INTEGER NOT NULL,
    settled_at_ms INTEGER,                -- delivered or given up
    attempts      INTEGER NOT NULL DEFAULT 0,
    failure       TEXT NOT NULL DEFAULT '',
    batch         TEXT                    -- id of those that it goes with: a batch is repeated as it was
) STRICT;
CREATE INDEX notification_by_sender ON notification (sender, state, number);
CREATE INDEX notification_that_waits ON notification (created_at_ms) WHERE state = 0;
CREATE INDEX notification_that_came ON notification (settled_at_ms) WHERE state = 1;
CREATE INDEX notification_that_died ON notification (settled_at_ms, number) WHERE state = 2;
CREATE INDEX notification_by_vehicle ON notification (vin, sender, at_ms);

-- How it goes with a sender's target: nothing is here of one that answers.
CREATE TABLE delivery_trouble (
    sender          TEXT PRIMARY KEY,
    failures        INTEGER NOT NULL,     -- attempts since it last answered
    tries           INTEGER NOT NULL,     -- attempts since something new was first tried
    since_ms        INTEGER NOT NULL,
    next_attempt_ms INTEGER NOT NULL,     -- not before
    newer_than      INTEGER               -- number: only when something newer waits; NULL: in any case
) STRICT, WITHOUT ROWID;

-- What notifications of a fleet are signed with. One is current; those before it sign as well until they expire.
CREATE TABLE webhook_secret (
    fleet_id      TEXT NOT NULL REFERENCES fleet (id) ON DELETE CASCADE,
    secret        BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,                -- NULL: current
    PRIMARY KEY (fleet_id, created_at_ms)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX webhook_secret_current ON webhook_secret (fleet_id) WHERE expires_at_ms IS NULL;
