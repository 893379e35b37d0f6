"""`/fleets/{fid}/vehicles` and `/fleets/{fid}/vehicles/{vid}`: the vehicles of a fleet."""

from __future__ import annotations

from collections.abc import Collection as Names
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.api.call import Call
from cloud_bridge.api.capabilities import OnboardCapabilities, capabilities
from cloud_bridge.api.documents import Collection, DateTime, Document, Link
from cloud_bridge.api.parameters import VEHICLE_EXTENSION, VEHICLES_EXTENSION, VIN_PREFIX
from cloud_bridge.api.times import rfc3339
from cloud_bridge.store import port

_MOTORIZATIONS = ("Electric", "Hybrid", "Thermic", "Hydrogen")


class VehicleLinks(Document):
    """To everything that is served of the vehicle."""

    self: Link
    fleet: Link
    last_position: Link
    trips: Link
    status: Link
    telemetry: Link


class Branding(Document):
    brand: str | UnsetType = UNSET
    label: str | UnsetType = UNSET


class VehicleExtension(Document):
    """What was asked for with `extension`, as far as it is known."""

    onboard_capabilities: OnboardCapabilities | UnsetType = UNSET
    branding: Branding | UnsetType = UNSET


class EmbeddedExtension(Document):
    extension: VehicleExtension


class Vehicle(Document, kw_only=True):
    links: VehicleLinks = msgspec.field(name="_links")
    id: str
    vin: str
    motorization: Annotated[str, Meta(extra_json_schema={"enum": list(_MOTORIZATIONS)})] | UnsetType = UNSET
    created_at: DateTime
    updated_at: DateTime
    embedded: EmbeddedExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


class EmbeddedVehicles(Document):
    vehicles: list[Vehicle]


class Vehicles(Collection):
    embedded: EmbeddedVehicles = msgspec.field(name="_embedded")


def read_vehicles(call: Call) -> Vehicles:
    window = call.window
    unrestricted, vehicles = call.reader.vehicles(call.fleet_id, call.query[VIN_PREFIX], window.offset, window.limit)
    page = call.page(window.total(unrestricted))
    extensions = call.query[VEHICLES_EXTENSION]
    return Vehicles(
        links=page.links,
        total=page.total,
        total_page=page.total_page,
        current_page=page.current_page,
        embedded=EmbeddedVehicles(vehicles=[_vehicle(vehicle, call, extensions, alone=False) for vehicle in vehicles]),
    )


def read_vehicle(call: Call) -> Vehicle:
    return _vehicle(call.vehicle, call, call.query[VEHICLE_EXTENSION], alone=True)


def _vehicle(vehicle: port.Vehicle, call: Call, extensions: Names[str], alone: bool) -> Vehicle:
    links, fleet = call.links, call.fleet_id
    document = Vehicle(
        links=VehicleLinks(
            self=links.vehicle(fleet, vehicle.id),
            fleet=links.fleet(fleet),
            last_position=links.of_vehicle(fleet, vehicle.id, "lastPosition"),
            trips=links.of_vehicle(fleet, vehicle.id, "trips"),
            status=links.of_vehicle(fleet, vehicle.id, "status"),
            telemetry=links.of_vehicle(fleet, vehicle.id, "telemetry"),
        ),
        id=vehicle.id,
        vin=vehicle.vin,
        created_at=rfc3339(vehicle.created_at_ms),
        updated_at=rfc3339(vehicle.updated_at_ms),
    )
    if vehicle.motorization in _MOTORIZATIONS:
        document.motorization = vehicle.motorization
    extension = VehicleExtension()
    if "onboardCapabilities" in extensions:
        extension.onboard_capabilities = capabilities(call.service.served(vehicle.model))
    if "branding" in extensions:
        extension.branding = _branding(vehicle, call.service.label(vehicle.model) if alone else "")
    if extension != VehicleExtension():
        document.embedded = EmbeddedExtension(extension=extension)
    return document


def _branding(vehicle: port.Vehicle, label: str) -> Branding | UnsetType:
    """The brand, and the model's name, which the published list of vehicles does not have."""
    branding = Branding(brand=vehicle.brand or UNSET, label=label or UNSET)
    return UNSET if branding == Branding() else branding
