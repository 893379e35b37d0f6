"""`…/telemetry` and `…/trips/{tid}/telemetry`: what the vehicle said, message by message."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from cloud_bridge.api.alarms import Alarm
from cloud_bridge.api.blocks import (
    Adas,
    Battery,
    DoorsState,
    DrivingBehavior,
    Energy,
    Engine,
    Environment,
    Kinetic,
    LightingSystem,
    Odometer,
    Powertrain,
    Privacy,
    Safety,
    StampedIgnition,
    StampedMaintenance,
    StampedWipingBlades,
    Transmission,
)
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.errors import no_data
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.api.parameters import TELEMETRY_EXTENSION, TYPE
from cloud_bridge.api.positions import Location, location
from cloud_bridge.api.records import trip_at, trip_of_path
from cloud_bridge.api.rendering import PLACES, Renderer, below_vehicle
from cloud_bridge.api.times import rfc3339
from cloud_bridge.api.timestamps import union
from cloud_bridge.records.model import Json, Known, Message, Position, Trip
from cloud_bridge.store.port import Interval

# A trigger cannot be published: its required `startAt` is not known.
NOT_SERVED = frozenset({"vehicle.alarm.trigger"})
NEAR_MS = 1000
"""How far in time a position may be from a message to be its location: receivers speak once a second, and changes are
said between. At 130 km/h that is 18 m at most where they do."""


class TelemetryLinks(Document):
    """`trip` where the message belongs to one."""

    self: Link
    vehicle: Link
    trip: Link | UnsetType = UNSET


class VehicleData(Document):
    engines: list[Engine] | UnsetType = UNSET
    energies: list[Energy] | UnsetType = UNSET
    transmission: Transmission | UnsetType = UNSET
    powertrain: Powertrain | UnsetType = UNSET
    adas: Adas | UnsetType = UNSET
    lighting_system: LightingSystem | UnsetType = UNSET
    ignition: StampedIgnition | UnsetType = UNSET
    doors_state: DoorsState | UnsetType = UNSET
    battery: Battery | UnsetType = UNSET
    safety: Safety | UnsetType = UNSET
    wiping_blades: StampedWipingBlades | UnsetType = UNSET
    odometer: Odometer | UnsetType = UNSET
    alarm: Alarm | UnsetType = UNSET
    kinetic: Kinetic | UnsetType = UNSET
    driving_behavior: DrivingBehavior | UnsetType = UNSET


class TelemetryExtension(Document):
    location: Location | UnsetType = UNSET
    maintenance: StampedMaintenance | UnsetType = UNSET


class EmbeddedTelemetryExtension(Document):
    extension: TelemetryExtension


class Telemetry(Document):
    """What was collected at one instant."""

    links: TelemetryLinks = msgspec.field(name="_links")
    created_at: DateTime
    privacy: Privacy | UnsetType = UNSET
    vehicle: VehicleData | UnsetType = UNSET
    environment: Environment | UnsetType = UNSET
    embedded: EmbeddedTelemetryExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


Telemetries = collection_of("Telemetries", "telemetries", Telemetry)

_RENDERER = Renderer(Telemetry, below_vehicle(PLACES, ("environment.", "privacy."), ("preconditioning.",)))


def read_telemetry(call: Call) -> Json:
    return _read(call, call.intervals, None)


def read_trip_telemetry(call: Call) -> Json:
    trip, intervals = trip_of_path(call)
    return _read(call, intervals, trip)


def kinds_of(types: Sequence[str], every: frozenset[str]) -> frozenset[str]:
    """The catalog's kinds that these published types select: `vehicle` is all below it, and the deprecated
    `vehicle.lighting` is `vehicle.lightingSystem`."""
    kinds = {"vehicle.lightingSystem" if name == "vehicle.lighting" else name for name in types}
    if "vehicle" in kinds:
        kinds.update(kind for kind in every if kind.startswith("vehicle."))
    return (every & kinds if types else every) - NOT_SERVED


def _read(call: Call, intervals: Sequence[Interval], trip: Trip | None) -> Json:
    position_shown = call.position_shown
    kinds = kinds_of(call.query[TYPE], call.service.telemetry_kinds)
    window, vin = call.window, call.vehicle.vin
    unrestricted, messages = (
        call.reader.messages(vin, intervals, kinds, window.offset, window.limit) if kinds and intervals else (0, [])
    )
    if not messages:
        raise no_data("no message of the vehicle is of these types, times and indexes")
    trips = [trip] if trip else call.reader.records(Trip, vin, [(messages[0].at_ms, messages[-1].at_ms + 1)])
    extensions = frozenset(call.query[TELEMETRY_EXTENSION]) - (frozenset() if position_shown else {"location"})
    places = _places(call, messages) if "location" in extensions else {}
    telemetries = [
        _telemetry(call, message, kinds, extensions, trip_at(trips, message.at_ms), places.get(message.at_ms))
        for message in messages
    ]
    return listed(call, "telemetries", unrestricted, telemetries)


def _places(call: Call, messages: Sequence[Message]) -> dict[int, Position]:
    """Where the vehicle was, by the time of the message: its own position, or else the nearest within `NEAR_MS`, of two
    that are as near the earlier."""
    places = {message.at_ms: message.position for message in messages if message.position is not None}
    without = [message.at_ms for message in messages if message.position is None]
    if not without:
        return places
    near = call.reader.positions(call.vehicle.vin, union([(at_ms - NEAR_MS, at_ms + NEAR_MS + 1) for at_ms in without]))
    for at_ms in without:
        index = bisect_left(near, at_ms, key=lambda position: position.at_ms)
        around = near[max(0, index - 1) : index + 1]
        nearest = min(around, key=lambda position: abs(position.at_ms - at_ms), default=None)
        if nearest is not None and abs(nearest.at_ms - at_ms) <= NEAR_MS:
            places[at_ms] = nearest
    return places


def _telemetry(
    call: Call,
    message: Message,
    kinds: frozenset[str],
    extensions: frozenset[str],
    trip: Trip | None,
    place: Position | None,
) -> Json:
    links, fleet, vehicle = call.links, call.fleet_id, call.vehicle
    at = rfc3339(message.at_ms)
    document: Json = {
        "_links": TelemetryLinks(
            # The message has no address of its own: the telemetry of its instant.
            self=links.of_vehicle(fleet, vehicle.id, f"telemetry?timestamps={at}/{at}".replace(":", "%3A")),
            vehicle=links.vehicle(fleet, vehicle.id),
            trip=links.trip(fleet, vehicle.id, trip.id) if trip is not None else UNSET,
        ),
        "createdAt": at,
    }
    known = {key: Known(value, message.at_ms) for key, value in message.values.items()}
    _RENDERER.fill(document, known, kinds)
    if extensions:
        extension = _extension(message, at, vehicle.vin, extensions, place)
        if extension != TelemetryExtension():
            document["_embedded"] = {"extension": extension}
    return document


def _extension(
    message: Message, at: str, vin: str, extensions: frozenset[str], place: Position | None
) -> TelemetryExtension:
    extension = TelemetryExtension()
    if place is not None:
        extension.location = location(place)
    days = message.values.get("maintenance.daysBeforeMaintenance")
    mileage = message.values.get("maintenance.mileageBeforeMaintenance")
    if "maintenance" in extensions and (days is not None or mileage is not None):
        maintenance = StampedMaintenance(created_at=at, vin=vin)
        if days is not None:
            maintenance.days_before_maintenance = int(days)
        if mileage is not None:
            maintenance.mileage_before_maintenance = float(mileage)
        extension.maintenance = maintenance
    return extension
