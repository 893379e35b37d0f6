"""Who is known: what the command line writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cloud_bridge.records.model import Record

DAY, BURST = 100_000, 100
"""What a client may ask of which nothing else is said."""


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
    changed_at_ms: int = 0
    """When what is shown of it changed last, by the clock of the bridge; the API's reader tells it. 0: never."""
    services: tuple[str, ...] = ()
    """What it is subscribed to; without any it shows everything."""
    thefts: int | None = None
    """How often it was reported stolen, where the API's reader tells it."""


class Theft(Record, frozen=True):
    """That a vehicle was taken, and found again, as its operator says. Nothing that the vehicle says makes one."""

    ended_at_ms: int | None = None
    """None while it is stolen."""
    declared_at_ms: int = 0
    updated_at_ms: int = 0

    @property
    def until_ms(self) -> int | None:
        return self.ended_at_ms


class Client(msgspec.Struct, frozen=True):
    id: str
    """`client_id` of the query."""
    user: str
    """User name of HTTP Basic."""
    secret_hash: str
    fleets: tuple[str, ...]
    day: int = DAY
    """Requests in any 24 hours."""
    burst: int = BURST
    """Requests in any second."""
    certificates: tuple[str, ...] = ()
    """Fingerprints (`cloud_bridge.server.https`) of those of which its connections must show one; without any, none is
    asked for."""
    remotes: tuple[str, ...] = ()
    """Types of the remote actions that it may ask for (`cloud_bridge.actions.life`)."""


class Registry(Protocol):
    """Who is known. Raises `RegistryError` where a fleet, vehicle or client named is not there, or is there already."""

    def add_fleet(self, fleet: Fleet) -> None: ...
    def all_fleets(self) -> list[Fleet]: ...
    def add_vehicle(self, vehicle: Vehicle, fleets: Sequence[str]) -> None:
        """A vehicle that is there already, with the same model, joins `fleets` too and stays as it is. It joins them
        when it is said to be updated."""
        ...

    def subscribe(self, vin: str, services: Sequence[str], now_ms: int) -> None:
        """The vehicle has these services from now on, and no others."""
        ...

    def all_vehicles(self) -> list[Vehicle]: ...
    def vehicle(self, vin: str) -> Vehicle | None: ...
    def fleets_of_vehicle(self, vin: str) -> list[str]: ...
    def add_theft(self, vin: str, theft: Theft) -> None:
        """Of a vehicle that is not stolen then."""
        ...

    def end_theft(self, vin: str, at_ms: int, now_ms: int) -> Theft:
        """The theft that goes on, as it is afterwards."""
        ...

    def thefts(self, vin: str) -> list[Theft]: ...
    def add_client(self, client: Client, created_at_ms: int) -> None: ...
    def all_clients(self) -> list[Client]: ...
    def limit_client(self, client_id: str, day: int | None, burst: int | None) -> None:
        """What is None stays as it is."""
        ...

    def bind_client(self, client_id: str, certificates: Sequence[str]) -> None:
        """To these fingerprints, and no others."""
        ...

    def permit_client(self, client_id: str, remotes: Sequence[str]) -> None:
        """These types of remote actions, and no others."""
        ...

    def remove_client(self, client_id: str) -> None: ...
    def key(self, name: str) -> bytes:
        """32 random bytes, the same ones for this name ever after."""
        ...
