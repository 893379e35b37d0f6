"""Monitors through the API: made, read, replaced, paused and deleted, as published."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloud_bridge.settings import Monitors as Monitoring
from cloud_bridge.store.port.monitors import Monitor
from tests.cloud_bridge.api.memory import MemoryMonitors
from tests.cloud_bridge.api.world import EMPTY_FLEET, FLEET, MORNING, NOW, OTHER_FLEET, ROOT, Api, basic
from tests.cloud_bridge.monitors.bodies import Body, body, data, time, zone
from tests.published import Published

MONITORS = "/fleets/{fid}/monitors"
MONITOR = f"{MONITORS}/{{mid}}"
STATUS = f"{MONITOR}/status"
PAUSED = {"status": "Paused"}
LOW = body(data("low1", "vehicle.energy.electric.level", "lowerThan", "50"))
FAST = body(data("fast1", "vehicle.kinetic.speed", "greaterThan", "130"), condition="!fast1")
NOW_MS = int(NOW.timestamp() * 1000)


def make(api: Api, asked: Body = LOW) -> str:
    response = api.request(MONITORS, method="POST", body=asked)
    assert response.status_code == 202, response.text
    made: str = response.json()["monitorId"]
    return made


def kept(api: Api, monitor_id: str) -> Monitor:
    found = api.monitors.monitor(FLEET, monitor_id)
    assert found is not None
    return found


def read(api: Api, monitor_id: str) -> Any:
    response = api.request(MONITOR, monitor=monitor_id)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_monitor_is_made_and_runs_and_is_read_as_it_was_given(api: Api, shared: Path) -> None:
    sample = (shared / "reference" / "examples" / "monitor-create-request.json").read_bytes()
    response = api.request(MONITORS, method="POST", body=sample)
    made = response.json()
    monitor_id = made["monitorId"]
    address = f"{ROOT}/fleets/{FLEET}/monitors/{monitor_id}"
    fleet = {"href": f"{ROOT}/fleets/{FLEET}"}
    told = {"status": "Running", "createdAt": "2024-03-05T20:00:00Z", "updatedAt": "2024-03-05T20:00:00Z"}
    assert response.status_code == 202
    assert made == {"_links": {"fleet": fleet, "monitor": {"href": address}}, "monitorId": monitor_id, **told}
    assert read(api, monitor_id) == {
        "_links": {"self": {"href": address}, "fleet": fleet},
        "monitorId": monitor_id,
        "monitor": msgspec.json.decode(sample),
        **told,
    }
    assert api.follow(MONITOR, address) == read(api, monitor_id)
    assert kept(api, monitor_id).running == ((NOW_MS, None),)


def test_what_only_json_has_is_not_kept(api: Api) -> None:
    spread = msgspec.json.format(msgspec.json.encode(LOW), indent=8)
    assert kept(api, make(api, msgspec.json.decode(spread))).body == kept(api, make(api)).body
    response = api.request(MONITORS, method="POST", body=spread.replace(b'"label": "one"', b'"label": "\\u00e9\\n"'))
    assert read(api, response.json()["monitorId"])["monitor"]["label"] == "é\n"


def test_each_that_is_made_is_another(api: Api) -> None:
    assert len({make(api) for _ in range(5)}) == 5


def test_the_monitors_of_a_fleet_are_listed_page_by_page(api: Api) -> None:
    assert api.get(MONITORS, fleet=EMPTY_FLEET)["_embedded"] == {"monitors": []}
    for _ in range(4):
        make(api)
    page = api.get(MONITORS, {"pageSize": "2"})
    assert (page["total"], page["totalPage"]) == (5, 3)
    found = [each["monitorId"] for each in page["_embedded"]["monitors"]]
    while "next" in page["_links"]:
        page = api.follow(MONITORS, page["_links"]["next"]["href"])
        found += [each["monitorId"] for each in page["_embedded"]["monitors"]]
    assert len(set(found)) == 5
    assert found[0] == "m1"
    part = api.get(MONITORS, {"indexRange": "1-2"})
    assert (part["total"], [each["monitorId"] for each in part["_embedded"]["monitors"]]) == (2, found[1:3])
    assert part["_embedded"]["monitors"][0] == read(api, found[1])


def test_a_monitor_is_replaced_as_a_whole_and_nothing_of_the_old_one_stays(api: Api) -> None:
    assert "extendedEventParam" not in LOW
    before = {**LOW, "extendedEventParam": ["vehicle.position"]}
    assert api.request(MONITOR, method="PUT", body=before).status_code == 202
    response = api.request(MONITOR, method="PUT", body=FAST)
    told = response.json()
    assert (response.status_code, told["monitorId"], told["status"]) == (202, "m1", "Running")
    assert (told["createdAt"], told["updatedAt"]) == ("2024-03-05T07:00:00Z", "2024-03-05T20:00:00Z")
    assert read(api, "m1")["monitor"] == FAST
    assert (kept(api, "m1").version, kept(api, "m1").running) == (3, ((NOW_MS, None),))


def test_a_monitor_is_paused_and_runs_again(api: Api) -> None:
    response = api.request(STATUS, method="PUT", body=PAUSED)
    assert (response.status_code, response.json()["status"]) == (202, "Paused")
    assert read(api, "m1")["status"] == "Paused"
    assert kept(api, "m1").running == ((MORNING, NOW_MS),)
    assert api.request(MONITOR, method="PUT", body=FAST).json()["status"] == "Paused"
    assert api.request(STATUS, method="PUT", body={"status": "Running"}).json()["status"] == "Running"
    assert kept(api, "m1").running == ((NOW_MS, None),)
    assert api.changed == ["m1"] * 3  # Who delivers looks at it at once.


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"status": "Failed"},
        {"status": "running"},
        {"status": None},
        {"status": "Paused", "label": "x"},
        [],
        "Paused",
    ],
)
def test_no_other_status_can_be_asked_for(steady: Api, asked: object) -> None:
    response = steady.request(STATUS, method="PUT", body=asked)
    assert (response.status_code, response.json()["code"]) == (400, 40003)
    assert read(steady, "m1")["status"] == "Running"


def test_a_deleted_monitor_is_gone(api: Api) -> None:
    response = api.request(MONITOR, method="DELETE")
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(MONITORS)["total"] == 0
    for method, template, asked in (
        ("GET", MONITOR, None), ("PUT", MONITOR, LOW), ("DELETE", MONITOR, None), ("PUT", STATUS, PAUSED),
    ):  # fmt: skip
        response = api.request(template, method=method, body=asked)
        assert (response.status_code, response.json()["code"]) == (404, 40400)
        assert "m1" in response.json()["message"]


def test_a_monitor_is_its_fleets_and_nobody_elses(api: Api) -> None:
    other = MemoryMonitors()
    other.add(Monitor("m9", OTHER_FLEET, msgspec.json.encode(LOW), "Running", 1, 1, 1, ((1, None),)), 1)
    other.add(Monitor("m8", EMPTY_FLEET, msgspec.json.encode(LOW), "Running", 1, 1, 1, ((1, None),)), 1)
    alone = Api(api.published, monitors=other)
    for method, template, asked in (
        ("GET", MONITOR, None), ("PUT", MONITOR, FAST), ("DELETE", MONITOR, None), ("PUT", STATUS, PAUSED),
    ):  # fmt: skip
        refused = [
            alone.request(template, method=method, body=asked, fleet=fleet, monitor=monitor).status_code
            for fleet, monitor in ((OTHER_FLEET, "m9"), (FLEET, "m9"), (FLEET, "m8"), ("nosuchfleet", "m8"))
        ]
        assert refused == [403, 404, 404, 403]
    assert alone.request(MONITORS, method="POST", body=LOW, fleet=OTHER_FLEET).status_code == 403
    assert alone.request(MONITORS, fleet=OTHER_FLEET).status_code == 403
    for fleet in (OTHER_FLEET, EMPTY_FLEET):
        assert [each.updated_at_ms for each in other.monitors(fleet, 0, 9)[1]] == [1]


WRONG: list[tuple[Body, str]] = [
    ({}, "label"),
    ({**LOW, "label": ""}, "label"),
    ({**LOW, "extendedEventParam": ["environment.air.temp"]}, "extendedEventParam[0]"),
    (body(zone("z1"), zone("z1")), "triggerParam.triggers[1].name"),
    (body({"name": "a1"}), "triggerParam.triggers[0]"),
    (body({**zone("a1"), **data("a1", "vehicle.trip.start", "onChange")}), "triggerParam.triggers[0]"),
    (body(data("a1", "vehicle.trip.start", "equalsTo", "x")), "triggerParam.triggers[0].data.op"),
    (body(time("t1", {"start": "PT25H", "duration": "PT1H"})), "triggerParam.triggers[0].time.times[0].start"),
    (body(zone("z1"), condition="z1 | !z1"), "triggerParam.boolExp"),
    (body(zone("z1"), condition="(z1"), "triggerParam.boolExp"),
    (body(zone("z1"), refreshEvent=59), "subscribeParam.refreshEvent"),
]


@pytest.mark.parametrize(("asked", "field"), WRONG, ids=[field for _, field in WRONG])
def test_a_monitor_that_cannot_be_is_refused_by_its_field_and_changes_nothing(
    api: Api, asked: Body, field: str
) -> None:
    for method, template in (("POST", MONITORS), ("PUT", MONITOR)):
        response = api.request(template, method=method, body=asked)
        assert (response.status_code, response.json()["code"]) == (400, 40003)
        assert field in response.json()["message"]
    assert api.monitors.monitors(FLEET, 0, 10)[0] == 1
    assert kept(api, "m1").version == 1


def test_ten_thousand_parentheses_are_refused_at_once(steady: Api) -> None:
    asked = body(zone("z1"), condition="(" * 10_000 + "z1" + ")" * 10_000)
    response = steady.request(MONITORS, method="POST", body=asked)
    assert (response.status_code, response.json()["code"]) == (400, 40003)
    assert "20002" in response.json()["message"]


def with_target(target: str) -> Body:
    return {**LOW, "subscribeParam": {"callback": {"webhook": {"target": target, "name": "w"}}}}


def test_a_target_is_encrypted_unless_the_settings_allow_another(api: Api) -> None:
    asked = with_target("http://10.0.0.1/monitors")
    response = api.request(MONITORS, method="POST", body=asked)
    assert response.status_code == 400
    assert "subscribeParam.callback.webhook.target" in response.json()["message"]
    lenient = Api(api.published, monitoring=Monitoring(insecure=True))
    assert read(lenient, make(lenient, asked))["monitor"] == asked


def test_a_fleet_has_so_many_monitors_and_is_told_the_limit(api: Api) -> None:
    bounded = Api(api.published, monitoring=Monitoring(most=2))
    second = make(bounded)
    response = bounded.request(MONITORS, method="POST", body=LOW)
    assert (response.status_code, response.json()["code"]) == (409, 40900)
    assert "2 monitors" in response.json()["message"]
    assert bounded.request(MONITORS, method="POST", body={}).status_code == 400
    assert bounded.request(MONITOR, method="PUT", body=FAST).status_code == 202
    assert bounded.request(MONITOR, method="DELETE", monitor=second).status_code == 204
    make(bounded)


def test_secrets_of_attributes_are_told_to_who_may_read_the_monitor_and_not_to_the_log(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = {
        "target": "https://partner.example.com/x?key=topsecret1",
        "name": "w",
        "attributes": [{"type": "Header", "key": "Authorization", "value": "Bearer topsecret2"}],
    }
    asked = {**LOW, "subscribeParam": {"callback": {"webhook": webhook}}}
    worse = {**webhook, "attributes": [{"type": "Header", "key": "A", "value": "topsecret3\n"}]}
    bad = {**worse, "target": "http://topsecret4.example/"}
    with caplog.at_level(logging.DEBUG):
        monitor_id = make(api, asked)
        assert read(api, monitor_id)["monitor"] == asked
        for wrong in (bad, worse):
            asked = {**LOW, "subscribeParam": {"callback": {"webhook": wrong}}}
            response = api.request(MONITORS, method="POST", body=asked)
            assert response.status_code == 400
            assert "topsecret" not in response.text
        assert api.request(MONITOR, method="DELETE", monitor=monitor_id).status_code == 204
    assert "topsecret" not in caplog.text


def test_the_status_of_a_monitor_is_set_only_and_read_with_it(steady: Api) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE"):
        response = steady.request(STATUS, method=method)
        assert (response.status_code, response.headers["allow"]) == (405, "PUT, OPTIONS")


def test_nothing_is_written_without_credentials(api: Api) -> None:
    for method, template in (("POST", MONITORS), ("PUT", MONITOR), ("PUT", STATUS), ("DELETE", MONITOR)):
        for headers in ({}, basic(secret="wrong")):
            assert api.request(template, method=method, body=LOW, headers=headers).status_code == 401
    assert api.monitors.monitors(FLEET, 0, 10) == (1, [kept(api, "m1")])
    assert kept(api, "m1").updated_at_ms == MORNING


def test_a_changed_monitor_has_another_tag(api: Api, published: Published) -> None:
    before = api.request(MONITOR).headers["etag"]
    api.request(STATUS, method="PUT", body=PAUSED)
    assert api.request(MONITOR, headers={**basic(), "If-None-Match": before}).status_code == 200
    assert api.published is published
