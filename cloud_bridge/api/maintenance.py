"""`…/maintenance` and `/fleets/{fid}/maintenances`: how long, and how far, until the next maintenance."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType, structs

from cloud_bridge.api.blocks import StampedMaintenance
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.errors import no_data
from cloud_bridge.api.listing import collection_of, page_of
from cloud_bridge.api.records import all_statuses
from cloud_bridge.api.rendering import TOGETHER_MS
from cloud_bridge.records.model import Json, Status
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.registry import Vehicle

_DAYS = "maintenance.daysBeforeMaintenance"
_MILEAGE = "maintenance.mileageBeforeMaintenance"


class MaintenanceLinks(Document):
    self: Link
    vehicle: Link
    alerts: Link | UnsetType = UNSET


class BareMaintenance(StampedMaintenance, kw_only=True):
    updated_at: DateTime


class Maintenance(BareMaintenance, kw_only=True):
    """Days and kilometres until the next maintenance: negative once it is overdue. One of the two at least."""

    links: MaintenanceLinks = msgspec.field(name="_links")


MaintenanceList = collection_of("MaintenanceList", "maintenances", Maintenance)


def read_maintenance(call: Call) -> Maintenance:
    call.scope.expect_data()
    found = None if call.status is None else _maintenance(call, call.vehicle, call.status)
    if found is None:
        raise no_data("nothing is known of the vehicle's next maintenance")
    return found


def read_maintenances(call: Call) -> Json:
    found = (_maintenance(call, vehicle, status) for vehicle, status in all_statuses(call))
    known = (document for document in found if document is not None)
    return page_of(call, "maintenances", known, list, "nothing is known of any next maintenance of these indexes")


def _maintenance(call: Call, vehicle: Vehicle, status: Status) -> Maintenance | None:
    """None where the vehicle said neither."""
    bare = bare_maintenance(vehicle.vin, status)
    if bare is None:
        return None
    links, fleet = call.links, call.fleet_id
    has_alerts = call.scope_of(vehicle).covers_any_of("alert")
    return Maintenance(
        links=MaintenanceLinks(
            self=links.of_vehicle(fleet, vehicle.id, "maintenance"),
            vehicle=links.vehicle(fleet, vehicle.id),
            alerts=links.of_vehicle(fleet, vehicle.id, "alerts") if has_alerts else UNSET,
        ),
        **structs.asdict(bare),
    )


def bare_maintenance(vin: str, status: Status) -> BareMaintenance | None:
    """None where the vehicle said neither. What was said long before the other is left out: both have one time."""
    known = {key: status.known[key] for key in (_DAYS, _MILEAGE) if key in status.known}
    if not known:
        return None
    newest_ms = max(item.at_ms for item in known.values())
    at = rfc3339(newest_ms)
    document = BareMaintenance(vin=vin, created_at=at, updated_at=at)
    for key, item in known.items():
        if newest_ms - item.at_ms >= TOGETHER_MS:
            continue
        if key == _DAYS:
            document.days_before_maintenance = int(item.value)
        else:
            document.mileage_before_maintenance = float(item.value)
    return document
