"""`…/trips` and `…/trips/{tid}`: from ignition on to ignition off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, structs

from cloud_bridge.api.blocks import EnergyState, EnergySubType, EnergyType
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link, known
from cloud_bridge.api.listing import collection_of, page_of, page_with
from cloud_bridge.api.parameters import DISTANCE, DURATION, STATES
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import Found, extent, of_fleet, of_vehicle, one_of_vehicle
from cloud_bridge.api.timestamps import EVER
from cloud_bridge.records import model
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.store.port.times import Interval

_SUB_TYPES = {"Fuel": "FossilEnergy", "Electric": "ElectricEnergy"}


class TripLinks(Document, kw_only=True):
    """Where the vehicle's services have nothing of a kind there is no link."""

    self: Link
    vehicle: Link
    waypoints: Link | UnsetType = UNSET
    alerts: Link | UnsetType = UNSET
    collisions: Link | UnsetType = UNSET


class EnergyConsumption(Document):
    """cL of fuel or Wh, and the same per 100 km."""

    type: EnergyType
    sub_type: EnergySubType
    consumption: Annotated[float, Meta(ge=0)]
    avg_consumption: float | UnsetType = UNSET


class TripKinetic(Document):
    """km/h."""

    avg_speed: float | UnsetType = UNSET
    max_speed: float | UnsetType = UNSET


class Segment(Document):
    """What propelled the vehicle, for how many percent and km of the trip."""

    propulsion: Literal["Thermal", "Electric", "Hybrid"]
    percent: float
    distance: float


class Fault(Document):
    fault: Literal["Unstarted", "DataLacking", "Unfinished"]
    cause: Literal["GeoPrivacy", "FullPrivacy", "Connection"] | UnsetType = UNSET


class BareTrip(Document, kw_only=True):
    id: str
    vin: str
    created_at: DateTime
    updated_at: DateTime
    started_at: DateTime
    stopped_at: DateTime | UnsetType = UNSET
    start_position: Feature | UnsetType = UNSET
    stop_position: Feature | UnsetType = UNSET
    duration: int | UnsetType = UNSET
    distance: float | UnsetType = UNSET
    start_mileage: float | UnsetType = UNSET
    start_energies: list[EnergyState] | UnsetType = UNSET
    end_energies: list[EnergyState] | UnsetType = UNSET
    energy_consumptions: list[EnergyConsumption] | UnsetType = UNSET
    kinetic: TripKinetic | UnsetType = UNSET
    segments: list[Segment] | UnsetType = UNSET
    done: bool
    faults: list[Fault]


class Trip(BareTrip, kw_only=True):
    """Duration in seconds, distance and mileage in km. A trip without faults is `Nominal`."""

    links: TripLinks = msgspec.field(name="_links")


Trips = collection_of("Trips", "trips", Trip)

_NOTHING = "no completed trip is of these times, distances, durations, states and indexes"


def read_trips(call: Call) -> Json:
    (shortest_ms, longest_ms), is_chosen = _lasting(call), _choice(call)
    found = (
        (vehicle, trip)
        for vehicle, trip in of_vehicle(call, model.Trip)
        if trip.stopped_at_ms is not None
        and shortest_ms <= trip.stopped_at_ms - trip.started_at_ms <= longest_ms
        and (is_chosen is None or is_chosen(trip))
    )
    return page_of(call, "trips", found, partial(_trips, call), _NOTHING)


def read_fleet_trips(call: Call) -> Json:
    cut = of_fleet(call, model.Trip, lasted=_lasting(call), chosen=_choice(call))
    return page_with(call, "trips", cut, partial(_trips, call), _NOTHING)


def read_trip(call: Call) -> Trip:
    return _trip(call, *one_of_vehicle(call, model.Trip, "tid"))


def _lasting(call: Call) -> Interval:
    """From how many ms to how many a trip may last: its seconds are whole ones."""
    shortest_s, longest_s = call.query[DURATION]
    return int(shortest_s) * 1000, EVER[1] if longest_s is None else int(longest_s) * 1000 + 999


def _choice(call: Call) -> Callable[[model.Trip], bool] | None:
    """Whether a trip is of the asked states and distances; None where all are."""
    states, distances = call.query[STATES], call.query[DISTANCE]
    if not states and distances == DISTANCE.default:
        return None

    def is_chosen(trip: model.Trip) -> bool:
        own: set[str] = {fault.fault for fault in trip.faults} or {"Nominal"}
        return (not states or not own.isdisjoint(states)) and distances.hold(trip.distance_km)

    return is_chosen


def _trips(call: Call, found: Sequence[Found[model.Trip]]) -> list[Trip]:
    return [_trip(call, *each) for each in found]


def _trip(call: Call, vehicle: Vehicle, trip: model.Trip) -> Trip:
    links, fleet = call.links, call.fleet_id
    document = Trip(
        links=TripLinks(
            self=links.trip(fleet, vehicle.id, trip.id),
            vehicle=links.vehicle(fleet, vehicle.id),
        ),
        **structs.asdict(bare_trip(trip, vehicle.vin, call.vin_of(vehicle))),
    )
    _put_links(call, document.links, vehicle, trip)
    return document


def bare_trip(trip: model.Trip, vin: str, shown_vin: str | UnsetType = UNSET) -> BareTrip:
    """Without links. `shown_vin`: what its positions say of whose they are."""
    document = BareTrip(
        id=trip.id,
        vin=vin,
        created_at=rfc3339(trip.started_at_ms),
        updated_at=rfc3339(max(trip.updated_at_ms, trip.started_at_ms)),
        started_at=rfc3339(trip.started_at_ms),
        distance=known(trip.distance_km),
        start_mileage=known(trip.start_mileage_km),
        segments=[Segment(one.propulsion, one.percent, one.distance_km) for one in trip.segments] or UNSET,
        done=trip.done,
        faults=[Fault(fault=fault.fault, cause=known(fault.cause)) for fault in trip.faults],
    )
    if trip.stopped_at_ms is not None:
        document.stopped_at = rfc3339(trip.stopped_at_ms)
        document.duration = (trip.stopped_at_ms - trip.started_at_ms) // 1000
    _put_positions(document, trip, shown_vin)
    _put_energies(document, trip)
    if trip.average_speed_kmh is not None or trip.maximum_speed_kmh is not None:
        document.kinetic = TripKinetic(avg_speed=known(trip.average_speed_kmh), max_speed=known(trip.maximum_speed_kmh))
    return document


def _put_links(call: Call, shown: TripLinks, vehicle: Vehicle, trip: model.Trip) -> None:
    scope, path = call.scope_of(vehicle), f"trips/{trip.id}"
    if scope.times_of_places([extent(trip)]):
        shown.waypoints = call.links.of_vehicle(call.fleet_id, vehicle.id, f"{path}/wayPoints")
    if scope.covers_any_of("alert"):
        shown.alerts = call.links.of_vehicle(call.fleet_id, vehicle.id, f"{path}/alerts")
    if scope.covers_any_of("collision"):
        shown.collisions = call.links.of_vehicle(call.fleet_id, vehicle.id, f"{path}/collisions")


def _put_positions(document: BareTrip, trip: model.Trip, vin: str | UnsetType) -> None:
    if trip.start_position is not None:
        document.start_position = feature(trip.start_position, vin)
    if trip.stop_position is not None:
        document.stop_position = feature(trip.stop_position, vin)


def _put_energies(document: BareTrip, trip: model.Trip) -> None:
    if trip.start_energies:
        document.start_energies = _energies(trip.start_energies)
    if trip.end_energies:
        document.end_energies = _energies(trip.end_energies)
    if trip.consumptions:
        document.energy_consumptions = [
            EnergyConsumption(
                type=item.type,
                sub_type=_SUB_TYPES[item.type],
                consumption=item.consumption,
                avg_consumption=known(item.average),
            )
            for item in trip.consumptions
        ]


def _energies(levels: Sequence[model.EnergyLevel]) -> list[EnergyState]:
    return [
        EnergyState(
            type=item.type,
            sub_type=_SUB_TYPES[item.type],
            level=known(item.level),
            autonomy=known(item.autonomy),
        )
        for item in levels
    ]
