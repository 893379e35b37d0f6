from __future__ import annotations

from cloud_bridge.records.model import Message
from tests.cloud_bridge.api.world import MINUTE, MORNING, VAN, VEHICLE_PATH, Api, position

WAY_POINTS = f"{VEHICLE_PATH}/trips/{{tid}}/wayPoints"


def test_the_way_points_of_a_trip_are_its_positions_in_ascending_time(api: Api) -> None:
    body = api.get(WAY_POINTS)
    times = [point["properties"]["createdAt"] for point in body["_embedded"]["positions"]]
    assert times == sorted(times)
    assert (len(times), times[0], times[-1]) == (16, "2024-03-05T07:00:00Z", "2024-03-05T07:30:00Z")
    assert body["total"] == 16


def test_way_points_can_be_cut_by_time_index_and_page(api: Api) -> None:
    assert api.get(WAY_POINTS, {"timestamps": "2024-03-05T07:03:00Z/2024-03-05T07:08:00Z"})["total"] == 3
    assert api.get(WAY_POINTS, {"indexRange": "2-4"})["total"] == 3
    page = api.get(WAY_POINTS, {"pageSize": "10"})
    assert len(page["_embedded"]["positions"]) == 10
    assert len(api.follow(WAY_POINTS, page["_links"]["next"]["href"])["_embedded"]["positions"]) == 6


def test_a_long_repetition_reaches_as_far_as_the_trip_also_where_only_positions_were_said(api: Api) -> None:
    messages = api.reader.all_messages[VAN.vin]
    messages[:] = [Message(one.at_ms, {}, one.position) for one in messages if one.position is not None]
    body = api.get(WAY_POINTS, {"timestamps": "R/2024-03-05T07:00:00Z/PT2S/PT1S"})
    assert body["total"] == api.get(WAY_POINTS)["total"] == 16


def test_a_straight_path_is_simplified_to_its_ends_and_a_bend_stays(api: Api) -> None:
    straight = api.get(WAY_POINTS, {"tolerance": "0.05"})
    assert straight["total"] == 2
    bend = Message(MORNING + 15 * MINUTE, {"kinetic.speed": 1.0}, position(15, bend_km=0.3))
    api.reader.all_messages[VAN.vin][15] = bend
    times = [
        p["properties"]["createdAt"][14:16]
        for p in api.get(WAY_POINTS, {"tolerance": "0.28"})["_embedded"]["positions"]
    ]
    assert times == ["00", "15", "30"]
    assert api.get(WAY_POINTS, {"tolerance": "0.31"})["total"] == 2
    assert api.get(WAY_POINTS, {"tolerance": "0"})["total"] == 17


def test_tolerance_is_kept_from_page_to_page(api: Api) -> None:
    page = api.get(WAY_POINTS, {"tolerance": "0.05", "pageSize": "1"})
    assert page["totalPage"] == 2
    second = api.follow(WAY_POINTS, page["_links"]["next"]["href"])
    assert second["_embedded"]["positions"][0]["properties"]["createdAt"] == "2024-03-05T07:30:00Z"


def test_a_trip_without_positions_has_no_way_points(api: Api) -> None:
    response = api.request(WAY_POINTS, {"timestamps": "2024-03-05T07:03:00Z/PT30S"})
    assert (response.status_code, response.json()["code"]) == (404, 40400)
    assert api.request(WAY_POINTS, {"timestamps": "2024-03-05T09:00:00Z/"}).json()["code"] == 40400
    assert api.request(WAY_POINTS, trip="nosuchtrip").status_code == 404


def test_a_trip_that_goes_on_has_the_way_points_so_far(api: Api) -> None:
    assert api.get(WAY_POINTS, trip="t4")["total"] == 10


def test_the_end_user_profile_has_no_way_points_while_privacy_forbids_them(api: Api) -> None:
    api.protect("Geolocation")
    assert api.request(WAY_POINTS, {"profile": "endUser"}).json()["code"] == 40400
    assert api.request(WAY_POINTS).status_code == 200
