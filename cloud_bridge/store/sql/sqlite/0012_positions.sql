-- Chunks that tell a position: the last known is found without looking at the others.

CREATE INDEX chunk_with_positions ON chunk (vin, from_ms) WHERE positions > 0;
