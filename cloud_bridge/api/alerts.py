"""`…/alerts` and `…/alerts/{aid}`: the warnings of a vehicle, of a trip or of a fleet, from coming on to going off."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, structs

from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.listing import collection_of, page_of, page_with
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import (
    Found,
    TripsAt,
    of_fleet,
    of_trip,
    of_vehicle,
    one_of_fleet,
    one_of_trip,
    one_of_vehicle,
    trips_at,
)
from cloud_bridge.records import model
from cloud_bridge.records.model import Json
from cloud_bridge.records.severity import severity
from cloud_bridge.shapes.times import rfc3339
from contract.alert_types import ALERT_TYPES


class AlertLinks(Document):
    """`trips`: those in which the alert began and ended."""

    self: Link
    vehicle: Link
    position: Link | UnsetType = UNSET
    trips: list[Link] | UnsetType = UNSET


class BareAlert(Document, kw_only=True):
    id: str
    vin: str
    created_at: DateTime
    updated_at: DateTime
    active: bool
    type: Annotated[str, Meta(extra_json_schema={"enum": list(ALERT_TYPES)})]
    severity: Literal["Information", "Warning", "Critical"]
    started_at: DateTime
    end_at: DateTime | UnsetType = UNSET
    start_position: Feature | UnsetType = UNSET
    end_position: Feature | UnsetType = UNSET


class Alert(BareAlert, kw_only=True):
    """A warning. The positions are the last known when it came on and when it went off."""

    links: AlertLinks = msgspec.field(name="_links")


Alerts = collection_of("Alerts", "alerts", Alert)

_NOTHING = "no alert is of these times and indexes"


def read_alerts(call: Call) -> Json:
    return page_of(call, "alerts", of_vehicle(call, model.Alert), partial(_alerts, call), _NOTHING)


def read_fleet_alerts(call: Call) -> Json:
    return page_with(call, "alerts", of_fleet(call, model.Alert), partial(_alerts, call), _NOTHING)


def read_trip_alerts(call: Call) -> Json:
    return page_of(call, "alerts", of_trip(call, model.Alert), partial(_alerts, call), _NOTHING)


def read_alert(call: Call) -> Alert:
    (alert,) = _alerts(call, [one_of_vehicle(call, model.Alert, "aid")])
    return alert


def read_fleet_alert(call: Call) -> Alert:
    (alert,) = _alerts(call, [one_of_fleet(call, model.Alert, "aid")])
    return alert


def read_trip_alert(call: Call) -> Alert:
    (alert,) = _alerts(call, [one_of_trip(call, model.Alert, "aid")])
    return alert


def _alerts(call: Call, found: Sequence[Found[model.Alert]]) -> list[Alert]:
    trips = trips_at(call, [(vehicle, at_ms) for vehicle, alert in found for at_ms in _moments(alert)])
    return [_alert(call, each, trips) for each in found]


def _moments(alert: model.Alert) -> list[int]:
    """When it began, and ended if it did."""
    return [alert.started_at_ms] if alert.ended_at_ms is None else [alert.started_at_ms, alert.ended_at_ms]


def _alert(call: Call, found: Found[model.Alert], trips: TripsAt) -> Alert:
    vehicle, alert = found
    links, fleet = call.links, call.fleet_id
    document = Alert(
        links=AlertLinks(
            self=links.of_vehicle(fleet, vehicle.id, f"alerts/{alert.id}"),
            vehicle=links.vehicle(fleet, vehicle.id),
        ),
        **structs.asdict(bare_alert(alert, vehicle.vin, call.vin_of(vehicle))),
    )
    during = [trips[vehicle.vin, at_ms] for at_ms in _moments(alert)]
    if any(during):
        named = dict.fromkeys(trip.id for trip in during if trip is not None)
        document.links.trips = [links.trip(fleet, vehicle.id, trip_id) for trip_id in named]
    if call.scope_of(vehicle).place_now and (alert.start_position is not None or alert.end_position is not None):
        document.links.position = links.of_vehicle(fleet, vehicle.id, "lastPosition")
    return document


def bare_alert(alert: model.Alert, vin: str, shown_vin: str | UnsetType = UNSET) -> BareAlert:
    """Without links. `shown_vin`: what its positions say of whose they are."""
    document = BareAlert(
        id=alert.id,
        vin=vin,
        created_at=rfc3339(alert.started_at_ms),
        updated_at=rfc3339(alert.updated_at_ms),
        active=alert.ended_at_ms is None,
        type=alert.type,
        severity=severity(alert.type),
        started_at=rfc3339(alert.started_at_ms),
    )
    if alert.ended_at_ms is not None:
        document.end_at = rfc3339(alert.ended_at_ms)
    if alert.start_position is not None:
        document.start_position = feature(alert.start_position, shown_vin)
    if alert.end_position is not None:
        document.end_position = feature(alert.end_position, shown_vin)
    return document
