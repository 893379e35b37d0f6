"""Vehicles as rows of SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloud_bridge.store.port.registry import Vehicle


def vehicle_from(row: Sequence[Any]) -> Vehicle:
    """The columns of the vehicle up to its services; and when what is shown of it changed and its number of thefts,
    where these were asked."""
    vehicle_id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services, *asked = row
    changed_at_ms, thefts = asked or (0, None)
    return Vehicle(
        vehicle_id,
        vin,
        model,
        brand,
        motorization,
        created_at_ms,
        updated_at_ms,
        changed_at_ms,
        tuple(services.split()),
        thefts,
    )
