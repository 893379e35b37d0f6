"""Remote callbacks through the API: registered, read, replaced, paused and deleted, as published."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from cloud_bridge.actions.life import REMOTE_TYPES
from tests.cloud_bridge.actions.bodies import CALLBACK, LOCK, Body, callback, with_webhook
from tests.cloud_bridge.api.world import (
    EMPTY_FLEET,
    FLEET,
    MOST_CALLBACKS,
    OTHER_FLEET,
    ROOT,
    VEHICLE_PATH,
    Api,
    basic,
)

CALLBACKS = "/fleets/{fid}/remote/callbacks"
ONE = f"{CALLBACKS}/{{cbid}}"
STATUS = f"{ONE}/status"
REMOTES = f"{VEHICLE_PATH}/callbacks/{{cbid}}/remotes"


def make(api: Api, asked: Body = CALLBACK) -> str:
    response = api.request(CALLBACKS, method="POST", body=asked)
    assert response.status_code == 200, response.text
    made: str = response.json()["callbackId"]
    return made


def test_a_callback_is_registered_and_read_as_it_was_given(api: Api, shared: Path) -> None:
    sample = (shared / "reference" / "examples" / "remote-callback-create-request.json").read_bytes()
    response = api.request(CALLBACKS, method="POST", body=sample)
    made = response.json()
    address = f"{ROOT}/fleets/{FLEET}/remote/callbacks/{made['callbackId']}"
    fleet = {"href": f"{ROOT}/fleets/{FLEET}"}
    assert response.status_code == 200
    assert made == {
        "_links": {"fleet": fleet, "callback": {"href": address}},
        "callbackId": made["callbackId"],
        "status": "Running",
    }
    remotes = f"{ROOT}/fleets/{FLEET}/vehicles/{{vid}}/callbacks/{made['callbackId']}/remotes"
    read = api.follow(ONE, address)
    assert read == {
        "_links": {"self": {"href": address}, "fleet": fleet, "remotes": {"href": remotes, "templated": True}},
        "id": made["callbackId"],
        "subscribe": msgspec.json.decode(sample),
        "status": "Running",
    }


def test_callbacks_are_listed_by_type_and_page_by_page(api: Api) -> None:
    assert api.get(CALLBACKS, fleet=EMPTY_FLEET)["_embedded"] == {"callbacks": []}
    doors = make(api, callback(remoteTypes=["Doors", "Horn"]))
    lights = make(api, callback(remoteTypes=["Lights"]))

    def found(*types: str) -> set[str]:
        page = api.get(CALLBACKS, [("types", type_) for type_ in types])
        assert page["total"] == len(page["_embedded"]["callbacks"])
        return {each["id"] for each in page["_embedded"]["callbacks"]}

    assert found() == {"cb1", doors, lights}
    assert found("Horn") == {"cb1", doors}
    assert found("Horn", "Lights") == {"cb1", doors, lights}
    assert found("Navigation") == {"cb1"}
    assert api.request(CALLBACKS, {"types": "State"}).status_code == 400
    page = api.get(CALLBACKS, {"pageSize": "2", "types": "Lights"})
    assert (page["total"], page["totalPage"]) == (2, 1)
    page = api.get(CALLBACKS, {"pageSize": "2"})
    rest = api.follow(CALLBACKS, page["_links"]["next"]["href"])
    assert page["_embedded"]["callbacks"][0]["id"] == "cb1"
    assert (page["total"], len(rest["_embedded"]["callbacks"])) == (3, 1)


def test_a_callback_is_replaced_as_a_whole_and_stays_paused(api: Api) -> None:
    assert api.request(STATUS, method="PUT", body={"status": "Paused"}).json()["status"] == "Paused"
    response = api.request(ONE, method="PUT", body=callback(remoteTypes=["Horn"], label="horns"))
    assert (response.status_code, response.json()["status"]) == (202, "Paused")
    assert api.get(ONE)["subscribe"] == callback(remoteTypes=["Horn"], label="horns")
    assert api.request(ONE, method="PUT", body=CALLBACK).status_code == 202
    assert api.get(ONE)["subscribe"] == CALLBACK
    response = api.request(STATUS, method="PUT", body={"status": "Running"})
    assert (response.status_code, response.json()["status"]) == (202, "Running")
    assert api.changed == ["cb1"] * 4  # Who delivers looks at it at once.


@pytest.mark.parametrize(
    "asked", [{}, {"status": "Failed"}, {"status": None}, {"status": "Paused", "x": 1}, [], "Paused"]
)
def test_no_other_status_can_be_asked_for(api: Api, asked: object) -> None:
    assert api.request(STATUS, method="PUT", body=asked).json()["code"] == 40003


def test_a_callback_goes_with_its_actions_but_not_while_one_is_not_done(api: Api) -> None:
    action = api.request(REMOTES, method="POST", body=LOCK).json()["remoteActionId"]
    response = api.request(ONE, method="DELETE")
    assert (response.status_code, response.json()["code"]) == (409, 40901)
    api.actions.all.pop(action)
    response = api.request(ONE, method="DELETE")
    assert (response.status_code, response.content) == (204, b"")
    assert api.request(ONE).status_code == 404
    assert api.request(ONE, method="DELETE").json()["code"] == 40400
    assert api.request(REMOTES).status_code == 404
    assert api.actions.all == {}


@pytest.mark.parametrize(("method", "path"), [("GET", ONE), ("PUT", ONE), ("DELETE", ONE), ("PUT", STATUS)])
def test_a_callback_of_another_fleet_is_not_there(api: Api, method: str, path: str) -> None:
    body = {"status": "Paused"} if path == STATUS else CALLBACK if method == "PUT" else None
    assert api.request(path, method=method, body=body, fleet=EMPTY_FLEET).json()["code"] == 40400
    assert api.request(path, method=method, body=body, fleet=OTHER_FLEET).json()["code"] == 40300
    assert api.request(path, method=method, body=body, callback="0123").json()["code"] == 40400


def test_a_fleet_has_only_so_many_callbacks(api: Api) -> None:
    for _ in range(MOST_CALLBACKS - 1):
        make(api)
    response = api.request(CALLBACKS, method="POST", body=CALLBACK)
    assert (response.status_code, response.json()["code"]) == (409, 40900)
    assert f"has {MOST_CALLBACKS} callbacks" in response.json()["message"]


WRONG: list[tuple[object, str]] = [
    (None, ""),
    ([CALLBACK], ""),
    ({"remoteTypes": ["Doors"]}, ""),
    ({"callback": CALLBACK["callback"]}, ""),
    (callback(notificationTypes=["Doors"]), ""),
    (callback(remoteTypes=[]), "remoteTypes"),
    (callback(remoteTypes="Doors"), "remoteTypes"),
    (callback(remoteTypes=["VehicleState"]), "remoteTypes[0]"),
    (callback(remoteTypes=["Doors", "Horn", "Doors"]), "remoteTypes[2]"),
    (callback(remoteTypes=[*REMOTE_TYPES, "Doors"]), "remoteTypes"),
    (callback(label="x" * 257), "label"),
    (callback(retryPolicy={}), "retryPolicy"),
    (callback(retryPolicy={"policy": "Always"}), "retryPolicy.policy"),
    (callback(retryPolicy={"policy": "Bounded", "retryNumber": 0}), "retryPolicy.retryNumber"),
    (callback(retryPolicy={"policy": "Bounded", "retryDelay": 0}), "retryPolicy.retryDelay"),
    (callback(batchNotify={"timeWindow": 60}), "batchNotify"),
    (callback(batchNotify={"size": 0}), "batchNotify.size"),
    (callback(batchNotify={"size": 1, "timeWindow": 4}), "batchNotify.timeWindow"),
    (callback(callback={}), "callback"),
    (callback(callback={"target": "https://a.example"}), "callback"),
    (with_webhook(target="http://partner.example.com"), "callback.webhook.target"),
    (with_webhook(target="https://user:secret@a.example"), "callback.webhook.target"),
    (with_webhook(attributes=[{"type": "Cookie", "key": "a", "value": "b"}]), "callback.webhook.attributes[0].type"),
    (with_webhook(attributes=[{"type": "Body", "key": "a", "value": "$vid"}]), "callback.webhook.attributes[0].value"),
    (with_webhook(attributes=[{"type": "Header", "key": "Host", "value": "b"}]), "callback.webhook.attributes[0].key"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_what_is_wrong_is_refused_with_its_field(api: Api, body: object, field: str) -> None:
    for method, path in (("POST", CALLBACKS), ("PUT", ONE)):
        response = api.request(path, method=method, body=body)
        assert (response.status_code, response.json()["code"]) == (400, 40003)
        assert response.json()["message"].startswith(f"The body: `{field}`: " if field else "The body: ")
    assert api.get(ONE)["subscribe"] == CALLBACK


def test_every_variable_may_be_referred_to(api: Api) -> None:
    names = ("$vin", "$callbackID", "$remoteType", "$fleetID")
    attributes = [{"type": "Query", "key": name[1:], "value": name} for name in names]
    assert api.request(ONE, method="PUT", body=with_webhook(attributes=attributes)).status_code == 202


def test_secrets_of_partners_are_not_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    header = {"type": "Header", "key": "Authorization", "value": "Basic c2VzYW1l"}
    make(api, with_webhook(attributes=[header]))
    api.request(CALLBACKS, method="POST", body=with_webhook(target="https://u:c2VzYW1l@a.example"))
    api.request(CALLBACKS, method="POST", body=with_webhook(attributes=[{**header, "key": "Host"}]))
    assert "c2VzYW1l" not in caplog.text


def test_who_may_not_see_the_fleet_cannot_tell_it_from_none(api: Api) -> None:
    theirs = api.request(CALLBACKS, fleet=OTHER_FLEET)
    nobodys = api.request(CALLBACKS, fleet="nobodys")
    assert (theirs.status_code, nobodys.status_code) == (403, 403)
    assert api.request(CALLBACKS, headers={}).status_code == 401
    assert api.request(CALLBACKS, method="PATCH", headers=basic()).headers["allow"] == "GET, HEAD, POST, OPTIONS"
