-- What vehicles are to watch for monitors (`contract.watching`): made of monitors and profiles, published by the broker.

CREATE TABLE watch_list (
    vin       TEXT PRIMARY KEY REFERENCES vehicle (vin),
    number    INTEGER NOT NULL,           -- of the list; grows
    document  BLOB NOT NULL,
    digest    BLOB NOT NULL,              -- of its conditions
    published INTEGER NOT NULL,           -- 1: the broker has it
    skipped   TEXT                        -- JSON array: what the vehicle cannot watch of it; NULL: it has not reported it
) STRICT, WITHOUT ROWID;
CREATE INDEX watch_list_to_publish ON watch_list (vin) WHERE published = 0;

-- Fleets whose vehicles may have another list now, and how often that changed: a list that was made of what was before
-- the last change is not written.
CREATE TABLE watch_due (
    fleet_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE watch_change (
    id     INTEGER PRIMARY KEY CHECK (id = 0),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO watch_change (id, number) VALUES (0, 0);

-- The profile that the lists of a model were made with.
CREATE TABLE watch_profile (
    model  TEXT PRIMARY KEY,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER watch_due_changed AFTER INSERT ON watch_due BEGIN
    UPDATE watch_change SET number = number + 1;
END;
CREATE TRIGGER watch_monitor_added AFTER INSERT ON monitor BEGIN
    INSERT OR REPLACE INTO watch_due (fleet_id) VALUES (new.fleet_id);
END;
CREATE TRIGGER watch_monitor_changed AFTER UPDATE ON monitor BEGIN
    INSERT OR REPLACE INTO watch_due (fleet_id) VALUES (new.fleet_id);
END;
CREATE TRIGGER watch_monitor_deleted AFTER DELETE ON monitor BEGIN
    INSERT OR REPLACE INTO watch_due (fleet_id) VALUES (old.fleet_id);
END;
CREATE TRIGGER watch_vehicle_joined AFTER INSERT ON fleet_vehicle BEGIN
    INSERT OR REPLACE INTO watch_due (fleet_id) VALUES (new.fleet_id);
END;
