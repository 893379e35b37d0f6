from __future__ import annotations

import pytest

from tests.cloud_bridge.api.world import CAR, FLEET, ROOT, VAN, VEHICLE_PATH, Api

TRIPS = f"{VEHICLE_PATH}/trips"
TRIP = f"{TRIPS}/{{tid}}"


def ids(api: Api, **query: str) -> list[str]:
    response = api.request(TRIPS, query)
    if response.status_code == 404:
        assert response.json()["code"] == 40400
        return []
    assert response.status_code == 200, response.text
    return [trip["id"] for trip in response.json()["_embedded"]["trips"]]


def test_completed_trips_are_listed_in_ascending_time(api: Api) -> None:
    assert ids(api) == ["t1", "t2", "t3"]


def test_a_trip_tells_all_that_is_known_of_it(api: Api) -> None:
    body = api.get(TRIP)
    href = f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}"
    assert body["_links"] == {
        "self": {"href": f"{href}/trips/t1"},
        "vehicle": {"href": href},
        "waypoints": {"href": f"{href}/trips/t1/wayPoints"},
        "alerts": {"href": f"{href}/trips/t1/alerts"},
        "collisions": {"href": f"{href}/trips/t1/collisions"},
    }
    assert (body["startedAt"], body["stoppedAt"]) == ("2024-03-05T07:00:00Z", "2024-03-05T07:30:00Z")
    assert (body["duration"], body["distance"], body["startMileage"]) == (1800, 15.4, 12960.5)
    assert body["startEnergies"] == [{"type": "Fuel", "subType": "FossilEnergy", "level": 44.0, "autonomy": 410}]
    assert body["endEnergies"] == [{"type": "Fuel", "subType": "FossilEnergy", "level": 42.5, "autonomy": 395}]
    assert body["energyConsumptions"] == [
        {"type": "Fuel", "subType": "FossilEnergy", "consumption": 95.0, "avgConsumption": 616.9}
    ]
    assert body["segments"] == [
        {"propulsion": "Thermal", "percent": 75.0, "distance": 11.55},
        {"propulsion": "Electric", "percent": 25.0, "distance": 3.85},
    ]
    assert body["kinetic"] == {"avgSpeed": 30.8, "maxSpeed": 81.0}
    assert (body["done"], body["faults"], body["vin"]) == (True, [], VAN.vin)
    assert body["startPosition"]["properties"]["createdAt"] == "2024-03-05T07:00:00Z"


def test_what_a_trip_does_not_know_is_absent(api: Api) -> None:
    body = api.get(TRIP, trip="t2")
    assert set(body) == {
        "_links", "id", "vin", "createdAt", "updatedAt", "startedAt", "stoppedAt", "duration", "done", "faults",
    }  # fmt: skip
    assert body["faults"] == [{"fault": "Unstarted"}, {"fault": "DataLacking", "cause": "Connection"}]
    assert body["updatedAt"] == "2024-03-05T07:55:00Z"


def test_a_trip_that_goes_on_is_not_listed_but_can_be_read(api: Api) -> None:
    body = api.get(TRIP, trip="t4")
    assert body["done"] is False
    assert "stoppedAt" not in body
    assert "duration" not in body


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"distance": "0.5-15.4"}, ["t1", "t3"]),
        ({"distance": "0.6-"}, ["t1"]),
        ({"distance": "0-0.4"}, []),
        ({"distance": "0-"}, ["t1", "t2", "t3"]),
        ({"duration": "60-600"}, ["t2", "t3"]),
        ({"duration": "601-"}, ["t1"]),
        ({"duration": "0-59"}, []),
        ({"states": "Nominal"}, ["t1", "t3"]),
        ({"states": "DataLacking"}, ["t2"]),
        ({"states": "Unfinished"}, []),
        ({"timestamps": "2024-03-05T07:30:00Z/PT5M"}, ["t1"]),
        ({"timestamps": "2024-03-05T07:31:00Z/PT5M"}, []),
        ({"timestamps": "2024-03-05T07:45:00Z/"}, ["t2", "t3"]),
        ({"timestamps": "/2024-03-05T07:39:59Z"}, ["t1"]),
        ({"timestamps": "R3/2024-03-05T06:55:00Z/PT1H/PT10M"}, ["t1", "t3"]),
        ({"indexRange": "1-1"}, ["t2"]),
        ({"indexRange": "1-"}, ["t2", "t3"]),
        ({"indexRange": "3-"}, []),
        ({"timestamps": "/2024-03-05T07:39:59Z", "states": "DataLacking"}, []),
    ],
)
def test_trips_are_filtered_by(api: Api, query: dict[str, str], expected: list[str]) -> None:
    assert ids(api, **query) == expected


def test_several_states_are_a_union(api: Api) -> None:
    query = [("states", "Nominal"), ("states", "Unstarted")]
    assert [trip["id"] for trip in api.get(TRIPS, query)["_embedded"]["trips"]] == ["t1", "t2", "t3"]


def test_trips_are_paged_inside_the_index_range(api: Api) -> None:
    page = api.get(TRIPS, {"pageSize": "1", "indexRange": "1-2"})
    assert (page["total"], page["totalPage"], page["currentPage"]) == (2, 2, 1)
    following = api.follow(TRIPS, page["_links"]["next"]["href"])
    assert [trip["id"] for trip in following["_embedded"]["trips"]] == ["t3"]
    assert "next" not in following["_links"]
    assert "prev" not in page["_links"]


def test_no_trips_is_404(api: Api) -> None:
    response = api.request(TRIPS, vehicle=CAR.id)
    assert (response.status_code, response.json()["code"]) == (404, 40400)


def test_an_unknown_trip_is_not_found(api: Api) -> None:
    assert api.request(TRIP, trip="nosuchtrip").status_code == 404


def test_the_end_user_profile_shows_a_trip_without_its_places_while_privacy_forbids_them(api: Api) -> None:
    api.protect("Geolocation")
    body = api.get(TRIP, {"profile": "endUser"})
    assert not {"startPosition", "stopPosition"} & body.keys()
    assert "waypoints" not in body["_links"]
    assert body["distance"] == 15.4
