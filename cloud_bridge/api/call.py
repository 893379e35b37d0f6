"""One request on its way through an operation: who asks, for what, and what the service answers from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from msgspec import UNSET, UnsetType

from cloud_bridge.api.errors import Code, InvalidError, RefusedError
from cloud_bridge.api.links import Links
from cloud_bridge.api.operation import Operation, Read
from cloud_bridge.api.paging import Page, Token, Tokens, Window, page
from cloud_bridge.api.parameters import INDEX_RANGE, PROFILE, TIMESTAMPS, Query, wrong
from cloud_bridge.api.scope import EVERYTHING, Scope
from cloud_bridge.api.timestamps import EVER, resolve
from cloud_bridge.records.model import Protection, Status
from cloud_bridge.remote.control import RemoteService
from cloud_bridge.services import Services
from cloud_bridge.settings import Monitors as Monitoring
from cloud_bridge.store.port.monitors import Monitors
from cloud_bridge.store.port.reading import Reader
from cloud_bridge.store.port.registry import Client, Vehicle
from cloud_bridge.store.port.times import Interval


def permitted_fleet(client: Client, ids: dict[str, str]) -> str:
    """The fleet of the path. Raises RefusedError where the client may not see it, whether or not it exists."""
    fleet_id = ids.get("fid", "")
    if fleet_id and fleet_id not in client.fleets:
        raise RefusedError(Code.NO_RIGHT, f"Client '{client.id}' has no right to fleet '{fleet_id}'.")
    return fleet_id


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share."""

    reader: Reader
    links: Links
    tokens: Tokens
    served: Callable[[str], frozenset[str]]
    """Datum keys that vehicles of a model serve."""
    label: Callable[[str], str]
    """A model's name for people; empty where there is none."""
    telemetry_kinds: frozenset[str]
    """Every kind of the catalog that a message can have."""
    services: Services
    """What vehicles can be subscribed to."""
    monitors: Monitors
    monitoring: Monitoring
    """What monitors may be like."""
    remote: RemoteService
    changed: Callable[[str], None]
    """To be called with the id of a monitor or callback that was resumed or replaced."""


@dataclass(frozen=True)
class Call:
    service: Service
    operation: Operation
    client: Client
    ids: dict[str, str]
    fleet_id: str
    """The fleet of the path, which the client may see; empty where the path names none."""
    query: Query
    here: Token
    """The context of this page."""
    by_token: bool
    headers: dict[str, str] = field(default_factory=dict, init=False)
    """What the answer says beside its document."""
    _scopes: dict[str, Scope] = field(default_factory=dict, init=False)
    """By VIN."""

    @property
    def reader(self) -> Reader:
        return self.service.reader

    @property
    def links(self) -> Links:
        return self.service.links

    @property
    def tokens(self) -> Tokens:
        """Page tokens as this client gets them."""
        return self.service.tokens.of(self.client.id)

    @cached_property
    def vehicle(self) -> Vehicle:
        """The vehicle of the path. Raises RefusedError where it is not in the fleet, whether or not it exists."""
        vehicle = self.reader.vehicle(self.fleet_id, self.ids["vid"])
        if vehicle is None:
            raise RefusedError(Code.NO_RIGHT, f"Vehicle '{self.ids['vid']}' is not in fleet '{self.fleet_id}'.")
        return vehicle

    @property
    def is_of_fleet(self) -> bool:
        """Whether the path is of all vehicles of a fleet."""
        return "vid" not in self.ids

    def vin_of(self, vehicle: Vehicle) -> str | UnsetType:
        """What positions say of whose they are."""
        return vehicle.vin if self.is_of_fleet else UNSET

    @cached_property
    def scope(self) -> Scope:
        """What may be shown of the vehicle of the path."""
        return self.scope_of(self.vehicle)

    def scope_of(self, vehicle: Vehicle) -> Scope:
        """What may be shown of a vehicle of the fleet."""
        if self.shows_everything and not vehicle.services:
            return EVERYTHING
        scope = self._scopes.get(vehicle.vin)
        if scope is None:
            protections = () if self.shows_everything else self.reader.records(Protection, vehicle.vin, [EVER])
            scope = self._scopes[vehicle.vin] = Scope(self.service.services.data(vehicle.services), protections)
        return scope

    @property
    def shows_everything(self) -> bool:
        """Whether the profile shows all data of all vehicles, as far as their services have them."""
        return self.query[PROFILE] != "endUser"

    @cached_property
    def status(self) -> Status | None:
        """Of the vehicle of the path, as far as it may be shown."""
        return self.scope.status(self.reader.status(self.vehicle.vin))

    @cached_property
    def intervals(self) -> list[Interval]:
        """The times of `timestamps`, for what the vehicle said. Raises RefusedError where they come to too many."""
        return self.intervals_within(self._extent)

    def intervals_within(self, extent: Callable[[], Interval | None]) -> list[Interval]:
        """The same for data that all lie in `extent`."""
        ranges = self.query[TIMESTAMPS]
        try:
            return resolve(ranges, self.here.now_ms, extent)
        except InvalidError as invalid:
            raise wrong(TIMESTAMPS.name, invalid) from None

    def _extent(self) -> Interval | None:
        """The times of the vehicle's first and last message; of a fleet, all times."""
        if self.is_of_fleet:
            return EVER
        vin, kinds = self.vehicle.vin, self.service.telemetry_kinds
        total, first = self.reader.messages(vin, [EVER], kinds, 0, 1)
        if not first:
            return None
        _, last = self.reader.messages(vin, [EVER], kinds, total - 1, 1)
        return first[0].at_ms, last[-1].at_ms + 1

    @cached_property
    def window(self) -> Window:
        """The page of the collection."""
        operation = self.operation
        if not isinstance(operation, Read) or not operation.is_collection:
            raise TypeError(f"{operation.path} is not a collection")
        length = operation.page_length if operation.page_size is None else self.query[operation.page_size]
        return Window(self.query[INDEX_RANGE], self.here.start, length)

    def page(self, total: int) -> Page:
        address = self.links.root + self.here.path
        return page(self.window, total, self.tokens, self.here, address, self.by_token)


@dataclass(frozen=True, slots=True)
class Command:
    """A call that is to change something."""

    call: Call
    body: bytes
    """As it was sent, not yet looked at; empty where the operation has none."""
    now_ms: int
    """When it came."""
