"""A `Reader` in memory: the port's promises over plain lists, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud_bridge.records.model import Alert, Message, Position, Status, Trip
from cloud_bridge.store.port import Client, Fleet, Interval, Vehicle
from contract.catalog import DATA


def inside(at_ms: int, within: Sequence[Interval]) -> bool:
    return any(first <= at_ms < end for first, end in within)


@dataclass
class MemoryReader:
    clients: dict[str, Client] = field(default_factory=dict)
    all_fleets: dict[str, Fleet] = field(default_factory=dict)
    members: dict[str, list[Vehicle]] = field(default_factory=dict)
    """Vehicles by fleet."""
    statuses: dict[str, Status] = field(default_factory=dict)
    """And all that follows by VIN."""
    all_messages: dict[str, list[Message]] = field(default_factory=dict)
    all_trips: dict[str, list[Trip]] = field(default_factory=dict)
    all_alerts: dict[str, list[Alert]] = field(default_factory=dict)

    def client(self, client_id: str) -> Client | None:
        return self.clients.get(client_id)

    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]:
        found = [self.all_fleets[fleet_id] for fleet_id in ids if fleet_id in self.all_fleets]
        found.sort(key=lambda fleet: (fleet.created_at_ms, fleet.id))
        return len(found), found[offset : offset + limit]

    def fleet(self, fleet_id: str) -> Fleet | None:
        return self.all_fleets.get(fleet_id)

    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]:
        found = [vehicle for vehicle in self.members.get(fleet_id, ()) if vehicle.vin.startswith(vin_prefix)]
        found.sort(key=lambda vehicle: vehicle.vin)
        return len(found), found[offset : offset + limit]

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        found = (vehicle for vehicle in self.members.get(fleet_id, ()) if vehicle.id == vehicle_id)
        return next(found, None)

    def status(self, vin: str) -> Status | None:
        return self.statuses.get(vin)

    def messages(
        self, vin: str, within: Sequence[Interval], kinds: frozenset[str], offset: int, limit: int
    ) -> tuple[int, list[Message]]:
        found = [
            message
            for message in self.all_messages.get(vin, ())
            if inside(message.at_ms, within) and any(DATA[key].telemetry in kinds for key in message.values)
        ]
        return len(found), found[offset : offset + limit]

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]:
        return [
            message.position
            for message in self.all_messages.get(vin, ())
            if message.position is not None and inside(message.position.at_ms, within)
        ]

    def trips(self, vin: str, within: Sequence[Interval]) -> list[Trip]:
        return [
            trip
            for trip in self.all_trips.get(vin, ())
            if any(
                trip.started_at_ms < end and (trip.stopped_at_ms is None or trip.stopped_at_ms >= first)
                for first, end in within
            )
        ]

    def trip(self, vin: str, trip_id: str) -> Trip | None:
        return next((trip for trip in self.all_trips.get(vin, ()) if trip.id == trip_id), None)

    def alerts(self, vin: str, within: Sequence[Interval]) -> list[Alert]:
        return [alert for alert in self.all_alerts.get(vin, ()) if inside(alert.started_at_ms, within)]
