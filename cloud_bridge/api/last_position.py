"""`/fleets/{fid}/vehicles/{vid}/lastPosition`: where the vehicle was last, as a bare GeoJSON feature."""

from __future__ import annotations

from cloud_bridge.api.call import Call
from cloud_bridge.api.errors import no_data
from cloud_bridge.api.positions import Feature, feature


def read_last_position(call: Call) -> Feature:
    call.scope.expect_place()
    status = call.status
    if status is None or status.position is None:
        raise no_data("no position of the vehicle is known")
    return feature(status.position)
