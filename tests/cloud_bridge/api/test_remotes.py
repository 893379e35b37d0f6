"""Remote actions through the API: asked for and read, as published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from cloud_bridge.actions.life import Answer, Known, Phase, Rules, answered
from cloud_bridge.remote.telling import notifications
from cloud_bridge.store.port.remote import Move
from tests.cloud_bridge.actions.bodies import LOCK, Body, callback
from tests.cloud_bridge.api.world import CAR, EMPTY_FLEET, FLEET, NOW, ROOT, STRANGER, VAN, VEHICLE_PATH, Api
from tests.published import Published

REMOTES = f"{VEHICLE_PATH}/callbacks/{{cbid}}/remotes"
REMOTE = f"{REMOTES}/{{rid}}"
NOW_MS = int(NOW.timestamp() * 1000)
HORN: Body = {"horn": {"state": "Activated"}}


def ask(api: Api, body: Body = LOCK, vehicle: str = VAN.id) -> str:
    response = api.request(REMOTES, method="POST", body=body, vehicle=vehicle)
    assert response.status_code == 202, response.text
    made: str = response.json()["remoteActionId"]
    return made


def read(api: Api, action: str, vehicle: str = VAN.id) -> Any:
    response = api.request(REMOTE, action=action, vehicle=vehicle)
    assert response.status_code == 200, response.text
    return response.json()


def test_an_action_is_asked_for_and_read(api: Api, shared: Path) -> None:
    sample = (shared / "reference" / "examples" / "remote-create-request.json").read_bytes()
    api.actions.heard_at_ms[VAN.vin] = NOW_MS - 1000
    response = api.request(REMOTES, method="POST", body=sample)
    action = response.json()["remoteActionId"]
    address = f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}/callbacks/cb1/remotes/{action}"
    links = {
        "fleet": {"href": f"{ROOT}/fleets/{FLEET}"},
        "callback": {"href": f"{ROOT}/fleets/{FLEET}/remote/callbacks/cb1"},
    }
    assert response.status_code == 202
    assert response.json() == {
        "_links": {**links, "remote": {"href": address}},
        "remoteActionId": action,
        "type": "Doors",
    }
    assert api.follow(REMOTE, address) == {
        "_links": {"self": {"href": address}, **links},
        "remoteActionId": action,
        "type": "Doors",
        "status": "Accepted",
        "remote": msgspec.json.decode(sample),
    }


def test_an_action_says_how_far_it_is_and_why_it_failed(api: Api) -> None:
    action = ask(api)
    assert read(api, action)["status"] == "WakingUpVehicle"

    def fails(current: Any, _known: Known) -> Move:
        step = answered(current.life, Answer("Failed", "DoorsOpen"), NOW_MS)
        return Move(step.life, step.events, (), NOW_MS)

    api.actions.advance(action, Known(), fails, NOW_MS)
    shown = read(api, action)
    assert (shown["status"], shown["failureCause"]) == ("Failed", "DoorsOpen")


def test_a_destination_that_was_not_sent_yet_has_no_status(api: Api) -> None:
    body: Body = {"navigation": {"positions": [{"type": "Point", "coordinates": [2.35, 48.86]}]}}
    assert "status" not in read(api, ask(api, body))


def test_actions_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    assert api.get(REMOTES, vehicle=CAR.id)["_embedded"] == {"remoteActions": []}
    doors, horn = ask(api), ask(api, HORN)
    page = api.get(REMOTES, {"pageSize": "2"})
    assert (page["total"], page["totalPage"]) == (3, 2)
    rest = api.follow(REMOTES, page["_links"]["next"]["href"])
    found = page["_embedded"]["remoteActions"] + rest["_embedded"]["remoteActions"]
    assert {each["remoteActionId"] for each in found[:2]} == {doors, horn}
    assert found[2] == read(api, "ac1")
    part = api.get(REMOTES, {"indexRange": "2-"})
    assert [each["remoteActionId"] for each in part["_embedded"]["remoteActions"]] == ["ac1"]


def test_the_events_are_as_the_webhook_specification_has_them(api: Api, shared: Path) -> None:
    webhooks = Published(shared, "connectedcar-b2b-webhook-v3")
    action = api.actions.all[ask(api)]
    told = [notification.body for notification in api.actions.told]
    step = answered(action.life, Answer("Failed", "VehicleError"), NOW_MS)
    told += [one.body for one in notifications(action, step.events, NOW_MS)]
    body: Body = {"callbackId": "cb1", "attributes": [], "events": [msgspec.json.decode(one) for one in told]}
    webhooks.assert_valid({"$ref": "#/components/schemas/RemoteEvents"}, body, "what is told")
    assert [event["eventStatus"] for event in body["events"]] == [
        {"type": "Pending", "status": "Accepted"},
        {"type": "Pending", "status": "WakingUpVehicle"},
        {"type": "Pending", "status": "SentToVehicle"},
        {"type": "Done", "status": "Failed", "failureCause": "VehicleError"},
    ]
    assert {event["vin"] for event in body["events"]} == {VAN.vin}
    assert body["events"][0]["eventDate"] == "2024-03-05T20:00:00Z"
    ids = [notification.id for notification in api.actions.told]
    assert len(set(ids)) == len(ids)


def test_only_what_the_callback_is_registered_for_can_be_asked(api: Api) -> None:
    path = "/fleets/{fid}/remote/callbacks/{cbid}"
    api.request(path, method="PUT", body=callback(remoteTypes=["Horn"]))
    response = api.request(REMOTES, method="POST", body=LOCK)
    assert (response.status_code, response.json()["code"]) == (400, 40003)
    assert "callback 'cb1' has no `Doors` in its `remoteTypes`" in response.json()["message"]
    ask(api, HORN)


def test_what_the_model_cannot_do_is_accepted_and_told_to_have_failed(api: Api) -> None:
    shown = read(api, ask(api, vehicle=CAR.id), vehicle=CAR.id)
    assert (shown["status"], shown["failureCause"]) == ("Failed", "WrongCommand")


def test_who_may_not_ask_for_it_reads_that_and_the_vehicle_is_not_asked(api: Api) -> None:
    api.actions.heard_at_ms[VAN.vin] = NOW_MS - 1000
    client = api.reader.clients["app1"]
    api.reader.clients["app1"] = replace(client, remotes=("Horn",))
    told = read(api, ask(api))
    assert (told["status"], told["failureCause"]) == ("Failed", "MissingRights")
    assert read(api, ask(api, HORN))["status"] == "Accepted"
    api.reader.clients["app1"] = replace(client, remotes=())
    told = read(api, ask(api, {"stolen": {"stolen": True}}))
    assert (told["status"], told["failureCause"]) == ("Failed", "MissingRights")


def test_one_of_a_kind_at_a_time(api: Api) -> None:
    first = ask(api)
    shown = read(api, ask(api, {"door": {"state": "Unlocked"}}))
    assert (shown["status"], shown["failureCause"]) == ("Failed", "SameActionInProgress")
    assert api.actions.all[first].life.phase is not Phase.DONE


def test_wrong_bodies_leave_nothing(api: Api) -> None:
    before = dict(api.actions.all)
    bodies: list[object] = [{}, {**LOCK, **HORN}, {"door": {"state": "Shut"}}, [], None]
    for body in bodies:
        assert api.request(REMOTES, method="POST", body=body).json()["code"] == 40003
    assert api.request(REMOTES, method="POST", body=b"{").json()["code"] == 40003
    assert api.actions.all == before


@pytest.mark.parametrize(("method", "path"), [("POST", REMOTES), ("GET", REMOTES), ("GET", REMOTE)])
def test_vehicles_and_callbacks_that_are_not_there(api: Api, method: str, path: str) -> None:
    body = LOCK if method == "POST" else None
    assert api.request(path, method=method, body=body, vehicle=STRANGER.id).json()["code"] == 40300
    assert api.request(path, method=method, body=body, fleet=EMPTY_FLEET).status_code in (403, 404)
    assert api.request(path, method=method, body=body, callback="0123").json()["code"] == 40400
    if path == REMOTE:
        assert api.request(path, action="0123").json()["code"] == 40400
        assert api.request(path, action=ask(api), vehicle=CAR.id).json()["code"] == 40400


def test_the_longest_life_is_bounded_by_the_settings() -> None:
    assert Rules(reach_ms=1000, answer_ms=2000).longest_ms == 2 * 1000 + 5000 + 2 * 2000
