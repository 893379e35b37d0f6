"""`/fleets/{fid}/vehicles/{vid}/status` and `/fleets/{fid}/status`: the newest value of all that vehicles say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from cloud_bridge.api.alarms import StampedAlarm, stamped_trigger_of
from cloud_bridge.api.blocks import (
    Adas,
    Preconditioning,
    StampedBattery,
    StampedDoorsState,
    StampedDrivingBehavior,
    StampedEnergy,
    StampedEngine,
    StampedEnvironment,
    StampedIgnition,
    StampedKinetic,
    StampedLightingSystem,
    StampedOdometer,
    StampedPowertrain,
    StampedPrivacy,
    StampedSafety,
    StampedWipingBlades,
    Transmission,
)
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.errors import no_data
from cloud_bridge.api.listing import collection_of, page_of, page_with
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import all_statuses, is_limited
from cloud_bridge.api.rendering import PLACES, Renderer
from cloud_bridge.api.stolen import StolenStatus, stolen_status
from cloud_bridge.records import model
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.threads.remembered import Remembered


class StatusLinks(Document):
    self: Link
    vehicle: Link
    fleet: Link


class Status(Document):
    """The latest status of a vehicle. Its blocks age apart: each has its own `createdAt`."""

    links: StatusLinks = msgspec.field(name="_links")
    vin: str
    created_at: DateTime
    updated_at: DateTime
    ignition: StampedIgnition | UnsetType = UNSET
    last_position: Feature | UnsetType = UNSET
    preconditioning: Preconditioning | UnsetType = UNSET
    energies: list[StampedEnergy] | UnsetType = UNSET
    engines: list[StampedEngine] | UnsetType = UNSET
    transmission: Transmission | UnsetType = UNSET
    powertrain: StampedPowertrain | UnsetType = UNSET
    adas: Adas | UnsetType = UNSET
    doors_state: StampedDoorsState | UnsetType = UNSET
    privacy: StampedPrivacy | UnsetType = UNSET
    battery: StampedBattery | UnsetType = UNSET
    safety: StampedSafety | UnsetType = UNSET
    odometer: StampedOdometer | UnsetType = UNSET
    kinetic: StampedKinetic | UnsetType = UNSET
    environment: StampedEnvironment | UnsetType = UNSET
    driving_behavior: StampedDrivingBehavior | UnsetType = UNSET
    wiping_blades: StampedWipingBlades | UnsetType = UNSET
    lighting_system: StampedLightingSystem | UnsetType = UNSET
    alarm: StampedAlarm | UnsetType = UNSET
    stolen: StolenStatus | UnsetType = UNSET


StatusList = collection_of("StatusList", "status", Status)

_RENDERER = Renderer(Status, PLACES)


def _filled(known: model.Status) -> Json:
    blocks: Json = {}
    _RENDERER.fill(blocks, known.known)
    return blocks


_FILLED: Remembered[str, model.Status, Json] = Remembered(_filled)


def read_status(call: Call) -> Json:
    call.scope.expect_data()
    if call.status is None:
        raise no_data("the vehicle has sent nothing yet that may be shown")
    return _status(call, call.vehicle, call.status)


def read_statuses(call: Call) -> Json:
    nothing = "no vehicle of these indexes has sent anything yet"

    def show(shown: Sequence[tuple[Vehicle, model.Status]]) -> list[Json]:
        return [_status(call, *each) for each in shown]

    if is_limited(call):
        return page_of(call, "status", all_statuses(call), show, nothing)
    window = call.window
    cut = call.reader.statuses(call.fleet_id, window.offset, window.limit)
    return page_with(call, "status", cut, show, nothing)


def _status(call: Call, vehicle: Vehicle, known: model.Status) -> Json:
    links = call.links
    status: Json = {
        "_links": StatusLinks(
            self=links.of_vehicle(call.fleet_id, vehicle.id, "status"),
            vehicle=links.vehicle(call.fleet_id, vehicle.id),
            fleet=links.fleet(call.fleet_id),
        ),
    }
    _put(status, vehicle.vin, known, _FILLED.of(vehicle.vin, known), call.vin_of(vehicle))
    stolen = stolen_status(call, vehicle)
    if stolen is not None:
        status["stolen"] = stolen
    return status


def bare_status(vin: str, known: model.Status) -> Json:
    """Without links, and without the theft that goes on."""
    status: Json = {}
    _put(status, vin, known, _filled(known), UNSET)
    return status


def _put(status: Json, vin: str, known: model.Status, filled: Json, shown_vin: str | UnsetType) -> None:
    status["vin"] = vin
    status["createdAt"] = status["updatedAt"] = rfc3339(known.updated_at_ms)
    if known.position is not None:
        status["lastPosition"] = feature(known.position, shown_vin)
    status.update(filled)
    if known.trigger is not None:
        trigger = stamped_trigger_of(known.trigger, shown_vin)
        status["alarm"] = {**status.get("alarm", {}), "trigger": trigger}
