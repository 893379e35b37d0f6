from __future__ import annotations

from cloud_bridge.records.model import Position, Status
from tests.cloud_bridge.api.world import CAR, MORNING, SILENT, VAN, VEHICLE_PATH, Api

LAST = f"{VEHICLE_PATH}/lastPosition"


def test_the_last_position_is_a_bare_geojson_feature(api: Api) -> None:
    response = api.request(LAST)
    assert response.headers["content-type"] == "application/vnd.geo+json"
    body = response.json()
    assert set(body) == {"type", "geometry", "properties"}
    assert body["properties"]["createdAt"] == "2024-03-05T08:58:00Z"
    assert body["properties"]["signalQuality"] == 7


def test_a_two_dimensional_fix_has_no_altitude(api: Api) -> None:
    api.reader.statuses_of[VAN.vin] = Status({}, Position(MORNING, 2.5, 48.5, 100.0, fix="2D"), MORNING)
    body = api.get(LAST)
    assert body["geometry"]["coordinates"] == [2.5, 48.5]
    assert body["properties"] == {"createdAt": "2024-03-05T07:00:00Z", "type": "Acquire", "fixStatus": "2D"}


def test_without_a_position_there_is_nothing_to_show(api: Api) -> None:
    for vehicle in (CAR, SILENT):
        response = api.request(LAST, vehicle=vehicle.id)
        assert (response.status_code, response.json()["code"]) == (404, 40400)


def test_the_end_user_profile_shows_no_position_while_privacy_forbids_it(api: Api) -> None:
    api.protect("Geolocation", -30, -20)
    assert api.request(LAST, {"profile": "endUser"}).status_code == 200
    api.protect("Geolocation", 119)
    assert api.request(LAST, {"profile": "endUser"}).json()["code"] == 40400
    assert api.request(LAST, {"profile": "fleet"}).status_code == 200
