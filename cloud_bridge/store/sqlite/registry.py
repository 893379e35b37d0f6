"""Fleets, vehicles and clients on SQLite."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence

import msgspec

from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Client, Fleet, Theft, Vehicle
from cloud_bridge.store.sqlite import monitoring, thefts
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.vehicles import vehicle_from

_ADD_FLEET = """
INSERT INTO fleet (id, name, description, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_FLEET = "SELECT id, name, description, created_at_ms, updated_at_ms FROM fleet WHERE id = ?"
_ALL_FLEETS = "SELECT id, name, description, created_at_ms, updated_at_ms FROM fleet ORDER BY created_at_ms, id"
# The ids come as one JSON array: their number is not fixed.
_SOME_FLEETS = """
SELECT id, name, description, created_at_ms, updated_at_ms FROM fleet WHERE id IN (SELECT value FROM json_each(?))
ORDER BY created_at_ms, id LIMIT ? OFFSET ?
"""
_COUNT_FLEETS = "SELECT count(*) FROM fleet WHERE id IN (SELECT value FROM json_each(?))"

_ADD_VEHICLE = """
INSERT INTO vehicle (id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_JOIN_FLEET = "INSERT INTO fleet_vehicle (vin, fleet_id, joined_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_VEHICLE = """
SELECT id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services FROM vehicle WHERE vin = ?
"""
_ALL_VEHICLES = """
SELECT id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services FROM vehicle ORDER BY vin
"""
_SUBSCRIBE = "UPDATE vehicle SET services = ?, updated_at_ms = ? WHERE vin = ?"
_FLEETS_OF_VEHICLE = "SELECT fleet_id FROM fleet_vehicle WHERE vin = ? ORDER BY fleet_id"
# A prefix as a range of texts, so that the index serves it: all that a VIN is made of is below '~'.
_VEHICLES_OF = """
SELECT id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services
FROM fleet_vehicle JOIN vehicle USING (vin)
WHERE fleet_id = ? AND vin >= ? AND vin < ? || '~' ORDER BY vin LIMIT ? OFFSET ?
"""
_COUNT_VEHICLES = "SELECT count(*) FROM fleet_vehicle WHERE fleet_id = ? AND vin >= ? AND vin < ? || '~'"
# What it is subscribed to changes what is shown of it, too.
_VEHICLE_OF = """
SELECT id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services, max(
    coalesce(changed_at_ms, 0), vehicle.updated_at_ms,
    coalesce((SELECT max(updated_at_ms) FROM theft WHERE theft.vin = vehicle.vin), 0)
), (SELECT count(*) FROM theft WHERE theft.vin = vehicle.vin)
FROM vehicle JOIN fleet_vehicle USING (vin) LEFT JOIN derived USING (vin)
WHERE id = ? AND fleet_id = ?
"""

_ADD_CLIENT = """
INSERT INTO client (id, user, secret_hash, day_limit, burst_limit, certificates, remotes, created_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_LIMIT_CLIENT = """
UPDATE client SET day_limit = coalesce(?, day_limit), burst_limit = coalesce(?, burst_limit) WHERE id = ?
"""
_BIND_CLIENT = "UPDATE client SET certificates = ? WHERE id = ?"
_PERMIT_CLIENT = "UPDATE client SET remotes = ? WHERE id = ?"
_GRANT = "INSERT INTO client_fleet (client_id, fleet_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
# The fleets come as one JSON array.
_CLIENT = """
SELECT id, user, secret_hash, day_limit, burst_limit, certificates, remotes,
    (SELECT json_group_array(fleet_id) FROM client_fleet WHERE client_id = client.id)
FROM client WHERE id = ?
"""
_CLIENT_IDS = "SELECT id FROM client ORDER BY created_at_ms, id"
_ADD_KEY = "INSERT INTO bridge_key (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KEY = "SELECT value FROM bridge_key WHERE name = ?"
_REMOVE_CLIENT = "DELETE FROM client WHERE id = ?"


def fleet_of(connection: sqlite3.Connection, fleet_id: str) -> Fleet | None:
    row = connection.execute(_FLEET, (fleet_id,)).fetchone()
    return None if row is None else Fleet(*row)


def fleets_of(connection: sqlite3.Connection, ids: str, offset: int, limit: int) -> tuple[int, list[Fleet]]:
    """`ids`: a JSON array."""
    (total,) = connection.execute(_COUNT_FLEETS, (ids,)).fetchone()
    return total, [Fleet(*row) for row in connection.execute(_SOME_FLEETS, (ids, limit, offset))]


def vehicles_of(
    connection: sqlite3.Connection, fleet_id: str, vin_prefix: str, offset: int, limit: int
) -> tuple[int, list[Vehicle]]:
    place = (fleet_id, vin_prefix, vin_prefix)
    (total,) = connection.execute(_COUNT_VEHICLES, place).fetchone()
    return total, [vehicle_from(row) for row in connection.execute(_VEHICLES_OF, (*place, limit, offset))]


def vehicle_of(connection: sqlite3.Connection, fleet_id: str, vehicle_id: str) -> Vehicle | None:
    row = connection.execute(_VEHICLE_OF, (vehicle_id, fleet_id)).fetchone()
    return None if row is None else vehicle_from(row)


def client_of(connection: sqlite3.Connection, client_id: str) -> Client | None:
    row = connection.execute(_CLIENT, (client_id,)).fetchone()
    if row is None:
        return None
    found_id, user, secret_hash, day, burst, certificates, remotes, fleets = row
    shown, may_ask = tuple(_texts(certificates)), tuple(_texts(remotes))
    return Client(found_id, user, secret_hash, tuple(sorted(_texts(fleets))), day, burst, shown, may_ask)


_texts = msgspec.json.Decoder(list[str]).decode


class SqliteRegistry:
    """`cloud_bridge.store.port.registry.Registry` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_fleet(self, fleet: Fleet) -> None:
        values = (fleet.id, fleet.name, fleet.description, fleet.created_at_ms, fleet.updated_at_ms)
        with self._database.write() as connection:
            if connection.execute(_ADD_FLEET, values).rowcount == 0:
                raise RegistryError(f"there is a fleet {fleet.id} already")

    def all_fleets(self) -> list[Fleet]:
        with self._database.read() as connection:
            return [Fleet(*row) for row in connection.execute(_ALL_FLEETS)]

    def add_vehicle(self, vehicle: Vehicle, fleets: Sequence[str]) -> None:
        with self._database.write() as connection:
            for fleet in fleets:
                expect_fleet(connection, fleet)
            values = (
                vehicle.id, vehicle.vin, vehicle.model, vehicle.brand, vehicle.motorization,
                vehicle.created_at_ms, vehicle.updated_at_ms, " ".join(vehicle.services),
            )  # fmt: skip
            if connection.execute(_ADD_VEHICLE, values).rowcount == 0:
                row = connection.execute(_VEHICLE, (vehicle.vin,)).fetchone()
                if row is None:
                    raise RegistryError(f"there is a vehicle with the id {vehicle.id} already")
                known = vehicle_from(row)
                if known.model != vehicle.model:
                    raise RegistryError(
                        f"vehicle {vehicle.vin} is there already, with the model {known.model} and not {vehicle.model}"
                    )
            connection.executemany(_JOIN_FLEET, [(vehicle.vin, fleet, vehicle.updated_at_ms) for fleet in fleets])

    def subscribe(self, vin: str, services: Sequence[str], now_ms: int) -> None:
        with self._database.write() as connection:
            if connection.execute(_SUBSCRIBE, (" ".join(services), now_ms, vin)).rowcount == 0:
                raise RegistryError(f"there is no vehicle {vin}; see `canlift-bridge vehicle list`")

    def all_vehicles(self) -> list[Vehicle]:
        with self._database.read() as connection:
            return [vehicle_from(row) for row in connection.execute(_ALL_VEHICLES)]

    def fleets_of_vehicle(self, vin: str) -> list[str]:
        with self._database.read() as connection:
            return [fleet for (fleet,) in connection.execute(_FLEETS_OF_VEHICLE, (vin,))]

    def add_theft(self, vin: str, theft: Theft) -> None:
        with self._database.write() as connection:
            _expect_vehicle(connection, vin)
            thefts.add(connection, vin, theft)
            monitoring.touch(connection, vin, theft.started_at_ms)

    def end_theft(self, vin: str, at_ms: int, now_ms: int) -> Theft:
        with self._database.write() as connection:
            _expect_vehicle(connection, vin)
            monitoring.touch(connection, vin, at_ms)
            return thefts.end(connection, vin, at_ms, now_ms)

    def thefts(self, vin: str) -> list[Theft]:
        with self._database.read() as connection:
            return thefts.thefts_of(connection, vin)

    def vehicle(self, vin: str) -> Vehicle | None:
        with self._database.read() as connection:
            row = connection.execute(_VEHICLE, (vin,)).fetchone()
            return None if row is None else vehicle_from(row)

    def add_client(self, client: Client, created_at_ms: int) -> None:
        with self._database.write() as connection:
            for fleet in client.fleets:
                expect_fleet(connection, fleet)
            lists = json.dumps(client.certificates), json.dumps(client.remotes)
            values = (client.id, client.user, client.secret_hash, client.day, client.burst, *lists, created_at_ms)
            if connection.execute(_ADD_CLIENT, values).rowcount == 0:
                raise RegistryError(f"there is a client {client.id} already")
            connection.executemany(_GRANT, [(client.id, fleet) for fleet in client.fleets])

    def all_clients(self) -> list[Client]:
        with self._database.read() as connection:
            found = (client_of(connection, client_id) for (client_id,) in connection.execute(_CLIENT_IDS).fetchall())
            return [client for client in found if client is not None]

    def limit_client(self, client_id: str, day: int | None, burst: int | None) -> None:
        self._change_client(client_id, _LIMIT_CLIENT, day, burst)

    def bind_client(self, client_id: str, certificates: Sequence[str]) -> None:
        self._change_client(client_id, _BIND_CLIENT, json.dumps(certificates))

    def permit_client(self, client_id: str, remotes: Sequence[str]) -> None:
        self._change_client(client_id, _PERMIT_CLIENT, json.dumps(remotes))

    def _change_client(self, client_id: str, statement: str, *values: object) -> None:
        with self._database.write() as connection:
            if connection.execute(statement, (*values, client_id)).rowcount == 0:
                raise RegistryError(f"there is no client {client_id}; see `canlift-bridge client list`")

    def remove_client(self, client_id: str) -> None:
        with self._database.write() as connection:
            if connection.execute(_REMOVE_CLIENT, (client_id,)).rowcount == 0:
                raise RegistryError(f"there is no client {client_id}")

    def key(self, name: str) -> bytes:
        with self._database.write() as connection:
            connection.execute(_ADD_KEY, (name, secrets.token_bytes(32)))
            (value,) = connection.execute(_KEY, (name,)).fetchone()
            return bytes(value)


def expect_fleet(connection: sqlite3.Connection, fleet_id: str) -> None:
    if fleet_of(connection, fleet_id) is None:
        raise RegistryError(f"there is no fleet {fleet_id}; see `canlift-bridge fleet list`")


def _expect_vehicle(connection: sqlite3.Connection, vin: str) -> None:
    if connection.execute(_VEHICLE, (vin,)).fetchone() is None:
        raise RegistryError(f"there is no vehicle {vin}; see `canlift-bridge vehicle list`")
