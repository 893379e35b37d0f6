"""`…/telemetry` and `…/trips/{tid}/telemetry`: what the vehicle said, message by message."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from cloud_bridge.api.alarms import Alarm as AlarmBlock
from cloud_bridge.api.alarms import AlarmTrigger, trigger_of
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
from cloud_bridge.api.records import trip_at, trip_of_path, trips_of
from cloud_bridge.api.rendering import PLACES, TOGETHER_MS, Renderer, below_vehicle
from cloud_bridge.api.timestamps import EVER, union
from cloud_bridge.records.messages import NO_BREAK_IN
from cloud_bridge.records.model import Alarm, Json, Known, Message, Position, Trip
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.times import Interval
from contract.catalog import DATA

_TRIGGER = "alarm.trigger.type"
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
    alarm: AlarmBlock | UnsetType = UNSET
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


class _Beside(NamedTuple):
    """What belongs to a message and is not in it."""

    trip: Trip | None
    place: Position | None
    trigger: AlarmTrigger | None


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
    return every & kinds if types else every


def _read(call: Call, intervals: Sequence[Interval], trip: Trip | None) -> Json:
    scope, window, vehicle = call.scope, call.window, call.vehicle
    kinds, data = scope.telemetry(kinds_of(call.query[TYPE], call.service.telemetry_kinds))
    shown = scope.times(intervals)
    unrestricted, messages = (
        call.reader.messages(vehicle.vin, shown, kinds, window.offset, window.limit, data)
        if kinds and shown
        else (0, [])
    )
    if not messages:
        raise no_data("no message of the vehicle is of these types, times and indexes")
    messages = [scope.message(message) for message in messages]
    trips = [trip] if trip else trips_of(call, vehicle, [(messages[0].at_ms, messages[-1].at_ms + 1)])
    extensions = frozenset(call.query[TELEMETRY_EXTENSION])
    places = _places(call, messages) if "location" in extensions else {}
    triggers = _triggers(call, messages) if "vehicle.alarm.trigger" in kinds else {}
    telemetries = []
    for message in messages:
        at_ms = message.at_ms
        beside = _Beside(trip_at(trips, at_ms), places.get(at_ms), triggers.get(at_ms))
        telemetries.append(_telemetry(call, message, kinds, extensions, beside))
    return listed(call, "telemetries", unrestricted, telemetries)


def _triggers(call: Call, messages: Sequence[Message]) -> dict[int, AlarmTrigger]:
    """The break-ins that messages speak of, by the time of the message, each with its start."""
    telling = [message for message in messages if message.values.get(_TRIGGER, NO_BREAK_IN) != NO_BREAK_IN]
    if not telling:
        return {}
    # It may go on since long before the page.
    records = call.reader.records(Alarm, call.vehicle.vin, [(EVER[0], telling[-1].at_ms + 1)])
    seen = (call.scope.see(alarm) for alarm in records)
    alarms = [alarm for alarm in seen if alarm is not None and alarm.trigger is not None]
    found = {}
    for message in telling:
        index = bisect_right(alarms, message.at_ms, key=lambda alarm: alarm.started_at_ms)
        alarm = alarms[index - 1] if index else None
        trigger = None if alarm is None else trigger_of(alarm, call.vin_of(call.vehicle))
        if trigger is not None and trigger.type == message.values[_TRIGGER]:
            found[message.at_ms] = trigger
    return found


def _places(call: Call, messages: Sequence[Message]) -> dict[int, Position]:
    """Where the vehicle was, by the time of the message: its own position, or else the nearest within `NEAR_MS`, of two
    that are as near the earlier."""
    places = {message.at_ms: message.position for message in messages if message.position is not None}
    without = [message.at_ms for message in messages if message.position is None]
    if not without:
        return places
    around = union([(at_ms - NEAR_MS, at_ms + NEAR_MS + 1) for at_ms in without])
    near = call.reader.positions(call.vehicle.vin, call.scope.times_of_places(around))
    for at_ms in without:
        index = bisect_left(near, at_ms, key=lambda position: position.at_ms)
        nearest = min(
            near[max(0, index - 1) : index + 1], key=lambda position: abs(position.at_ms - at_ms), default=None
        )
        if nearest is not None and abs(nearest.at_ms - at_ms) <= NEAR_MS:
            places[at_ms] = nearest
    return places


def _telemetry(
    call: Call,
    message: Message,
    kinds: frozenset[str],
    extensions: frozenset[str],
    beside: _Beside,
) -> Json:
    links, fleet, vehicle = call.links, call.fleet_id, call.vehicle
    at = rfc3339(message.at_ms)
    document: Json = {
        "_links": TelemetryLinks(
            # The message has no address of its own: the telemetry of its instant.
            self=links.of_vehicle(fleet, vehicle.id, f"telemetry?timestamps={at}/{at}".replace(":", "%3A")),
            vehicle=links.vehicle(fleet, vehicle.id),
            trip=UNSET if beside.trip is None else links.trip(fleet, vehicle.id, beside.trip.id),
        ),
        "createdAt": at,
    }
    known = {key: Known(value, message.at_ms) for key, value in message.values.items()}
    _RENDERER.fill(document, known, kinds)
    if beside.trigger is not None:
        document.setdefault("vehicle", {}).setdefault("alarm", {})["trigger"] = beside.trigger
    if extensions:
        extension = _extension(message, at, vehicle.vin, extensions, beside.place)
        if extension != TelemetryExtension():
            document["_embedded"] = {"extension": extension}
    return document


def bare_telemetry(known: Mapping[str, Known], kinds: frozenset[str]) -> Json | None:
    """The newest values of these kinds of data as one message of the newest's time, without links; None where there are
    none. What was last said `TOGETHER_MS` or more before is left out."""
    of_kinds = {key: item for key, item in known.items() if key in DATA and DATA[key].telemetry in kinds}
    newest_ms = max((item.at_ms for item in of_kinds.values()), default=0)
    together = {key: item for key, item in of_kinds.items() if newest_ms - item.at_ms < TOGETHER_MS}
    document: Json = {"createdAt": rfc3339(newest_ms)}
    _RENDERER.fill(document, together, kinds)
    return document if len(document) > 1 else None


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
