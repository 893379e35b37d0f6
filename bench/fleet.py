"""Vehicles that stand in the database as the first one of their fleet does, without being derived one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cloud_bridge.store.port.registry import Vehicle

_AS_THE_FIRST = (
    """
    INSERT INTO vehicle (vin, id, model, brand, motorization, created_at_ms, updated_at_ms)
    SELECT :vin, :id, model, brand, motorization, created_at_ms, updated_at_ms FROM vehicle WHERE vin = :first
    """,
    "INSERT INTO fleet_vehicle (vin, fleet_id) SELECT :vin, fleet_id FROM fleet_vehicle WHERE vin = :first",
    "INSERT INTO derived (vin, revision, profile) SELECT :vin, revision, profile FROM derived WHERE vin = :first",
    "INSERT INTO status (vin, body) SELECT :vin, body FROM status WHERE vin = :first",
)


def add_as_the_first(connection: sqlite3.Connection, first: Vehicle, others: Iterable[Vehicle], *more: str) -> None:
    """`more` are statements for each of them, with its `:vin` and that of the `:first`."""
    for vehicle in others:
        for statement in (*_AS_THE_FIRST, *more):
            connection.execute(statement, {"vin": vehicle.vin, "id": vehicle.id, "first": first.vin})
