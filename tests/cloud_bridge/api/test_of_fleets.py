"""What is read of a whole fleet at once is what each of its vehicles says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cloud_bridge.records.model import Alert, Known, Status, Trip
from cloud_bridge.store.port.registry import Vehicle
from tests.cloud_bridge.api.world import (
    CAR,
    EMPTY_FLEET,
    FLEET,
    MINUTE,
    MORNING,
    OTHER_FLEET,
    ROOT,
    STRANGER,
    VAN,
    VEHICLE_PATH,
    Api,
    position,
)

STATUS = "/fleets/{fid}/status"
MAINTENANCES = "/fleets/{fid}/maintenances"
ALERTS = "/fleets/{fid}/alerts"
COLLISIONS = "/fleets/{fid}/collisions"
TRIPS = "/fleets/{fid}/trips"
NAMES = {
    STATUS: "status", MAINTENANCES: "maintenances", ALERTS: "alerts", COLLISIONS: "Collisions", TRIPS: "trips",
}  # fmt: skip


@pytest.fixture
def api(api: Api) -> Api:
    """The car has records among those of the van."""
    api.reader.all_records[CAR.vin] += [
        Alert("a8", MORNING + 44 * MINUTE, "EngineFault", start_position=position(44)),
        Trip("t8", MORNING + 5 * MINUTE, MORNING + 35 * MINUTE, 20.0, start_position=position(5)),
    ]
    return api


def items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    (found,) = body["_embedded"].values()
    assert isinstance(found, list)
    return found


def without_vin(node: Any) -> Any:
    """The same with positions that do not say whose they are."""
    if isinstance(node, dict):
        properties = "coordinates" not in node.get("geometry", {}) or node["properties"].pop("vin", None)
        assert properties, "a position of a fleet says whose it is"
        return {name: without_vin(value) for name, value in node.items()}
    return [without_vin(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (ALERTS, ["a1", "a8", "a2", "a3"]),
        (COLLISIONS, ["c9", "c1", "c2"]),
        (TRIPS, ["t1", "t8", "t2", "t3"]),
    ],
)
def test_records_of_all_vehicles_come_in_ascending_time_under_the_published_name(
    api: Api, template: str, expected: list[str]
) -> None:
    body = api.get(template)
    assert body["_embedded"].keys() == {NAMES[template]}
    assert [item["id"] for item in items(body)] == expected
    assert body["total"] == len(expected)


def test_status_and_maintenances_come_by_vin(api: Api) -> None:
    assert [item["vin"] for item in items(api.get(STATUS))] == [VAN.vin, CAR.vin]
    assert [item["vin"] for item in items(api.get(MAINTENANCES))] == [VAN.vin]


@pytest.mark.parametrize("template", list(NAMES))
def test_an_item_is_that_of_its_vehicle_and_leads_there(api: Api, template: str) -> None:
    for item in items(api.get(template)):
        vehicle = VAN if item["vin"] == VAN.vin else CAR
        href = item["_links"]["self"]["href"]
        assert href.startswith(f"{ROOT}/fleets/{FLEET}/vehicles/{vehicle.id}/")
        single = {STATUS: "status", MAINTENANCES: "maintenance", ALERTS: "alerts/{aid}"}
        single |= {COLLISIONS: "collisions/{cid}", TRIPS: "trips/{tid}"}
        alone = api.follow(f"{VEHICLE_PATH}/{single[template]}", href)
        assert without_vin(item) == alone


@pytest.mark.parametrize(("template", "record"), [(f"{ALERTS}/{{aid}}", "a8"), (f"{COLLISIONS}/{{cid}}", "c9")])
def test_a_record_is_found_in_the_fleet_by_its_id_as_it_is_listed(api: Api, template: str, record: str) -> None:
    (listed,) = [item for item in items(api.get(template.rpartition("/")[0])) if item["id"] == record]
    assert api.get(template, record=record) == listed
    for unknown in ("nosuch", "t1"):
        response = api.request(template, record=unknown)
        assert (response.status_code, response.json()["code"]) == (404, 40400)


@pytest.mark.parametrize("template", [f"{ALERTS}/{{aid}}", f"{COLLISIONS}/{{cid}}"])
def test_a_record_of_a_fleet_has_no_date_by_which_to_ask_for_it(api: Api, template: str) -> None:
    # Older data that come late change it without its date, and of the fleet it is not known when they came.
    assert "last-modified" not in api.request(template).headers
    assert "last-modified" in api.request(template.replace("{fid}", "{fid}/vehicles/{vid}")).headers


def test_a_record_of_a_vehicle_in_another_fleet_is_not_found(api: Api) -> None:
    api.reader.all_records[STRANGER.vin] = [Alert("a7", MORNING, "EngineFault")]
    assert api.request(f"{ALERTS}/{{aid}}", record="a7").status_code == 404
    assert api.request(f"{ALERTS}/{{aid}}", record="a7", fleet=OTHER_FLEET).status_code == 403


@pytest.mark.parametrize("template", list(NAMES))
def test_pages_follow_each_other_inside_the_index_range(api: Api, template: str) -> None:
    every = [item["_links"]["self"] for item in items(api.get(template))]
    page, seen = api.get(template, {"pageSize": "1", "indexRange": "0-2"}), []
    while True:
        seen += [item["_links"]["self"] for item in items(page)]
        if "next" not in page["_links"]:
            break
        page = api.follow(template, page["_links"]["next"]["href"])
    assert seen == every[:3]
    assert page["total"] == page["totalPage"] == len(seen)


def test_no_vehicle_of_a_large_fleet_is_forgotten(api: Api) -> None:
    vehicles = [
        Vehicle(f"{number:040x}", f"VF3LARGE0{number:08d}", "peugeot-van", "", "", 0, 0) for number in range(1100)
    ]
    api.reader.members[EMPTY_FLEET] = vehicles
    for number, vehicle in enumerate(vehicles):
        # One in two knows of its maintenance.
        known = {"maintenance.daysBeforeMaintenance": Known(number, MORNING)} if number % 2 else {}
        api.reader.statuses_of[vehicle.vin] = Status(known, position(1), MORNING)
    page, seen = api.get(MAINTENANCES, {"profile": "endUser"}, fleet=EMPTY_FLEET), []
    while True:
        seen += [item["daysBeforeMaintenance"] for item in items(page)]
        if "next" not in page["_links"]:
            break
        page = api.follow(MAINTENANCES, page["_links"]["next"]["href"])
    assert seen == list(range(1, 1100, 2))
    assert (page["total"], page["totalPage"]) == (550, 10)


@pytest.mark.parametrize("template", list(NAMES))
def test_a_fleet_without_data_is_404(api: Api, template: str) -> None:
    for response in (api.request(template, fleet=EMPTY_FLEET), api.request(template, {"indexRange": "9-"})):
        assert (response.status_code, response.json()["code"]) == (404, 40400)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"distance": "15-"}, ["t1", "t8"]),
        ({"duration": "0-600"}, ["t2", "t3"]),
        ({"states": "Unstarted"}, ["t2"]),
        ({"timestamps": "2024-03-05T07:31:00Z/PT5M"}, ["t8"]),
        ({"timestamps": "R3/2024-03-05T06:55:00Z/PT1H/PT10M", "distance": "0-16"}, ["t1", "t3"]),
    ],
)
def test_trips_of_a_fleet_are_filtered_as_those_of_a_vehicle(
    api: Api, query: dict[str, str], expected: list[str]
) -> None:
    assert [item["id"] for item in items(api.get(TRIPS, query))] == expected


def test_a_repetition_without_end_is_taken_up_to_now(api: Api) -> None:
    daily = {"timestamps": "R/2023-01-01T07:00:00Z/P1D/PT20M"}
    assert [item["id"] for item in items(api.get(TRIPS, daily))] == ["t1", "t8"]
    response = api.request(TRIPS, {"timestamps": "R/2000-01-01T00:00:00Z/PT1H/PT1M"})
    assert (response.status_code, response.json()["code"]) == (400, 40000)


def test_the_end_user_profile_leaves_out_what_a_vehicles_privacy_forbids(api: Api) -> None:
    api.reader.statuses_of[CAR.vin] = Status({"kinetic.speed": Known(0.0, MORNING)}, position(1), MORNING)
    api.protect("Full", vehicle=VAN)
    api.protect("Geolocation", vehicle=CAR)
    asked = {"profile": "endUser"}
    for template in (STATUS, ALERTS, COLLISIONS, TRIPS):
        body = api.get(template, asked)
        assert {item["vin"] for item in items(body)} == {CAR.vin}
        assert body["total"] == 1
        assert "coordinates" not in str(body)
        assert "coordinates" in str(api.get(template)) or template == COLLISIONS
    assert api.request(MAINTENANCES, asked).status_code == 404
    assert api.request(f"{ALERTS}/{{aid}}", asked, record="a1").status_code == 404
    assert "startPosition" not in api.get(f"{ALERTS}/{{aid}}", asked, record="a8")


def test_every_link_of_a_fleet_leads_somewhere(api: Api) -> None:
    links = api.get("/fleets/{fid}")["_links"]
    kinds = {"status", "maintenances", "alerts", "trips", "collisions"}
    assert links.keys() == {"self", "vehicles", "monitors", "callbacks", *kinds}
    others = {"self": "/fleets/{fid}", "callbacks": "/fleets/{fid}/remote/callbacks"}
    for name, link in links.items():
        api.follow(others.get(name, f"/fleets/{{fid}}/{name}"), link["href"])
