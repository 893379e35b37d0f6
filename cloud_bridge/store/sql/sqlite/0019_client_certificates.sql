-- Which certificates a client of the API shows, one of them: a JSON array of SHA-256 fingerprints, lower-case hexadecimal.
-- Without any, none is asked for.
ALTER TABLE client ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';
