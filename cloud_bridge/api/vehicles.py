"""`/fleets/{fid}/vehicles`, `/fleets/{fid}/vehicles/{vid}` and `/vehicles/{vin}`: vehicles, and what they can do."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.api.call import Call
from cloud_bridge.api.capabilities import OnboardCapabilities, capabilities
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.api.parameters import VEHICLE_EXTENSION, VEHICLES_EXTENSION, VIN_PREFIX
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port import registry
from contract.published import TRIP

_MOTORIZATIONS = ("Electric", "Hybrid", "Thermic", "Hydrogen")
Motorization = Annotated[str, Meta(extra_json_schema={"enum": list(_MOTORIZATIONS)})]


class ItemLinks(Document, kw_only=True):
    """From the list, as published: to all that is served of the vehicle but its alarms. Where the vehicle's services
    have nothing of a kind there is no link."""

    self: Link
    fleet: Link
    last_position: Link | UnsetType = UNSET
    trips: Link | UnsetType = UNSET
    maintenance: Link | UnsetType = UNSET
    alerts: Link | UnsetType = UNSET
    status: Link
    telemetry: Link
    collisions: Link | UnsetType = UNSET
    monitors: Link
    """Those of the fleet: each is of all its vehicles."""
    remotes: Link
    """A template of the callback that they are asked with."""
    callbacks: Link
    """Those of the fleet."""


class VehicleLinks(ItemLinks, kw_only=True):
    alarms: Link | UnsetType = UNSET


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

    id: str
    vin: str
    motorization: Motorization | UnsetType = UNSET
    created_at: DateTime
    updated_at: DateTime


class VehicleItem(Identity, kw_only=True):
    """A vehicle in the list."""

    links: ItemLinks = msgspec.field(name="_links")
    embedded: EmbeddedItemExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


class Vehicle(Identity, kw_only=True):
    links: VehicleLinks = msgspec.field(name="_links")
    embedded: EmbeddedExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


class VehicleCapabilities(Document, kw_only=True):
    """What is asked for by VIN: of what kind a vehicle is, and what it can say and do."""

    vin: str
    created_at: DateTime
    motorization: Motorization | UnsetType = UNSET
    embedded: EmbeddedExtension | UnsetType = msgspec.field(name="_embedded", default=UNSET)


Vehicles = collection_of("Vehicles", "vehicles", VehicleItem)


def read_vehicles(call: Call) -> Json:
    window = call.window
    unrestricted, vehicles = call.reader.vehicles(call.fleet_id, call.query[VIN_PREFIX], window.offset, window.limit)
    branding = "branding" in call.query[VEHICLES_EXTENSION]
    return listed(call, "vehicles", unrestricted, [_item(vehicle, call, branding=branding) for vehicle in vehicles])


def read_vehicle(call: Call) -> Vehicle:
    vehicle, links = call.vehicle, call.links
    served = call.scope_of(vehicle).covers_any_of("alarm")
    alarms = links.of_vehicle(call.fleet_id, vehicle.id, "alarms") if served else UNSET
    return Vehicle(
        **_identity(vehicle),
        links=VehicleLinks(**_links(vehicle, call), alarms=alarms),
        embedded=_extension(call, vehicle),
    )


def read_capabilities(call: Call) -> VehicleCapabilities:
    vehicle = _by_vin(call)
    return VehicleCapabilities(
        vin=vehicle.vin,
        created_at=rfc3339(vehicle.created_at_ms),
        motorization=_motorization(vehicle),
        embedded=_extension(call, vehicle),
    )


def _by_vin(call: Call) -> registry.Vehicle:
    """The vehicle of the path. Raises RefusedError where it is in no fleet of the client, whether or not it exists."""
    vin = call.ids["vin"]
    for fleet_id in call.client.fleets:
        _, found = call.reader.vehicles(fleet_id, vin, 0, 1)
        if found:
            return found[0]
    raise RefusedError(Code.NO_RIGHT, f"Vehicle '{vin}' is in no fleet of client '{call.client.id}'.")


def _extension(call: Call, vehicle: registry.Vehicle) -> EmbeddedExtension | UnsetType:
    """What was asked for with `extension`, as far as it is known."""
    extensions = call.query[VEHICLE_EXTENSION]
    extension = VehicleExtension()
    if "onboardCapabilities" in extensions:
        served = call.scope_of(vehicle).only(call.service.served(vehicle.model))
        extension.onboard_capabilities = capabilities(served, call.service.remote.control.steps(vehicle.model))
    label = call.service.label(vehicle.model)
    if "branding" in extensions and (vehicle.brand or label):
        extension.branding = Branding(brand=vehicle.brand or UNSET, label=label or UNSET)
    return UNSET if extension == VehicleExtension() else EmbeddedExtension(extension=extension)


def _item(vehicle: registry.Vehicle, call: Call, *, branding: bool) -> VehicleItem:
    document = VehicleItem(**_identity(vehicle), links=ItemLinks(**_links(vehicle, call)))
    if branding and vehicle.brand:
        extension = ItemExtension(branding=ItemBranding(brand=vehicle.brand))
        document.embedded = EmbeddedItemExtension(extension=extension)
    return document


def _links(vehicle: registry.Vehicle, call: Call) -> dict[str, Link]:
    links, fleet, scope = call.links, call.fleet_id, call.scope_of(vehicle)
    served = {
        "lastPosition": scope.places,
        "trips": scope.covers(TRIP),
        "maintenance": scope.covers_any_of("maintenance"),
        "alerts": scope.covers_any_of("alert"),
        "status": True,
        "telemetry": True,
        "collisions": scope.covers_any_of("collision"),
    }
    found = {name: links.of_vehicle(fleet, vehicle.id, name) for name, is_served in served.items() if is_served}
    if "lastPosition" in found:
        found["last_position"] = found.pop("lastPosition")
    others = {
        "fleet": links.fleet(fleet),
        "monitors": links.of_fleet(fleet, "monitors"),
        "remotes": links.remotes(fleet, vehicle.id),
        "callbacks": links.of_fleet(fleet, "remote/callbacks"),
    }
    return {"self": links.vehicle(fleet, vehicle.id), **others, **found}


def _identity(vehicle: registry.Vehicle) -> dict[str, Any]:
    return {
        "id": vehicle.id,
        "vin": vehicle.vin,
        "motorization": _motorization(vehicle),
        "created_at": rfc3339(vehicle.created_at_ms),
        "updated_at": rfc3339(vehicle.updated_at_ms),
    }


def _motorization(vehicle: registry.Vehicle) -> str | UnsetType:
    return vehicle.motorization if vehicle.motorization in _MOTORIZATIONS else UNSET
