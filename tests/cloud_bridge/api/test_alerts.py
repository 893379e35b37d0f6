from __future__ import annotations

import pytest

from cloud_bridge.records.model import Alert
from tests.cloud_bridge.api.world import CAR, FLEET, MINUTE, MORNING, ROOT, VAN, VEHICLE_PATH, Api

ALERTS = f"{VEHICLE_PATH}/alerts"
ALERT = f"{ALERTS}/{{aid}}"
OF_TRIP = f"{VEHICLE_PATH}/trips/{{tid}}/alerts"
ONE_OF_TRIP = f"{OF_TRIP}/{{aid}}"
HREF = f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}"


def ids(api: Api, template: str, query: dict[str, str], trip: str = "t1") -> list[str]:
    response = api.request(template, query, trip=trip)
    if response.status_code == 404:
        assert response.json()["code"] == 40400
        return []
    return [alert["id"] for alert in response.json()["_embedded"]["alerts"]]


def test_an_alert_tells_all_that_is_known_of_it(api: Api) -> None:
    body = api.get(ALERT)
    positions = body.pop("startPosition"), body.pop("endPosition")
    assert [place["properties"]["createdAt"] for place in positions] == ["2024-03-05T07:10:00Z", "2024-03-05T07:20:00Z"]
    assert body == {
        "_links": {
            "self": {"href": f"{HREF}/alerts/a1"},
            "vehicle": {"href": HREF},
            "position": {"href": f"{HREF}/lastPosition"},
            "trips": [{"href": f"{HREF}/trips/t1"}],
        },
        "id": "a1",
        "vin": VAN.vin,
        "createdAt": "2024-03-05T07:10:00Z",
        "updatedAt": "2024-03-05T07:20:00Z",
        "active": False,
        "type": "FuelLevelLow",
        "severity": "Information",
        "startedAt": "2024-03-05T07:10:00Z",
        "endAt": "2024-03-05T07:20:00Z",
    }


def test_an_alert_that_goes_on_is_active_and_has_no_end(api: Api) -> None:
    body = api.get(ALERT, record="a2")
    assert (body["active"], body["severity"]) == (True, "Critical")
    assert not {"endAt", "startPosition", "endPosition"} & body.keys()
    assert body["_links"].keys() == {"self", "vehicle", "trips"}


def test_an_alert_outside_all_trips_names_none(api: Api) -> None:
    assert "trips" not in api.get(ALERT, record="a3")["_links"]


def test_an_alert_names_the_trips_in_which_it_began_and_ended_each_once(api: Api) -> None:
    longer = Alert("a9", MORNING + 45 * MINUTE, "EngineFault", MORNING + 100 * MINUTE)
    api.reader.all_records[VAN.vin].append(longer)
    trips = [link["href"] for link in api.get(ALERT, record="a9")["_links"]["trips"]]
    assert trips == [f"{HREF}/trips/t2", f"{HREF}/trips/t4"]


def test_alerts_are_listed_in_ascending_time_page_by_page(api: Api) -> None:
    page = api.get(ALERTS, {"pageSize": "2"})
    assert (page["total"], page["totalPage"], page["currentPage"]) == (3, 2, 1)
    following = api.follow(ALERTS, page["_links"]["next"]["href"])
    found = [*page["_embedded"]["alerts"], *following["_embedded"]["alerts"]]
    assert [alert["id"] for alert in found] == ["a1", "a2", "a3"]
    assert found[0] == api.get(ALERT)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"timestamps": "/2024-03-05T07:09:59Z"}, []),
        ({"timestamps": "/2024-03-05T07:10:00Z"}, ["a1"]),
        ({"timestamps": "2024-03-05T07:15:00Z/PT1M"}, ["a1"]),
        ({"timestamps": "2024-03-05T07:20:00Z/PT1M"}, ["a1"]),
        ({"timestamps": "2024-03-05T07:20:00.001Z/PT1M"}, []),
        ({"timestamps": "2024-03-05T09:00:00Z/"}, ["a2"]),
        ({"indexRange": "1-"}, ["a2", "a3"]),
        ({"indexRange": "3-"}, []),
    ],
)
def test_alerts_are_those_that_were_on_in_a_range(api: Api, query: dict[str, str], expected: list[str]) -> None:
    assert ids(api, ALERTS, query) == expected


@pytest.mark.parametrize(
    ("trip", "query", "expected"),
    [
        ("t1", {}, ["a1"]),
        ("t2", {}, ["a2"]),
        ("t3", {}, ["a2"]),
        ("t4", {}, ["a2"]),
        ("t1", {"timestamps": "2024-03-05T07:25:00Z/"}, []),
        ("t1", {"timestamps": "2024-03-05T07:00:00Z/PT10M"}, ["a1"]),
    ],
)
def test_a_trip_has_the_alerts_that_were_on_during_it(
    api: Api, trip: str, query: dict[str, str], expected: list[str]
) -> None:
    assert ids(api, OF_TRIP, query, trip) == expected


def test_an_alert_of_a_trip_is_the_vehicles_and_leads_to_it(api: Api) -> None:
    assert api.get(ONE_OF_TRIP) == api.get(ALERT)
    assert api.get(ONE_OF_TRIP, trip="t4", record="a2") == api.get(ALERT, record="a2")


@pytest.mark.parametrize(("trip", "record"), [("t2", "a1"), ("t1", "a2"), ("t1", "nosuch"), ("nosuch", "a1")])
def test_an_alert_that_was_not_on_during_the_trip_is_not_found_there(api: Api, trip: str, record: str) -> None:
    response = api.request(ONE_OF_TRIP, trip=trip, record=record)
    assert (response.status_code, response.json()["code"]) == (404, 40400)


@pytest.mark.parametrize(
    ("minutes", "found"), [((30, 40), True), ((30, 39.999), False), ((50, None), True), ((50.001, None), False)]
)
def test_an_alert_belongs_to_a_trip_up_to_its_first_and_last_moment(
    api: Api, minutes: tuple[float, float | None], found: bool
) -> None:
    first, last = minutes
    ended_ms = None if last is None else MORNING + round(last * MINUTE)
    alert = Alert("a9", MORNING + round(first * MINUTE), "EngineFault", ended_ms, updated_at_ms=MORNING)
    api.reader.all_records[VAN.vin].append(alert)
    assert (api.request(ONE_OF_TRIP, trip="t2", record="a9").status_code == 200) is found
    assert ("a9" in ids(api, OF_TRIP, {}, "t2")) is found


def test_an_unknown_alert_is_not_found_nor_a_record_of_another_kind(api: Api) -> None:
    for record in ("nosuch", "t1", "c1", "r1"):
        assert api.request(ALERT, record=record).status_code == 404


def test_a_vehicle_without_alerts_is_404(api: Api) -> None:
    response = api.request(ALERTS, vehicle=CAR.id)
    assert (response.status_code, response.json()["code"]) == (404, 40400)


def test_the_end_user_profile_shows_an_alert_without_its_places_while_privacy_forbids_them(api: Api) -> None:
    api.protect("Geolocation")
    for template in (ALERT, ONE_OF_TRIP):
        body = api.get(template, {"profile": "endUser"})
        assert not {"startPosition", "endPosition"} & body.keys()
        assert "position" not in body["_links"]
    api.protect("Full")
    assert api.request(ALERTS, {"profile": "endUser"}).status_code == 404
