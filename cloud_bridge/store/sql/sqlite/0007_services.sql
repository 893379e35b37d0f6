-- What vehicles are subscribed to: names of services, with spaces between; '' for everything. All is derived again, with
-- the times in which the user of a vehicle kept something to himself.

ALTER TABLE vehicle ADD COLUMN services TEXT NOT NULL DEFAULT '';

UPDATE derived SET profile = x'';
