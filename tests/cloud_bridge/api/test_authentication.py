from __future__ import annotations

import pytest

from cloud_bridge.access.secrets import BusyError
from cloud_bridge.api.links import BASE
from cloud_bridge.store.port.errors import StoreError
from tests.cloud_bridge.api.world import FLEET, READABLE, SECRET, VAN, Api, basic
from tests.published import Published

PATHS = READABLE


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_readable_without_credentials(steady: Api, path: str) -> None:
    response = steady.request(path, headers={})
    assert (response.status_code, response.json()["code"]) == (401, 40100)
    assert response.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_readable_without_a_client_id(steady: Api, path: str) -> None:
    concrete = path.replace("{fid}", FLEET).replace("{vid}", VAN.id).replace("{tid}", "t1")
    response = steady.send("GET", BASE + concrete, basic())
    steady.check(path, "GET", response)
    assert (response.status_code, response.json()["code"]) == (401, 40100)


@pytest.mark.parametrize(
    "headers",
    [
        basic(secret="open sesam"),
        basic(user="partne"),
        basic(user=""),
        basic(user="pärtner"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic cGFydG5lcg=="},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer abc"},
        {"Authorization": ""},
    ],
)
def test_wrong_credentials_are_refused(steady: Api, headers: dict[str, str]) -> None:
    response = steady.request("/fleets", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, 40101)
    assert "www-authenticate" in response.headers


@pytest.mark.parametrize("query", ["client_id=app9", "client_id=nobody", "client_id=app1&client_id=app1", "client_id="])
def test_the_credentials_of_one_client_do_not_open_another(steady: Api, query: str) -> None:
    response = steady.send("GET", f"{BASE}/fleets?{query}", basic())
    assert response.status_code == 401


def test_the_answer_does_not_tell_an_unknown_client_from_a_wrong_secret(steady: Api) -> None:
    unknown = steady.send("GET", f"{BASE}/fleets?client_id=nobody", basic()).json()
    wrong = steady.send("GET", f"{BASE}/fleets?client_id=app1", basic(secret="no")).json()
    assert unknown["message"] == wrong["message"]


def test_a_wrong_user_costs_what_a_wrong_secret_does(published: Published) -> None:
    asked: list[str] = []

    def verify(secret: str, _: str) -> bool:
        asked.append(secret)
        return True

    api = Api(published, verify=verify)
    assert api.request("/fleets", headers=basic(user="partne", secret="guess")).status_code == 401
    assert asked == ["guess"]


def test_whoever_comes_while_too_many_are_checked_is_told_to_try_again(published: Published) -> None:
    def verify(_: str, __: str) -> bool:
        raise BusyError

    response = Api(published, verify=verify).request("/fleets")
    assert (response.status_code, response.json()["code"]) == (429, 42900)
    assert response.headers["retry-after"] == "1"


def test_the_scheme_is_not_case_sensitive(steady: Api) -> None:
    headers = {"Authorization": basic()["Authorization"].replace("Basic", "bAsIc")}
    assert steady.request("/fleets", headers=headers).status_code == 200


def test_a_secret_may_hold_colons(api: Api) -> None:
    client = api.reader.clients["app1"]
    api.reader.clients["app1"] = type(client)("app1", "partner", "a:b:c"[::-1], client.fleets)
    assert api.request("/fleets", headers=basic(secret="a:b:c")).status_code == 200


def test_another_client_sees_its_own_fleets_only(steady: Api) -> None:
    response = steady.send("GET", f"{BASE}/fleets?client_id=app9", basic(user="other"))
    assert [fleet["id"] for fleet in response.json()["_embedded"]["fleets"]] == ["f9"]
    assert steady.send("GET", f"{BASE}/fleets/{FLEET}?client_id=app9", basic(user="other")).status_code == 403


def test_a_page_token_is_no_credential(steady: Api) -> None:
    href = steady.get("/fleets", {"pageSize": "1"})["_links"]["next"]["href"]
    assert steady.send("GET", href).status_code == 401
    vehicles = steady.get("/fleets/{fid}/vehicles", {"pageSize": "1"})["_links"]["next"]["href"]
    assert steady.send("GET", f"{vehicles}&client_id=app9", basic(user="other")).status_code == 403


def test_a_page_token_of_another_client_is_refused_where_both_have_the_right(api: Api) -> None:
    api.reader.clients["app2"] = type(api.reader.clients["app1"])("app2", "second", SECRET[::-1], (FLEET,))
    href = api.get("/fleets/{fid}/vehicles", {"pageSize": "1"})["_links"]["next"]["href"]
    assert api.send("GET", f"{href}&client_id=app1", basic()).status_code == 200
    response = api.send("GET", f"{href}&client_id=app2", basic(user="second"))
    api.check("/fleets/{fid}/vehicles", "GET", response)
    assert (response.status_code, response.json()["code"]) == (400, 40002)


def test_health_and_the_description_are_public_and_say_nothing_of_any_vehicle(steady: Api) -> None:
    for path in ("/health", f"{BASE}/openapi.json", f"{BASE}/docs"):
        response = steady.send("GET", path)
        assert response.status_code == 200
        assert VAN.vin not in response.text


def test_health_shows_how_often_a_defect_showed_by_the_part_that_it_is_in_and_not_with_whom(
    steady: Api, caplog: pytest.LogCaptureFixture
) -> None:
    assert steady.send("GET", "/health").text == "ok\n"
    for part in ("watch lists", "notifications", "watch lists"):
        with steady.faults.sparing(part, f"vehicle {VAN.vin}"):
            raise ZeroDivisionError
    with pytest.raises(StoreError), steady.faults.sparing("watch lists", "all"):
        raise StoreError("the disk is full")
    assert steady.send("GET", "/health").text == "ok\nfaults of notifications: 1\nfaults of watch lists: 2\n"
    assert caplog.text.count(f"what is of vehicle {VAN.vin} is left out") == 3


def test_health_shows_what_somebody_has_to_see_to_and_is_there_when_the_database_is_not(api: Api) -> None:
    api.troubles = lambda: {"monitors that failed": 2, "vehicles set aside for damage": 0}
    assert api.send("GET", "/health").text == "ok\nmonitors that failed: 2\n"

    def fail() -> dict[str, int]:
        raise StoreError("disk I/O error")

    api.troubles = fail
    response = api.send("GET", "/health")
    assert (response.status_code, response.text) == (200, "ok\nthe database cannot be read\n")
