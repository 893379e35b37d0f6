from __future__ import annotations

import pytest

from cloud_bridge.records.model import Message, Position
from cloud_bridge.store.port.registry import Theft
from tests.cloud_bridge.api.world import CAR, FLEET, MINUTE, MORNING, ROOT, VAN, VEHICLE_PATH, Api

STOLEN = f"{VEHICLE_PATH}/stolen"
ONE = f"{STOLEN}/{{sid}}"
WAY_POINTS = f"{ONE}/waypoints"
STATUS = f"{VEHICLE_PATH}/status"
HREF = f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}"


def test_a_theft_tells_when_it_was_said_and_where_the_vehicle_was_last_known_then(api: Api) -> None:
    body = api.get(ONE)
    places = body.pop("startPosition"), body.pop("endPosition")
    assert [place["properties"]["createdAt"] for place in places] == ["2024-03-05T07:30:00Z", "2024-03-05T07:36:00Z"]
    assert body == {
        "_links": {"self": {"href": f"{HREF}/stolen/s1"}, "vehicle": {"href": HREF}},
        "id": "s1",
        "state": False,
        "createdAt": "2024-03-05T07:33:00Z",
        "updatedAt": "2024-03-05T07:40:00Z",
        "startedAt": "2024-03-05T07:31:00Z",
        "endAt": "2024-03-05T07:36:00Z",
    }


def test_where_the_vehicle_was_before_anything_was_known_is_absent(api: Api) -> None:
    assert not {"startPosition", "endPosition"} & api.get(ONE, record="s0").keys()


def test_while_it_is_stolen_the_status_says_so_and_leads_to_the_theft(api: Api) -> None:
    shown = api.get(STATUS)["stolen"]
    theft = api.get(ONE, record="s2")
    assert (theft["state"], theft["startedAt"]) == (True, "2024-03-05T08:55:00Z")
    assert "endAt" not in theft
    assert {**shown, "updatedAt": theft["updatedAt"]} == theft == api.follow(ONE, shown["_links"]["self"]["href"])
    api.reader.all_thefts[VAN.vin].pop()
    assert "stolen" not in api.get(STATUS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["s0", "s1", "s2"]),
        ({"timestamps": "2024-03-05T07:00:00Z/PT31M"}, ["s1"]),
        ({"timestamps": "2024-03-05T07:36:00.001Z/PT1H"}, []),
        ({"timestamps": "2024-03-05T07:36:00Z/PT1H"}, ["s1"]),
        ({"timestamps": "2024-03-05T10:00:00Z/PT1H"}, ["s2"]),
        ({"timestamps": "2024-03-05T07:00:00Z/2024-03-05T07:30:59.999Z"}, []),
        ({"indexRange": "1-1"}, ["s1"]),
        ({"timestamps": "R/2024-03-03T00:30:00Z/PT10M/PT1M"}, ["s0", "s1", "s2"]),
        ({"timestamps": "R/2024-03-05T07:33:10Z/PT10S/PT0S", "indexRange": "1-"}, ["s2"]),
    ],
)
def test_thefts_are_those_that_went_on_in_a_range(api: Api, query: dict[str, str], expected: list[str]) -> None:
    response = api.request(STOLEN, query)
    if not expected:
        assert (response.status_code, response.json()["code"]) == (404, 40400)
        return
    assert [theft["id"] for theft in response.json()["_embedded"]["stolen"]] == expected


def test_way_points_are_the_positions_while_it_was_stolen(api: Api) -> None:
    body = api.get(WAY_POINTS)
    times = [place["properties"]["createdAt"] for place in body["_embedded"]["positions"]]
    assert times == ["2024-03-05T07:32:00Z", "2024-03-05T07:34:00Z", "2024-03-05T07:36:00Z"]
    ongoing = api.get(WAY_POINTS, record="s2")["_embedded"]["positions"]
    assert [place["properties"]["createdAt"] for place in ongoing] == ["2024-03-05T08:56:00Z", "2024-03-05T08:58:00Z"]
    assert api.request(WAY_POINTS, record="s0").status_code == 404


def test_the_end_user_profile_shows_a_theft_without_its_places_while_privacy_forbids_them(api: Api) -> None:
    api.protect("Geolocation", first=119)  # Later than the position.
    assert "startPosition" in api.get(STATUS)["stolen"]
    assert "startPosition" not in api.get(STATUS, {"profile": "endUser"})["stolen"]


def test_without_a_service_for_thefts_none_is_known(api: Api) -> None:
    api.subscribe("odometer.mileage", "position.*")
    for template in (STOLEN, ONE, WAY_POINTS):
        assert api.request(template).json()["code"] == 40400
    assert "stolen" not in api.get(STATUS)


def test_without_a_service_for_positions_a_theft_has_no_places(api: Api) -> None:
    api.subscribe("odometer.mileage", "stolen")
    assert not {"startPosition", "endPosition"} & api.get(ONE).keys()
    assert "startPosition" not in api.get(STATUS)["stolen"]
    assert api.request(WAY_POINTS).json()["code"] == 40400


def test_more_way_points_than_a_page_holds_are_found_by_its_links(api: Api) -> None:
    start = MORNING + 31 * MINUTE
    api.reader.all_messages[VAN.vin] = [
        Message(at_ms, {}, Position(at_ms, 10.0, 0.0)) for at_ms in range(start, start + 4_500_000, 1000)
    ]
    api.reader.all_thefts[VAN.vin] = [Theft("s9", start)]
    page = api.get(WAY_POINTS, {"pageSize": "0", "indexRange": "no parameter of this"}, record="s9")
    lengths = [len(page["_embedded"]["positions"])]
    while "next" in page["_links"]:
        page = api.follow(WAY_POINTS, page["_links"]["next"]["href"])
        lengths.append(len(page["_embedded"]["positions"]))
    assert (lengths, page["total"], page["totalPage"]) == ([2000, 2000, 500], 4500, 3)


def test_an_unknown_theft_is_not_found(api: Api) -> None:
    for template in (ONE, WAY_POINTS):
        assert api.request(template, record="nosuch").status_code == 404
        assert api.request(template, vehicle=CAR.id).status_code == 404
    assert api.request(STOLEN, vehicle=CAR.id).json()["code"] == 40400
