from __future__ import annotations

from cloud_bridge.store.port.registry import Client, Fleet
from tests.cloud_bridge.api.world import EMPTY_FLEET, FLEET, MORNING, OTHER_FLEET, ROOT, Api


def test_only_the_fleets_of_the_client_are_listed(api: Api) -> None:
    body = api.get("/fleets")
    assert [fleet["id"] for fleet in body["_embedded"]["fleets"]] == [FLEET, EMPTY_FLEET]
    assert (body["total"], body["totalPage"], body["currentPage"]) == (2, 1, 1)


def test_a_fleet_says_its_name_and_leads_to_its_vehicles(api: Api) -> None:
    body = api.get("/fleets/{fid}")
    assert (body["name"], body["description"]) == ("Paris depot", "Light vans")
    assert body["createdAt"] == "2024-03-05T06:59:50Z"
    assert body["_links"]["self"]["href"] == f"{ROOT}/fleets/{FLEET}"
    vehicles = api.follow("/fleets/{fid}/vehicles", body["_links"]["vehicles"]["href"])
    assert vehicles["total"] == 3


def test_milliseconds_are_written_only_where_they_are_not_zero(api: Api) -> None:
    assert api.get("/fleets/{fid}", fleet=EMPTY_FLEET)["updatedAt"] == "2024-03-05T07:00:00.250Z"
    assert api.get("/fleets/{fid}", fleet=EMPTY_FLEET)["createdAt"] == "2024-03-05T07:00:00Z"


def test_a_client_without_fleets_gets_an_empty_list_not_an_error(api: Api) -> None:
    api.reader.clients["app1"] = Client("app1", "partner", api.reader.clients["app1"].secret_hash, ())
    body = api.get("/fleets")
    assert body["total"] == 0
    assert body["_embedded"]["fleets"] == []
    assert set(body["_links"]) >= {"self", "first"}


def test_a_fleet_of_somebody_else_is_refused_like_one_that_does_not_exist(api: Api) -> None:
    theirs = api.request("/fleets/{fid}", fleet=OTHER_FLEET)
    nobodys = api.request("/fleets/{fid}", fleet="nosuchfleet")
    assert theirs.status_code == nobodys.status_code == 403
    assert theirs.json()["message"].replace(OTHER_FLEET, "") == nobodys.json()["message"].replace("nosuchfleet", "")


def test_a_fleet_that_was_deleted_is_not_found(api: Api) -> None:
    del api.reader.all_fleets[FLEET]
    assert api.request("/fleets/{fid}").status_code == 404


def test_fleets_are_paged(api: Api) -> None:
    ids = [f"fleet-{number:02}" for number in range(7)]
    for fleet in ids:
        api.reader.all_fleets[fleet] = Fleet(fleet, fleet, "", MORNING, MORNING)
    api.reader.clients["app1"] = Client("app1", "partner", api.reader.clients["app1"].secret_hash, tuple(ids))
    page, seen = api.get("/fleets", {"pageSize": "3"}), []
    while True:
        seen += [fleet["id"] for fleet in page["_embedded"]["fleets"]]
        if "next" not in page["_links"]:
            break
        page = api.follow("/fleets", page["_links"]["next"]["href"])
    assert seen == ids
    assert (page["currentPage"], page["totalPage"], page["total"]) == (3, 3, 7)
