"""`…/collisions` and `…/collisions/{cid}`: the collisions of a vehicle, of a trip or of a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType, structs

from cloud_bridge.api.blocks import of
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link, known
from cloud_bridge.api.listing import collection_of, page_of, page_with
from cloud_bridge.api.records import Found, of_fleet, of_trip, of_vehicle, one_of_fleet, one_of_vehicle, trips_at
from cloud_bridge.records import model
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339


class CollisionLinks(Document):
    """`trip` where the collision happened during one."""

    self: Link
    vehicle: Link
    trip: Link | UnsetType = UNSET


class CollisionDetails(Document):
    """A side that was hit."""

    side: Annotated[str, of("collision.side")]
    severity: Annotated[str, of("collision.severity")] | UnsetType = UNSET


class BareCollision(Document, kw_only=True):
    id: str
    vin: str
    created_at: DateTime
    updated_at: DateTime
    details: list[CollisionDetails] | UnsetType = UNSET
    tipped_over: bool | UnsetType = UNSET
    pedestrian: bool | UnsetType = UNSET


class Collision(BareCollision, kw_only=True):
    """`tippedOver` and `pedestrian` only of vehicles that can sense them."""

    links: CollisionLinks = msgspec.field(name="_links")


Collisions = collection_of("Collisions", "Collisions", Collision)

_NOTHING = "no collision is of these times and indexes"


def read_collisions(call: Call) -> Json:
    return page_of(call, "Collisions", of_vehicle(call, model.Collision), partial(_collisions, call), _NOTHING)


def read_fleet_collisions(call: Call) -> Json:
    return page_with(call, "Collisions", of_fleet(call, model.Collision), partial(_collisions, call), _NOTHING)


def read_trip_collisions(call: Call) -> Json:
    return page_of(call, "Collisions", of_trip(call, model.Collision), partial(_collisions, call), _NOTHING)


def read_collision(call: Call) -> Collision:
    (collision,) = _collisions(call, [one_of_vehicle(call, model.Collision, "cid")])
    return collision


def read_fleet_collision(call: Call) -> Collision:
    (collision,) = _collisions(call, [one_of_fleet(call, model.Collision, "cid")])
    return collision


def _collisions(call: Call, found: Sequence[Found[model.Collision]]) -> list[Collision]:
    trips = trips_at(call, [(vehicle, collision.started_at_ms) for vehicle, collision in found])
    return [_collision(call, each, trips[each[0].vin, each[1].started_at_ms]) for each in found]


def _collision(call: Call, found: Found[model.Collision], trip: model.Trip | None) -> Collision:
    vehicle, collision = found
    links, fleet = call.links, call.fleet_id
    return Collision(
        links=CollisionLinks(
            self=links.of_vehicle(fleet, vehicle.id, f"collisions/{collision.id}"),
            vehicle=links.vehicle(fleet, vehicle.id),
            trip=UNSET if trip is None else links.trip(fleet, vehicle.id, trip.id),
        ),
        **structs.asdict(bare_collision(collision, vehicle.vin)),
    )


def bare_collision(collision: model.Collision, vin: str) -> BareCollision:
    """Without links."""
    return BareCollision(
        id=collision.id,
        vin=vin,
        created_at=rfc3339(collision.started_at_ms),
        updated_at=rfc3339(collision.updated_at_ms),
        details=[CollisionDetails(impact.side, known(impact.severity)) for impact in collision.impacts] or UNSET,
        tipped_over=known(collision.tipped_over),
        pedestrian=known(collision.pedestrian),
    )
