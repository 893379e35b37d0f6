from __future__ import annotations

import pytest

from tests.cloud_bridge.api.world import CAR, FLEET, ROOT, SILENT, VAN, VEHICLE_PATH, Api

COLLISIONS = f"{VEHICLE_PATH}/collisions"
COLLISION = f"{COLLISIONS}/{{cid}}"
OF_TRIP = f"{VEHICLE_PATH}/trips/{{tid}}/collisions"
HREF = f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}"


def test_a_collision_tells_all_that_is_known_of_it(api: Api) -> None:
    assert api.get(COLLISION) == {
        "_links": {
            "self": {"href": f"{HREF}/collisions/c1"},
            "vehicle": {"href": HREF},
            "trip": {"href": f"{HREF}/trips/t1"},
        },
        "id": "c1",
        "vin": VAN.vin,
        "createdAt": "2024-03-05T07:15:00Z",
        "updatedAt": "2024-03-05T07:15:00.800Z",
        "details": [{"side": "Front", "severity": "Major"}, {"side": "Lateral"}],
        "tippedOver": False,
        "pedestrian": True,
    }


def test_what_a_collision_does_not_know_is_absent(api: Api) -> None:
    body = api.get(COLLISION, record="c2")
    assert body.keys() == {"_links", "id", "vin", "createdAt", "updatedAt"}
    assert body["_links"].keys() == {"self", "vehicle"}


def test_collisions_are_embedded_with_a_capital_as_published(api: Api) -> None:
    body = api.get(COLLISIONS)
    assert [collision["id"] for collision in body["_embedded"]["Collisions"]] == ["c1", "c2"]
    assert (body["total"], body["totalPage"], body["currentPage"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("template", "query", "trip", "expected"),
    [
        (COLLISIONS, {"timestamps": "2024-03-05T07:15:00Z/2024-03-05T07:15:00Z"}, "t1", ["c1"]),
        (COLLISIONS, {"timestamps": "2024-03-05T07:15:00.001Z/"}, "t1", ["c2"]),
        (COLLISIONS, {"indexRange": "0-0"}, "t1", ["c1"]),
        (COLLISIONS, {"timestamps": "2024-03-05T09:00:00Z/"}, "t1", []),
        (OF_TRIP, {}, "t1", ["c1"]),
        (OF_TRIP, {}, "t2", []),
        (OF_TRIP, {"timestamps": "/2024-03-05T07:14:00Z"}, "t1", []),
        (OF_TRIP, {}, "nosuch", []),
    ],
)
def test_collisions_are_those_of_the_trip_and_range(
    api: Api, template: str, query: dict[str, str], trip: str, expected: list[str]
) -> None:
    response = api.request(template, query, trip=trip)
    if not expected:
        assert (response.status_code, response.json()["code"]) == (404, 40400)
        return
    assert [collision["id"] for collision in response.json()["_embedded"]["Collisions"]] == expected


def test_an_unknown_collision_is_not_found_nor_a_record_of_another_kind(api: Api) -> None:
    for record in ("nosuch", "a1"):
        assert api.request(COLLISION, record=record).status_code == 404
    assert api.request(COLLISION, vehicle=CAR.id, record="c1").status_code == 404
    assert api.request(COLLISIONS, vehicle=SILENT.id).status_code == 404


def test_the_collisions_of_a_trip_have_no_profile_and_ignore_one(api: Api) -> None:
    api.protect("Full")
    assert api.request(COLLISIONS, {"profile": "endUser"}).status_code == 404
    assert api.request(COLLISION, {"profile": "endUser"}).status_code == 404
    assert api.request(OF_TRIP, {"profile": "endUser"}).status_code == 200
