-- How far monitors are evaluated on what vehicles said. Times are Unix milliseconds (UTC).

-- What was before a vehicle joined a fleet is told to nobody of it.
ALTER TABLE fleet_vehicle ADD COLUMN joined_at_ms INTEGER NOT NULL DEFAULT 0;

-- One row per vehicle of which something was folded while a monitor covered it.
CREATE TABLE monitored (
    vin           TEXT PRIMARY KEY,
    revision      INTEGER NOT NULL,       -- grows with every change; who computed from an older one computes again
    dirty_from_ms INTEGER,                -- what happened from here on is not evaluated yet; NULL: all is
    due_ms        INTEGER                 -- when time that passes may change something by itself
) STRICT, WITHOUT ROWID;
CREATE INDEX monitored_that_is_dirty ON monitored (vin) WHERE dirty_from_ms IS NOT NULL;
CREATE INDEX monitored_that_is_due ON monitored (due_ms) WHERE due_ms IS NOT NULL;

-- States of all monitors of a vehicle to go on from. Each stands beside a state of the fold, which knows the newest
-- values there, and goes with it.
CREATE TABLE monitor_state (
    vin      TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    states   BLOB NOT NULL,               -- by monitor and version
    PRIMARY KEY (vin, until_ms),
    FOREIGN KEY (vin, until_ms) REFERENCES checkpoint (vin, until_ms) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- How often a fleet's monitors changed: what is remembered of them holds until it grows.
CREATE TABLE monitor_change (
    fleet_id TEXT PRIMARY KEY,
    number   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER monitor_added AFTER INSERT ON monitor BEGIN
    INSERT INTO monitor_change (fleet_id, number) VALUES (new.fleet_id, 1)
    ON CONFLICT (fleet_id) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER monitor_changed AFTER UPDATE ON monitor BEGIN
    UPDATE monitor_change SET number = number + 1 WHERE fleet_id = new.fleet_id;
END;
CREATE TRIGGER monitor_deleted AFTER DELETE ON monitor BEGIN
    UPDATE monitor_change SET number = number + 1 WHERE fleet_id = old.fleet_id;
END;
CREATE TRIGGER monitor_run_added AFTER INSERT ON monitor_run BEGIN
    UPDATE monitor_change SET number = number + 1
    WHERE fleet_id = (SELECT fleet_id FROM monitor WHERE id = new.monitor_id);
END;
CREATE TRIGGER monitor_run_changed AFTER UPDATE ON monitor_run BEGIN
    UPDATE monitor_change SET number = number + 1
    WHERE fleet_id = (SELECT fleet_id FROM monitor WHERE id = new.monitor_id);
END;
CREATE TRIGGER monitor_run_deleted AFTER DELETE ON monitor_run BEGIN
    UPDATE monitor_change SET number = number + 1
    WHERE fleet_id = (SELECT fleet_id FROM monitor WHERE id = old.monitor_id);
END;
