"""`…/stolen`, `…/stolen/{sid}` and its `waypoints`: when a vehicle was stolen, as its operator says, and where."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType, structs

from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link, known
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.listing import collection_of, page_of
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import overlaps
from cloud_bridge.api.timestamps import EVER
from cloud_bridge.api.way_points import page_of_positions
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.registry import Theft, Vehicle
from contract.published import STOLEN


class StolenLinks(Document):
    self: Link
    vehicle: Link


class BareStolenStatus(Document, kw_only=True):
    id: str
    state: bool
    created_at: DateTime
    started_at: DateTime
    end_at: DateTime | UnsetType = UNSET
    start_position: Feature | UnsetType = UNSET
    end_position: Feature | UnsetType = UNSET


class BareStolen(BareStolenStatus, kw_only=True):
    updated_at: DateTime


class StolenStatus(BareStolenStatus, kw_only=True):
    """That a vehicle is stolen, as its status shows it. The positions are the last known when it was taken, and when it
    was found again."""

    links: StolenLinks = msgspec.field(name="_links")


class Stolen(StolenStatus, kw_only=True):
    updated_at: DateTime


StolenCollection = collection_of("StolenCollection", "stolen", Stolen)


def read_thefts(call: Call) -> Json:
    thefts = _thefts(call, call.vehicle)
    # The vehicle need not have said anything meanwhile.
    asked = call.intervals_within(lambda: (thefts[0].started_at_ms, EVER[1]) if thefts else None)
    return page_of(
        call,
        "stolen",
        [theft for theft in thefts if overlaps(theft, asked)],
        lambda shown: [_stolen(call, theft) for theft in shown],
        "the vehicle was not stolen at these times and indexes",
    )


def read_theft(call: Call) -> Stolen:
    return _stolen(call, _named(call))


def read_theft_way_points(call: Call) -> Json:
    theft = _named(call)
    end_ms = EVER[1] if theft.ended_at_ms is None else theft.ended_at_ms + 1
    within = call.scope.times_of_places([(theft.started_at_ms, end_ms)])
    return page_of_positions(call, within, "no position of the theft is known")


def stolen_status(call: Call, vehicle: Vehicle) -> StolenStatus | None:
    """The theft that goes on; None while the vehicle is not stolen."""
    for theft in _thefts(call, vehicle):
        if theft.ended_at_ms is None:
            return _show(call, vehicle, theft)
    return None


def _thefts(call: Call, vehicle: Vehicle) -> list[Theft]:
    """In ascending time."""
    if vehicle.thefts == 0:
        return []
    return call.reader.thefts(vehicle.vin) if call.scope_of(vehicle).covers(STOLEN) else []


def _named(call: Call) -> Theft:
    for theft in _thefts(call, call.vehicle):
        if theft.id == call.ids["sid"]:
            return theft
    raise RefusedError(Code.NO_DATA, f"The vehicle has no theft '{call.ids['sid']}'.")


def _stolen(call: Call, theft: Theft) -> Stolen:
    shown = structs.asdict(_show(call, call.vehicle, theft))
    return Stolen(**shown, updated_at=rfc3339(theft.updated_at_ms))


def _show(call: Call, vehicle: Vehicle, theft: Theft) -> StolenStatus:
    links, fleet = call.links, call.fleet_id
    document = StolenStatus(
        links=StolenLinks(
            self=links.of_vehicle(fleet, vehicle.id, f"stolen/{theft.id}"),
            vehicle=links.vehicle(fleet, vehicle.id),
        ),
        **structs.asdict(bare_stolen_status(theft)),
    )
    if call.scope_of(vehicle).place_now:
        document.start_position = _place(call, vehicle, theft.started_at_ms)
        if theft.ended_at_ms is not None:
            document.end_position = _place(call, vehicle, theft.ended_at_ms)
    return document


def bare_stolen_status(theft: Theft) -> BareStolenStatus:
    """Without links and places."""
    return BareStolenStatus(
        id=theft.id,
        state=theft.ended_at_ms is None,
        created_at=rfc3339(theft.declared_at_ms),
        started_at=rfc3339(theft.started_at_ms),
        end_at=UNSET if theft.ended_at_ms is None else rfc3339(theft.ended_at_ms),
    )


def _place(call: Call, vehicle: Vehicle, at_ms: int) -> Feature | UnsetType:
    position = call.scope_of(vehicle).place(call.reader.position_at(vehicle.vin, at_ms))
    return known(None if position is None else feature(position, call.vin_of(vehicle)))
