from __future__ import annotations

import pytest

from tests.cloud_bridge.api.world import CAR, EMPTY_FLEET, FLEET, ROOT, SILENT, STRANGER, VAN, VEHICLE_PATH, Api

VEHICLES = "/fleets/{fid}/vehicles"
BY_VIN = "/vehicles/{vin}"


def test_a_fleet_lists_its_vehicles_and_no_others(api: Api) -> None:
    body = api.get(VEHICLES)
    assert [vehicle["vin"] for vehicle in body["_embedded"]["vehicles"]] == [VAN.vin, SILENT.vin, CAR.vin]


def test_a_fleet_without_vehicles_lists_none_with_200(api: Api) -> None:
    body = api.get(VEHICLES, fleet=EMPTY_FLEET)
    assert (body["total"], body["totalPage"], body["currentPage"]) == (0, 1, 1)
    assert body["_embedded"]["vehicles"] == []


def test_a_prefix_selects_vehicles_by_vin(api: Api) -> None:
    body = api.get(VEHICLES, {"vinPrefix": "VF3"})
    assert [vehicle["vin"] for vehicle in body["_embedded"]["vehicles"]] == [VAN.vin, SILENT.vin]
    assert body["total"] == 2
    assert api.get(VEHICLES, {"vinPrefix": "WBA"})["total"] == 0


def test_a_vehicle_says_what_it_is_and_every_link_of_it_leads_somewhere(api: Api) -> None:
    body = api.get(VEHICLE_PATH)
    assert (body["id"], body["vin"], body["motorization"]) == (VAN.id, VAN.vin, "Thermic")
    assert "_embedded" not in body
    templates = {
        "self": VEHICLE_PATH,
        "fleet": "/fleets/{fid}",
        "status": f"{VEHICLE_PATH}/status",
        "telemetry": f"{VEHICLE_PATH}/telemetry",
        "maintenance": f"{VEHICLE_PATH}/maintenance",
        "alerts": f"{VEHICLE_PATH}/alerts",
        "alarms": f"{VEHICLE_PATH}/alarms",
        "collisions": f"{VEHICLE_PATH}/collisions",
        "trips": f"{VEHICLE_PATH}/trips",
        "lastPosition": f"{VEHICLE_PATH}/lastPosition",
        "monitors": "/fleets/{fid}/monitors",
        "callbacks": "/fleets/{fid}/remote/callbacks",
        "remotes": f"{VEHICLE_PATH}/callbacks/{{cbid}}/remotes",
    }
    assert body["_links"].keys() == templates.keys()
    assert {name for name, link in body["_links"].items() if link.get("templated")} == {"remotes"}
    for name, link in body["_links"].items():
        api.follow(templates[name], link["href"].replace("{cbid}", "cb1"))


def test_extensions_come_only_when_asked_for(api: Api) -> None:
    body = api.get(VEHICLE_PATH, [("extension", "branding"), ("extension", "onboardCapabilities")])
    extension = body["_embedded"]["extension"]
    assert extension["branding"] == {"brand": "Peugeot", "label": "Partner"}
    assert extension["onboardCapabilities"]["data"] == [
        "data:telemetry",
        "data:telemetry:environment",
        "data:telemetry:vehicle",
        "data:telemetry:vehicle:ignition",
        "data:telemetry:vehicle:odometer",
        "data:position",
        "data:trip",
        "data:alert",
    ]
    assert all(remote["supported"] for remote in extension["onboardCapabilities"]["remote"].values())
    other = api.get(VEHICLE_PATH, {"extension": "onboardCapabilities"}, vehicle=CAR.id)["_embedded"]["extension"]
    assert not any(remote["supported"] for remote in other["onboardCapabilities"]["remote"].values())


def test_the_list_has_the_brand_without_the_label_as_published(api: Api) -> None:
    body = api.get(VEHICLES, {"extension": "branding", "locale": "fr-FR"})
    extensions = [vehicle.get("_embedded") for vehicle in body["_embedded"]["vehicles"]]
    assert extensions == [
        {"extension": {"branding": {"brand": "Peugeot"}}},
        None,
        {"extension": {"branding": {"brand": "Alfa Romeo"}}},
    ]


def test_pictures_that_are_not_known_are_absent(api: Api) -> None:
    assert "_embedded" not in api.get(VEHICLE_PATH, {"extension": "pictures"})


def test_a_motorization_that_is_not_known_is_absent(api: Api) -> None:
    assert "motorization" not in api.get(VEHICLE_PATH, vehicle=SILENT.id)


def test_a_vehicle_of_another_fleet_is_refused_in_every_way_to_ask(api: Api) -> None:
    assert api.request(VEHICLE_PATH, vehicle=STRANGER.id).status_code == 403
    assert api.request(VEHICLE_PATH, vehicle=STRANGER.id, fleet="f9").status_code == 403
    assert api.request(VEHICLE_PATH, fleet=EMPTY_FLEET).status_code == 403
    assert api.request(f"{VEHICLE_PATH}/status", vehicle=STRANGER.id).status_code == 403
    assert api.request(f"{VEHICLE_PATH}/trips/{{tid}}/wayPoints", vehicle=STRANGER.id).status_code == 403
    assert api.request(VEHICLE_PATH, vehicle="nosuchvehicle").status_code == 403


def test_a_vehicle_is_found_by_its_vin_in_whatever_fleet_the_client_may_see(api: Api) -> None:
    body = api.get(BY_VIN)
    assert body == {"vin": VAN.vin, "createdAt": "2024-03-05T06:59:51Z", "motorization": "Thermic"}
    api.reader.members = {FLEET: [CAR], EMPTY_FLEET: [VAN]}
    assert api.get(BY_VIN) == body


def test_by_its_vin_it_says_what_it_can_do_as_it_does_by_its_id(api: Api) -> None:
    query = [("extension", "onboardCapabilities"), ("extension", "branding")]
    assert api.get(BY_VIN, query)["_embedded"] == api.get(VEHICLE_PATH, query)["_embedded"]


def test_a_vin_of_somebody_else_is_refused_like_one_that_nobody_has(api: Api) -> None:
    theirs, nobodys = api.request(BY_VIN, vin=STRANGER.vin), api.request(BY_VIN, vin="VF3NBDYS0FG000001")
    assert (theirs.status_code, theirs.json()["code"]) == (403, 40300)
    assert theirs.json()["message"].replace(STRANGER.vin, "VF3NBDYS0FG000001") == nobodys.json()["message"]


@pytest.mark.parametrize("vin", ["VF3", VAN.vin.lower(), f"{VAN.vin}0", "VF3ABCDE0FG12345O", VAN.id, "VF3%25"])
def test_what_is_no_vin_is_a_wrong_path_id(api: Api, vin: str) -> None:
    response = api.request(BY_VIN, vin=vin)
    assert (response.status_code, response.json()["code"]) == (400, 40001)
    assert "expected a VIN" in response.json()["message"]


def test_the_vin_is_not_an_id(api: Api) -> None:
    assert api.request(VEHICLE_PATH, vehicle=VAN.vin).status_code == 403


def test_links_do_not_carry_the_client_id(api: Api) -> None:
    body = api.get(VEHICLES, {"vinPrefix": "VF3", "pageSize": "1", "appended": "by a client"})
    assert body["_links"]["self"]["href"] == f"{ROOT}/fleets/{FLEET}/vehicles?vinPrefix=VF3&pageSize=1"
    second = api.follow(VEHICLES, body["_links"]["next"]["href"])
    assert [vehicle["vin"] for vehicle in second["_embedded"]["vehicles"]] == [SILENT.vin]
    for link in (*body["_links"].values(), *second["_links"].values()):
        assert "client_id" not in link["href"]
