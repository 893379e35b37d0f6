"""Thefts on SQLite."""

from __future__ import annotations

import sqlite3

from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Theft

_THEFTS = """
SELECT id, started_at_ms, ended_at_ms, declared_at_ms, updated_at_ms FROM theft WHERE vin = ? ORDER BY started_at_ms, id
"""
_ADD = """
INSERT INTO theft (vin, id, started_at_ms, ended_at_ms, declared_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?)
"""
_END = "UPDATE theft SET ended_at_ms = ?, updated_at_ms = ? WHERE vin = ? AND id = ?"


def thefts_of(connection: sqlite3.Connection, vin: str) -> list[Theft]:
    return [Theft(*row) for row in connection.execute(_THEFTS, (vin,))]


def add(connection: sqlite3.Connection, vin: str, theft: Theft) -> None:
    for earlier in thefts_of(connection, vin):
        if earlier.ended_at_ms is None:
            raise RegistryError(f"vehicle {vin} is reported stolen already; see `canlift-bridge vehicle recovered`")
        if earlier.ended_at_ms > theft.started_at_ms:
            raise RegistryError(f"vehicle {vin} was stolen before, and recovered only after the time given")
    values = (theft.id, theft.started_at_ms, theft.ended_at_ms, theft.declared_at_ms, theft.updated_at_ms)
    connection.execute(_ADD, (vin, *values))


def end(connection: sqlite3.Connection, vin: str, at_ms: int, now_ms: int) -> Theft:
    going = next((theft for theft in thefts_of(connection, vin) if theft.ended_at_ms is None), None)
    if going is None:
        raise RegistryError(f"vehicle {vin} is not reported stolen")
    if at_ms < going.started_at_ms:
        raise RegistryError(f"vehicle {vin} was stolen only after the time given")
    connection.execute(_END, (at_ms, now_ms, vin, going.id))
    return Theft(going.id, going.started_at_ms, at_ms, going.declared_at_ms, now_ms)
