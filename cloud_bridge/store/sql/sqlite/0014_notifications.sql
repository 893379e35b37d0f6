-- The outbox: what is to be told to whom. Written with what it tells of; afterwards it says what was told already.
-- Times are Unix milliseconds (UTC).

CREATE TABLE notification (
    id            TEXT PRIMARY KEY,       -- 32 hex digits, of what it is: the receiver knows it again by it
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
    failure       TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX notification_that_waits ON notification (sender, created_at_ms, id) WHERE state = 0;
CREATE INDEX notification_that_died ON notification (settled_at_ms, id) WHERE state = 2;
CREATE INDEX notification_by_vehicle ON notification (vin, sender, at_ms);

-- How it goes with a sender's target: nothing is here of one that answers.
CREATE TABLE delivery_trouble (
    sender          TEXT PRIMARY KEY,
    failures        INTEGER NOT NULL,     -- attempts since it last answered
    since_ms        INTEGER NOT NULL,
    next_attempt_ms INTEGER               -- NULL: not by itself any more, only with something new
) STRICT, WITHOUT ROWID;
