"""`/fleets/{fid}/vehicles` and `/fleets/{fid}/vehicles/{vid}`: the vehicles of a fleet."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.api.call import Call
from cloud_bridge.api.capabilities import OnboardCapabilities, capabilities
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.api.parameters import VEHICLE_EXTENSION, VEHICLES_EXTENSION, VIN_PREFIX
from cloud_bridge.api.times import rfc3339
from cloud_bridge.records.model import Json
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


class ItemBranding(Document):
    brand: str


class Branding(Document):
    brand: str | UnsetType = UNSET
    label: str | UnsetType = UNSET


class ItemExtension(Document):
    """What was asked for with `extension`, as far as it is known."""

    branding: ItemBranding


class VehicleExtension(Document):
    """What was asked for with `extension`, as far as it is known."""

    onboard_capabilities: OnboardCapabilities | UnsetType = UNSET
    branding: Branding | UnsetType = UNSET


class EmbeddedItemExtension(Document):
    extension: ItemExtension


class EmbeddedExtension(Document):
    extension: VehicleExtension


class Identity(Document, kw_only=True):
    """What a vehicle says of itself, in the list and alone."""

    links: VehicleLinks = msgspec.field(name="_links")
    id: str
    vin: str
    motorization: Annotated[str, Meta(extra_json_schema={"enum": list(_MOTORIZATIONS)})] | UnsetType = UNSET
    created_at: DateTime
    updated_at: DateTime


class VehicleItem(Identity, kw_only=True):
    """A vehicle in the list."""

    embedded: EmbeddedItemExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


class Vehicle(Identity, kw_only=True):
    embedded: EmbeddedExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


Identified = TypeVar("Identified", bound=Identity)


Vehicles = collection_of("Vehicles", "vehicles", VehicleItem)


def read_vehicles(call: Call) -> Json:
    window = call.window
    unrestricted, vehicles = call.reader.vehicles(call.fleet_id, call.query[VIN_PREFIX], window.offset, window.limit)
    branding = "branding" in call.query[VEHICLES_EXTENSION]
    return listed(call, "vehicles", unrestricted, [_item(vehicle, call, branding=branding) for vehicle in vehicles])


def read_vehicle(call: Call) -> Vehicle:
    vehicle, extensions = call.vehicle, call.query[VEHICLE_EXTENSION]
    document = _identified(Vehicle, vehicle, call)
    extension = VehicleExtension()
    if "onboardCapabilities" in extensions:
        extension.onboard_capabilities = capabilities(call.service.served(vehicle.model))
    label = call.service.label(vehicle.model)
    if "branding" in extensions and (vehicle.brand or label):
        extension.branding = Branding(brand=vehicle.brand or UNSET, label=label or UNSET)
    if extension != VehicleExtension():
        document.embedded = EmbeddedExtension(extension=extension)
    return document


def _item(vehicle: port.Vehicle, call: Call, *, branding: bool) -> VehicleItem:
    document = _identified(VehicleItem, vehicle, call)
    if branding and vehicle.brand:
        extension = ItemExtension(branding=ItemBranding(brand=vehicle.brand))
        document.embedded = EmbeddedItemExtension(extension=extension)
    return document


def _identified(document: type[Identified], vehicle: port.Vehicle, call: Call) -> Identified:
    links, fleet = call.links, call.fleet_id
    return document(
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
        motorization=vehicle.motorization if vehicle.motorization in _MOTORIZATIONS else UNSET,
        created_at=rfc3339(vehicle.created_at_ms),
        updated_at=rfc3339(vehicle.updated_at_ms),
    )
