"""One request on its way through a resource: who asks, for what, and what the service answers from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from msgspec import UNSET, UnsetType

from cloud_bridge.api.errors import Code, InvalidError, RefusedError, no_data
from cloud_bridge.api.links import Links
from cloud_bridge.api.paging import Page, Token, Tokens, Window, page
from cloud_bridge.api.parameters import INDEX_RANGE, PROFILE, TIMESTAMPS, Query, wrong
from cloud_bridge.api.resource import Resource
from cloud_bridge.api.timestamps import EVER, resolve
from cloud_bridge.records.model import Status, Value
from cloud_bridge.store.port import Client, Interval, Reader, Vehicle


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


@dataclass(frozen=True)
class Call:
    service: Service
    resource: Resource
    client: Client
    ids: dict[str, str]
    fleet_id: str
    """The fleet of the path, which the client may see; empty where the path names none."""
    query: Query
    here: Token
    """The context of this page."""
    by_token: bool

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
    def status(self) -> Status | None:
        return self.reader.status(self.vehicle.vin)

    @property
    def shows_everything(self) -> bool:
        """Whether the profile shows all data of all vehicles."""
        return self.query[PROFILE] != "endUser"

    def shows_data(self, vehicle: Vehicle) -> bool:
        """Whether the profile shows any data of a vehicle of the fleet."""
        return self._privacy(vehicle) != "Full"

    def shows_position(self, vehicle: Vehicle) -> bool:
        """Whether the profile shows positions of a vehicle of the fleet."""
        return self._privacy(vehicle) in (None, "None")

    def _privacy(self, vehicle: Vehicle) -> Value | None:
        """The end user's view follows the privacy that is set in the vehicle now, for all of its data."""
        if self.shows_everything:
            return None
        status = self.status if not self.is_of_fleet else self.reader.status(vehicle.vin)
        state = None if status is None else status.known.get("privacy.state")
        return None if state is None else state.value

    def require_data(self) -> None:
        """Raises RefusedError where the profile shows no data of the vehicle of the path."""
        if not self.shows_data(self.vehicle):
            raise no_data("the vehicle's privacy lets its user share nothing")

    def require_position(self) -> None:
        self.require_data()
        if not self.shows_position(self.vehicle):
            raise no_data("the vehicle's privacy lets its user share no position")

    @cached_property
    def intervals(self) -> list[Interval]:
        """The times of `timestamps`. Raises RefusedError where they come to too many."""
        ranges = self.query[TIMESTAMPS]
        try:
            return resolve(ranges, self.here.now_ms, self._extent)
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
        size = self.resource.page_size
        if size is None and not self.resource.page_length:
            raise TypeError(f"{self.resource.path} is not a collection")
        length = self.resource.page_length if size is None else self.query[size]
        return Window(self.query[INDEX_RANGE], self.here.start, length)

    def page(self, total: int) -> Page:
        address = self.links.root + self.here.path
        return page(self.window, total, self.tokens, self.here, address, self.by_token)
