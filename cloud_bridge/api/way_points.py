"""`…/trips/{tid}/wayPoints`: the positions along a trip, simplified on request."""

from __future__ import annotations

from cloud_bridge.api.call import Call
from cloud_bridge.api.listing import collection_of, page_of
from cloud_bridge.api.parameters import TOLERANCE
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import trip_of_path
from cloud_bridge.records.model import Json
from cloud_bridge.records.positions import simplify

WayPoints = collection_of("WayPoints", "positions", Feature)


def read_way_points(call: Call) -> Json:
    call.scope.expect_places()
    _, intervals = trip_of_path(call)
    shown = call.scope.times_of_places(intervals)
    path = call.reader.positions(call.vehicle.vin, shown) if shown else []
    return page_of(
        call,
        "positions",
        simplify(path, call.query[TOLERANCE]),
        lambda shown: [feature(position) for position in shown],
        "no position of the trip is of these times and indexes",
    )
