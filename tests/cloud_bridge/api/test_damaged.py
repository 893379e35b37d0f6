"""What is damaged of one vehicle costs that vehicle: of its fleet the others are told, and that it is left out."""

from __future__ import annotations

import httpx
import pytest

from cloud_bridge.api.listing import LEFT_OUT, LEFT_OUT_TOTAL
from cloud_bridge.store.port.registry import Client, Vehicle
from tests.cloud_bridge.api.world import SECRET, VEHICLE_PATH, Api, basic
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.vehicle import MODEL, OTHER_VIN, VIN, Boot
from tests.published import Published

THIRD_VIN = "VF3TESTCAR0000003"
VINS = (VIN, OTHER_VIN, THIRD_VIN)
IDS = {vin: (vin.lower() + "0" * 40)[:40] for vin in VINS}
COLLECTIONS = ("status", "trips", "alerts")
NEVER_READ = "UPDATE chunk SET body = x'00' WHERE vin = ?"
READ = {
    "status": "UPDATE status SET body = x'00' WHERE vin = ?",
    "trips": "UPDATE record SET body = x'00' WHERE vin = ? AND kind = 'Trip'",
    "alerts": "UPDATE record SET body = x'00' WHERE vin = ? AND kind = 'Alert'",
}


@pytest.fixture
def cloud(cloud: Cloud) -> Cloud:
    """Three vehicles of which each has a trip and an alert that is over."""
    cloud.register(THIRD_VIN)
    cloud.registry.add_client(Client("app1", "partner", SECRET[::-1], (FLEET.id,)), 0)
    for vin in VINS:
        boot = Boot(vin=vin)
        cloud.send_manifest(vin=vin)
        cloud.send(*[boot.payload(number, oil=number in (3, 4)) for number in range(1, 8)], vin=vin)
        cloud.send(boot.payload(8, ignition=False, speed_kmh=0.0, oil=False), vin=vin)
    cloud.deriver.sweep()
    return cloud


@pytest.fixture
def api(cloud: Cloud, published: Published) -> Api:
    return Api(published, instead=cloud.reader)


def damage(cloud: Cloud, statement: str, *vins: str) -> None:
    with cloud.database.write() as connection:
        for vin in vins or (VIN,):
            assert connection.execute(statement, (vin,)).rowcount


def goes_on(cloud: Cloud, *vins: str) -> None:
    """What comes late has the fold read again what it read before."""
    for vin in vins:
        cloud.send(Boot(b"0123456789abcdef", vin=vin).payload(0), vin=vin)


def fleet(api: Api, name: str, query: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
    asked = None if headers is None else {**basic(), **headers}
    return api.request(f"/fleets/{{fid}}/{name}", query, fleet=FLEET.id, headers=asked)


def own(api: Api, name: str, vin: str = VIN, query: str = "") -> httpx.Response:
    return api.request(f"{VEHICLE_PATH}{name}", query, vehicle=IDS[vin], fleet=FLEET.id)


def vins_of(response: httpx.Response, name: str) -> list[str]:
    assert response.status_code == 200, response.text
    return [each["vin"] for each in response.json()["_embedded"][name]]


def expect_damaged(response: httpx.Response) -> None:
    body = response.json()
    assert (response.status_code, body["code"], response.headers["Retry-After"]) == (503, 50301, "60")
    assert f"canlift-bridge rebuild {VIN}" in body["message"]


@pytest.mark.parametrize("name", COLLECTIONS)
def test_of_a_fleet_the_others_are_told_and_that_one_is_left_out(cloud: Cloud, api: Api, name: str) -> None:
    assert LEFT_OUT not in fleet(api, name).headers
    damage(cloud, NEVER_READ)
    goes_on(cloud, *VINS)
    response = fleet(api, name)
    assert set(vins_of(response, name)) == {OTHER_VIN, THIRD_VIN}
    assert response.json()["total"] == len(response.json()["_embedded"][name])
    assert (response.headers[LEFT_OUT_TOTAL], response.headers[LEFT_OUT]) == ("1", IDS[VIN])
    expect_damaged(own(api, f"/{name}"))
    assert own(api, f"/{name}", OTHER_VIN).status_code == 200


@pytest.mark.parametrize("name", COLLECTIONS)
def test_what_turns_out_to_be_damaged_while_it_is_read_is_left_out_too(cloud: Cloud, api: Api, name: str) -> None:
    damage(cloud, READ[name], VIN, THIRD_VIN)
    response = fleet(api, name)
    assert set(vins_of(response, name)) == {OTHER_VIN}
    assert (response.headers[LEFT_OUT_TOTAL], response.headers[LEFT_OUT]) == ("2", f"{IDS[VIN]}, {IDS[THIRD_VIN]}")
    expect_damaged(own(api, f"/{name}"))


def test_pages_and_counts_are_those_of_what_is_told(cloud: Cloud, api: Api) -> None:
    damage(cloud, READ["status"], OTHER_VIN)
    fleet(api, "status")  # It shows where it is read.
    first = fleet(api, "status", "pageSize=1")
    assert (first.json()["total"], first.json()["totalPage"], first.headers[LEFT_OUT]) == (2, 2, IDS[OTHER_VIN])
    second = api.send("GET", first.json()["_links"]["next"]["href"] + "&client_id=app1", basic())
    assert [vins_of(page, "status") for page in (first, second)] == [[VIN], [THIRD_VIN]]
    assert second.headers[LEFT_OUT] == IDS[OTHER_VIN]
    assert "next" not in second.json()["_links"]


def test_where_nothing_is_left_to_tell_nobody_knows_that_there_is_nothing(cloud: Cloud, api: Api) -> None:
    damage(cloud, NEVER_READ)
    goes_on(cloud, VIN)
    query = "timestamps=2010-01-01T00:00:00Z/2011-01-01T00:00:00Z"
    expect_damaged(fleet(api, "trips", query))
    cloud.deriver.rebuild(VIN)
    assert fleet(api, "trips", query).status_code == 404


def test_a_record_that_may_be_of_it_is_not_said_not_to_be(cloud: Cloud, api: Api) -> None:
    alerts = {each["vin"]: each["id"] for each in fleet(api, "alerts").json()["_embedded"]["alerts"]}
    damage(cloud, NEVER_READ)
    goes_on(cloud, VIN)

    def ask(alert: str) -> httpx.Response:
        return api.request("/fleets/{fid}/alerts/{aid}", fleet=FLEET.id, record=alert)

    expect_damaged(ask(alerts[VIN]))
    expect_damaged(ask("unknown"))
    assert ask(alerts[OTHER_VIN]).status_code == 200
    cloud.deriver.rebuild(VIN)
    assert (ask(alerts[VIN]).status_code, ask("unknown").status_code) == (200, 404)


def test_it_is_listed_with_its_fleet_also_where_an_end_user_s_view_leaves_it_out(cloud: Cloud, api: Api) -> None:
    damage(cloud, NEVER_READ)
    goes_on(cloud, VIN)
    assert set(vins_of(fleet(api, "trips", "profile=endUser"), "trips")) == {OTHER_VIN, THIRD_VIN}
    response = fleet(api, "vehicles")
    assert (vins_of(response, "vehicles"), response.headers.get(LEFT_OUT)) == (list(VINS), None)
    assert own(api, "").status_code == 200


def test_rebuilt_it_is_told_of_again_as_before(cloud: Cloud, api: Api) -> None:
    before = {name: fleet(api, name) for name in COLLECTIONS}
    for name in COLLECTIONS:
        damage(cloud, READ[name])
        assert VIN not in vins_of(fleet(api, name), name)
    assert cloud.damage.all_set_aside() == {VIN: cloud.now_ms}
    cloud.deriver.rebuild(VIN)
    assert cloud.damage.all_set_aside() == {}
    for name in COLLECTIONS:
        response = fleet(api, name)
        assert (response.content, response.headers.get(LEFT_OUT)) == (before[name].content, None)


def test_more_damage_than_can_be_named_is_counted(cloud: Cloud, api: Api) -> None:
    for number in range(25):
        vin = f"VF3TESTCAR00001{number:02}"
        cloud.registry.add_vehicle(Vehicle(f"v{number:02}", vin, MODEL, "Canlift", "Thermic", 1, 1), [FLEET.id])
        cloud.damage.set_aside(vin, 1, reading=True)
    response = fleet(api, "status")
    assert len(vins_of(response, "status")) == 3
    assert (response.headers[LEFT_OUT_TOTAL], len(response.headers[LEFT_OUT].split(", "))) == ("25", 20)


def test_an_answer_that_the_caller_has_already_still_says_what_is_left_out(cloud: Cloud, api: Api) -> None:
    damage(cloud, READ["status"])
    tag = fleet(api, "status").headers["ETag"]
    response = fleet(api, "status", headers={"If-None-Match": tag})
    assert (response.status_code, response.headers[LEFT_OUT]) == (304, IDS[VIN])
