"""Bodies as published for monitors and remote control, and what clients have added to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from cloud_bridge.notify.request import Request, request
from cloud_bridge.notify.sender import Sender
from cloud_bridge.shapes.webhooks import Attribute
from cloud_bridge.store.port.outbox import Notification
from tests.cloud_bridge.notify.waiting import FLEET, notification
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN
from tests.published import Published

MONITOR = Sender("m1", "monitorId", FLEET, "https://partner.example.com/hook?there=1")
CALLBACK = replace(MONITOR, id="c1", key="callbackId")
KEYS = [bytes(32)]


def with_attributes(sender: Sender, *attributes: tuple[Literal["Header", "Body", "Query"], str, str]) -> Sender:
    return replace(sender, attributes=tuple(Attribute(*one) for one in attributes))


def made(sender: Sender, *notifications: Notification) -> Request:
    return request(sender, notifications or [notification(1)], "id", KEYS, 1_700_000_000)


def document(sender: Sender, *notifications: Notification) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made(sender, *notifications).body)
    return found


def remote_event(shared: Path) -> bytes:
    example = json.loads((shared / "reference" / "examples" / "remote-webhook-b2b.json").read_text())
    return json.dumps(example["events"][0]).encode()


@pytest.fixture
def published(shared: Path) -> Published:
    return Published(shared, "connectedcar-b2b-webhook-v3")


@pytest.mark.parametrize("number", [1, 3])
def test_what_monitors_tell_is_as_published(published: Published, number: int) -> None:
    sender = with_attributes(MONITOR, ("Body", "monitor", "$monitorID"), ("Header", "X-Fleet", "$fleetID"))
    notifications = [notification(one) for one in range(number)]
    found = document(sender, *notifications)
    published.assert_valid({"$ref": "#/components/schemas/MonitorEvents"}, found, "what a monitor tells")
    assert (found["monitorId"], len(found["events"])) == ("m1", number)
    assert found["attributes"] == [{"key": "monitor", "value": "m1"}]
    assert found["events"] == [json.loads(one.body) for one in notifications]


def test_what_remote_control_tells_is_as_published(published: Published, shared: Path) -> None:
    one = replace(notification(1), body=remote_event(shared), variables={"remoteType": "Doors"})
    sender = with_attributes(CALLBACK, ("Body", "what", "$remoteType"), ("Body", "of", "$callbackID"))
    found = document(sender, one)
    published.assert_valid({"$ref": "#/components/schemas/RemoteEvents"}, found, "what a remote action tells")
    assert found["callbackId"] == "c1"
    assert [each["value"] for each in found["attributes"]] == ["Doors", "c1"]


def test_without_attributes_their_list_is_empty_as_in_the_published_example() -> None:
    assert document(MONITOR)["attributes"] == []


def test_variables_stand_for_what_the_notification_is_about() -> None:
    names = {"$vin": VIN, "$monitorID": "m1", "$fleetID": FLEET, "$vid": "v1", "literal": "literal", "a$vin": "a$vin"}
    sender = with_attributes(MONITOR, *[("Body", name, name) for name in names])
    assert {one["key"]: one["value"] for one in document(sender)["attributes"]} == names
    assert document(sender, notification(1, vin=OTHER_VIN))["attributes"][0]["value"] == OTHER_VIN


def test_headers_and_query_are_added_as_registered() -> None:
    sender = with_attributes(
        MONITOR,
        ("Header", "Authorization", "Basic c2FtcGxl"),
        ("Header", "X-vehicle-id", "$vin"),
        ("Query", "vehicle", "$vin"),
        ("Query", "q", "a&b=c d/ü"),
    )
    found = made(sender)
    headers = dict(found.headers)
    assert (headers["Authorization"], headers["X-vehicle-id"]) == ("Basic c2FtcGxl", VIN)
    assert headers["Content-Type"] == "application/json"
    url = urlsplit(found.url)
    assert parse_qsl(url.query) == [("there", "1"), ("vehicle", VIN), ("q", "a&b=c d/ü")]
    assert found.url.isascii()
    assert (url.netloc, url.path) == ("partner.example.com", "/hook")


def test_who_posts_may_be_said_otherwise() -> None:
    assert dict(made(MONITOR).headers)["User-Agent"].startswith("canlift/")
    found = made(with_attributes(MONITOR, ("Header", "user-agent", "fleet tool")))
    assert [value for key, value in found.headers if key.lower() == "user-agent"] == ["fleet tool"]


def test_it_is_signed_with_the_id_of_the_call() -> None:
    headers = dict(made(MONITOR).headers)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("id", "1700000000")
    assert headers["webhook-signature"].startswith("v1,")
