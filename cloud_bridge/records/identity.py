"""Ids of records: what a record is of, not when it was written. Rebuilding gives the same ids."""

from __future__ import annotations

from hashlib import sha256


def record_id(vin: str, kind: str, started_at_ms: int) -> str:
    """32 hex digits from the vehicle, the kind of record and its start."""
    return sha256(f"{vin}/{kind}/{started_at_ms}".encode()).hexdigest()[:32]
