"""The port to the database, as its users see it. Adapters: `cloud_bridge.store.sqlite` (PostgreSQL will be another).

Every method that touches a vehicle's data is keyed by its VIN first. Ranges of time are half-open, [from, to), in Unix
milliseconds; several are a union. Lists are in ascending time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cloud_bridge.records.model import Alert, Message, Position, Status, Trip

Interval = tuple[int, int]


class Fleet(msgspec.Struct, frozen=True):
    id: str
    name: str
    description: str
    created_at_ms: int
    updated_at_ms: int


class Vehicle(msgspec.Struct, frozen=True):
    id: str
    """Opaque, 40 hex digits; not the VIN."""
    vin: str
    model: str
    """The vehicle profile."""
    brand: str
    motorization: str
    created_at_ms: int
    updated_at_ms: int


class Client(msgspec.Struct, frozen=True):
    id: str
    """`client_id` of the query."""
    user: str
    """User name of HTTP Basic."""
    secret_hash: str
    fleets: tuple[str, ...]


class Reader(Protocol):
    """What the API reads. Answers reflect every upload receipted before the call."""

    def client(self, client_id: str) -> Client | None: ...
    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]: ...
    def fleet(self, fleet_id: str) -> Fleet | None: ...
    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]: ...
    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None: ...

    def status(self, vin: str) -> Status | None: ...
    def messages(
        self, vin: str, within: Sequence[Interval], kinds: frozenset[str], offset: int, limit: int
    ) -> tuple[int, list[Message]]:
        """Telemetry messages with at least one datum of `kinds` (`contract.catalog` telemetry kinds), and their number in all."""
        ...

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]: ...
    def trips(self, vin: str, within: Sequence[Interval]) -> list[Trip]:
        """Trips that overlap the ranges, unfinished ones included."""
        ...

    def trip(self, vin: str, trip_id: str) -> Trip | None: ...
    def alerts(self, vin: str, within: Sequence[Interval]) -> list[Alert]: ...
