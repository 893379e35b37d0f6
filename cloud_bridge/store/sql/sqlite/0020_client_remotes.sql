-- What a client may have vehicles do: a JSON array of published types of remote actions. Clients that are there already keep
-- what they could ask so far.
ALTER TABLE client ADD COLUMN remotes TEXT NOT NULL DEFAULT '[]';
UPDATE client SET remotes = '["ThermalPreconditioning", "ElectricBatteryChargingRequest", "Horn", "Doors", "Lights",
    "Immobilization", "Stolen", "WakeUp", "Navigation"]';
