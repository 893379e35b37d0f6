-- Who is known: fleets, vehicles, and the API's clients; and keys of this bridge. Times are Unix milliseconds (UTC).

CREATE TABLE fleet (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    description   TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE vehicle (
    vin           TEXT PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,   -- opaque, 40 hex digits: what the API shows in addresses
    model         TEXT NOT NULL,          -- the vehicle profile
    brand         TEXT NOT NULL,
    motorization  TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE fleet_vehicle (
    vin      TEXT NOT NULL REFERENCES vehicle (vin),
    fleet_id TEXT NOT NULL REFERENCES fleet (id),
    PRIMARY KEY (vin, fleet_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fleet_vehicle_by_fleet ON fleet_vehicle (fleet_id, vin);

CREATE TABLE client (
    id            TEXT PRIMARY KEY,
    user          TEXT NOT NULL,
    secret_hash   TEXT NOT NULL,          -- scrypt; the secret itself is shown once and kept nowhere
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE client_fleet (
    client_id TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    fleet_id  TEXT NOT NULL REFERENCES fleet (id),
    PRIMARY KEY (client_id, fleet_id)
) STRICT, WITHOUT ROWID;

-- Keys that every process of this bridge shares, made when first needed.
CREATE TABLE bridge_key (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
