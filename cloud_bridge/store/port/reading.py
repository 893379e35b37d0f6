"""What the API reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from cloud_bridge.records.model import Message, Position, Record, Status
from cloud_bridge.store.port.registry import Client, Fleet, Theft, Vehicle
from cloud_bridge.store.port.times import Interval

One = TypeVar("One", bound=Record)
"""One type of record."""


class Reader(Protocol):
    """What the API reads. Answers reflect every upload receipted before the call.

    Where what is stored of a vehicle cannot be read it is set aside, and DamagedError raised; fleets are answered
    without it from then on."""

    def snapshot(self) -> AbstractContextManager[None]:
        """What this thread reads in the block is of one moment, but for what had to be derived first."""
        ...

    def client(self, client_id: str) -> Client | None: ...
    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]: ...
    def fleet(self, fleet_id: str) -> Fleet | None: ...
    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]: ...
    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None: ...

    def status(self, vin: str) -> Status | None: ...
    def messages(
        self,
        vin: str,
        within: Sequence[Interval],
        kinds: frozenset[str],
        offset: int,
        limit: int,
        data: frozenset[str] | None = None,
    ) -> tuple[int, list[Message]]:
        """The number of all telemetry messages with at least one datum of `kinds`, and `limit` of them from `offset` on
        (kinds as in `contract.catalog`, and no others than these). Where `data` are given, the datum is one of these;
        to count them costs more then."""
        ...

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]: ...
    def page_of_positions(
        self, vin: str, within: Sequence[Interval], offset: int, limit: int
    ) -> tuple[int, list[Position]]:
        """The number of all `positions`, and `limit` of them from `offset` on."""
        ...

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        """The last known at that time: the newest of then or before."""
        ...

    def thefts(self, vin: str) -> list[Theft]: ...
    def records(self, kind: type[One], vin: str, within: Sequence[Interval]) -> list[One]:
        """The vehicle's records of one type that overlap the ranges, in ascending start, those that go on included."""
        ...

    def record(self, kind: type[One], vin: str, record_id: str) -> One | None: ...
    def has_services(self, fleet_id: str) -> bool:
        """Whether a vehicle of the fleet is subscribed to services, and so shows some of its data only."""
        ...

    def statuses(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[tuple[Vehicle, Status]]]:
        """How many vehicles of the fleet have a status, and some of them by VIN."""
        ...

    def fleet_records(
        self,
        kind: type[One],
        fleet_id: str,
        within: Sequence[Interval],
        offset: int,
        limit: int,
        *,
        lasted: Interval | None = None,
        counts: Callable[[Vehicle, One], bool] | None = None,
    ) -> tuple[int, list[tuple[Vehicle, One]]]:
        """The number of all records as in `records`, of all vehicles of the fleet, and `limit` of them from `offset` on
        in ascending (start, VIN, id). Those only that are over and `lasted` from so many to so many ms, both included;
        and that `counts` says so of: to ask it, each has to be looked at."""
        ...

    def fleet_record(self, kind: type[One], fleet_id: str, record_id: str) -> tuple[Vehicle, One] | None: ...
    def set_aside(self, fleet_id: str) -> list[Vehicle]:
        """The vehicles of the fleet that `statuses` and `fleet_records` leave out, by VIN."""
        ...
