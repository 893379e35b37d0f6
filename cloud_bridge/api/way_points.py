"""`…/trips/{tid}/wayPoints`: the positions along a trip, simplified on request."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_bridge.api.call import Call
from cloud_bridge.api.listing import collection_of, page_of, page_with
from cloud_bridge.api.parameters import TOLERANCE
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import trip_of_path
from cloud_bridge.records.model import Json, Position
from cloud_bridge.records.positions import simplify
from cloud_bridge.store.port.times import Interval

WayPoints = collection_of("WayPoints", "positions", Feature)


def read_way_points(call: Call) -> Json:
    call.scope.expect_places()
    _, intervals = trip_of_path(call)
    within = call.scope.times_of_places(intervals)
    nothing = "no position of the trip is of these times and indexes"
    if call.query[TOLERANCE] == 0:
        return page_of_positions(call, within, nothing)
    path = simplify(call.reader.positions(call.vehicle.vin, within), call.query[TOLERANCE])
    return page_of(call, "positions", path, _features, nothing)


def page_of_positions(call: Call, within: Sequence[Interval], nothing: str) -> Json:
    """The page asked for of the vehicle's positions of these times; no others are read."""
    window = call.window
    found = call.reader.page_of_positions(call.vehicle.vin, within, window.offset, window.limit)
    return page_with(call, "positions", found, _features, nothing)


def _features(positions: Sequence[Position]) -> Sequence[Feature]:
    return [feature(position) for position in positions]
