-- How many messages of a chunk have exactly which data: for vehicles that show some of their data only. All is derived
-- again; where that cannot be done any more it stays empty, and the messages are looked at.

ALTER TABLE chunk ADD COLUMN data BLOB NOT NULL DEFAULT x'';

UPDATE derived SET profile = x'';
