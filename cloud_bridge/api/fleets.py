"""`/fleets` and `/fleets/{fid}`: the fleets that the client may see."""

from __future__ import annotations

import msgspec

from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document, Link
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.links import Links
from cloud_bridge.api.listing import collection_of, listed
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port import registry


class FleetLinks(Document):
    self: Link
    vehicles: Link
    status: Link
    maintenances: Link
    alerts: Link
    trips: Link
    collisions: Link
    monitors: Link
    callbacks: Link


class Fleet(Document):
    links: FleetLinks = msgspec.field(name="_links")
    id: str
    name: str
    description: str
    created_at: DateTime
    updated_at: DateTime


Fleets = collection_of("Fleets", "fleets", Fleet)


def read_fleets(call: Call) -> Json:
    window = call.window
    unrestricted, fleets = call.reader.fleets(call.client.fleets, window.offset, window.limit)
    return listed(call, "fleets", unrestricted, [_fleet(fleet, call.links) for fleet in fleets])


def read_fleet(call: Call) -> Fleet:
    fleet = call.reader.fleet(call.fleet_id)
    if fleet is None:
        raise RefusedError(Code.NO_DATA, f"Fleet '{call.fleet_id}' does not exist any more.")
    return _fleet(fleet, call.links)


def _fleet(fleet: registry.Fleet, links: Links) -> Fleet:
    return Fleet(
        links=FleetLinks(
            self=links.fleet(fleet.id),
            vehicles=links.of_fleet(fleet.id, "vehicles"),
            status=links.of_fleet(fleet.id, "status"),
            maintenances=links.of_fleet(fleet.id, "maintenances"),
            alerts=links.of_fleet(fleet.id, "alerts"),
            trips=links.of_fleet(fleet.id, "trips"),
            collisions=links.of_fleet(fleet.id, "collisions"),
            monitors=links.of_fleet(fleet.id, "monitors"),
            callbacks=links.of_fleet(fleet.id, "remote/callbacks"),
        ),
        id=fleet.id,
        name=fleet.name,
        description=fleet.description,
        created_at=rfc3339(fleet.created_at_ms),
        updated_at=rfc3339(fleet.updated_at_ms),
    )
