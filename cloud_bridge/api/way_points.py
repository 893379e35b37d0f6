"""`…/trips/{tid}/wayPoints`: the positions along a trip, simplified on request."""

from __future__ import annotations

import msgspec

from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import Collection, Document
from cloud_bridge.api.errors import no_data
from cloud_bridge.api.parameters import TOLERANCE
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.trips import named_trip
from cloud_bridge.records.positions import simplify


class EmbeddedPositions(Document):
    positions: list[Feature]


class WayPoints(Collection):
    embedded: EmbeddedPositions = msgspec.field(name="_embedded")


def read_way_points(call: Call) -> WayPoints:
    call.require_position()
    _, intervals = named_trip(call)
    window = call.window
    path = call.reader.positions(call.vehicle.vin, intervals) if intervals else []
    positions = simplify(path, call.query[TOLERANCE])
    shown = positions[window.offset : window.offset + window.limit]
    if not shown:
        raise no_data("no position of the trip is of these times and indexes")
    page = call.page(window.total(len(positions)))
    return WayPoints(
        links=page.links,
        total=page.total,
        total_page=page.total_page,
        current_page=page.current_page,
        embedded=EmbeddedPositions(positions=[feature(position) for position in shown]),
    )
