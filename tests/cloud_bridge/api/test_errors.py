"""What is wrong with a request is said in the published error body, with what was found and what is expected."""

from __future__ import annotations

import logging
import uuid

import pytest

from cloud_bridge.api.links import BASE
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.registry import Vehicle
from tests.cloud_bridge.api.memory import MemoryReader
from tests.cloud_bridge.api.world import READABLE, VEHICLE_PATH, Api, basic, reader
from tests.published import Published

TELEMETRY = f"{VEHICLE_PATH}/telemetry"
TRIPS = f"{VEHICLE_PATH}/trips"
WAY_POINTS = f"{TRIPS}/{{tid}}/wayPoints"
VEHICLES = "/fleets/{fid}/vehicles"

BAD = [
    *((path, "pageSize", value) for path in ("/fleets", VEHICLES, TRIPS) for value in
      ("0", "61", "-1", "1.5", "", "x")),
    *((path, "pageSize", value) for path in (TELEMETRY, WAY_POINTS) for value in ("0", "2001", "9" * 5000, "٣")),
    *((path, "indexRange", value) for path in (TELEMETRY, TRIPS, WAY_POINTS) for value in
      ("5", "-5", "5-4", "a-b", "0-9-9", "", "0,9", "9" * 16 + "-", " 0-9")),
    *((path, "pageToken", value) for path in ("/fleets", VEHICLES, TRIPS, TELEMETRY) for value in
      ("", "x", "AAAA", "é", "=" * 8, "A" * 4000)),
    *((f"{VEHICLE_PATH}/{name}", "timestamps", "yesterday") for name in ("alerts", "alarms", "collisions")),
    *((f"/fleets/{{fid}}/{name}", "timestamps", "yesterday") for name in ("alerts", "collisions", "trips")),
    *((f"/fleets/{{fid}}/{name}", "profile", "enduser") for name in
      ("status", "maintenances", "alerts", "alerts/{aid}", "collisions", "collisions/{cid}", "trips")),
    *((f"/fleets/{{fid}}/{name}", "pageSize", "61") for name in
      ("status", "maintenances", "alerts", "collisions", "trips")),
    *((f"/fleets/{{fid}}/{name}", "indexRange", "5") for name in
      ("status", "maintenances", "alerts", "collisions", "trips")),
    ("/fleets/{fid}/trips", "distance", "10"), ("/fleets/{fid}/trips", "duration", "10"),
    ("/fleets/{fid}/trips", "states", "nominal"),
    *((f"{TRIPS}/{{tid}}/{name}", "timestamps", "yesterday") for name in ("alerts", "collisions")),
    *((f"{VEHICLE_PATH}/{name}", "pageSize", "61") for name in ("alerts", "alarms", "collisions")),
    *((f"{VEHICLE_PATH}/alarms", "type", value) for value in ("", "vehicle.alarm", "Vehicle.alarm.status")),
    *((path, "timestamps", value) for path in (TELEMETRY, TRIPS, WAY_POINTS) for value in
      ("", "/", "yesterday", "2024-03-05/2024-03-06", "2024-03-05T07:00:00/",
       "2024-03-06T00:00:00Z/2024-03-05T00:00:00Z", "2024-02-30T00:00:00Z/", "2024-03-05T24:00:00Z/",
       "2024-03-05T07:00:00Z/P", "2024-03-05T07:00:00Z/PT",
       "2024-03-05T07:00:00Z/-PT1H", "R/2024-03-05T07:00:00Z", "R0/2024-03-05T07:00:00Z/PT1H",
       "R2/2024-03-05T07:00:00Z/PT0S", "R2/2024-03-05T07:00:00Z/PT1H/PT1H/PT1H", "Rx/2024-03-05T07:00:00Z/PT1H",
       "2024-03-05T07:00:00Z/PT1H/PT1H", "null")),
    *((TELEMETRY, "type", value) for value in ("", "Vehicle", "vehicle.kinetic", "vehicle,environment")),
    *((TELEMETRY, "extension", value) for value in ("", "Location", "location,maintenance")),
    *((VEHICLE_PATH, "extension", value) for value in ("", "telemetry")),
    (VEHICLES, "extension", "onboardCapabilities"),
    *((VEHICLES, "vinPrefix", value) for value in ("", "vf3", "VF3%", "VF3ABCDE0FG1234567", "O")),
    *((VEHICLES, "locale", value) for value in ("", "fr_", "français", "x", "en" + "-aa" * 5)),
    *((f"{VEHICLE_PATH}/{name}", "profile", value) for name in
      ("status", "lastPosition", "telemetry", "trips", "maintenance", "alerts", "alerts/{aid}", "collisions/{cid}")
      for value in ("", "enduser", "Fleet")),
    *((TRIPS, "distance", value) for value in ("", "10", "10-5", "0.55-", "-10", "a-b", "1,5-", "nan-")),
    *((TRIPS, "duration", value) for value in ("", "10", "10-5", "1.5-", "-10", "PT1H-PT2H")),
    *((TRIPS, "states", value) for value in ("", "nominal", "Nominal,Unstarted")),
    *((WAY_POINTS, "tolerance", value) for value in ("", "-1", "x", "nan", "inf", "1e3", "1,5")),
]  # fmt: skip


@pytest.mark.parametrize(("template", "name", "value"), BAD)
def test_a_wrong_parameter_is_named_with_what_was_found_and_what_is_expected(
    steady: Api, template: str, name: str, value: str
) -> None:
    response = steady.request(template, {name: value})
    assert response.status_code == 400
    message = response.json()["message"]
    assert message.startswith(f"Query parameter '{name}': found '")
    assert value[:40] in message
    assert ", expected " in message


@pytest.mark.parametrize(
    ("template", "query"),
    [
        (TELEMETRY, "type=vehicle&" * 18),
        (TELEMETRY, "timestamps=/2024-03-05T00:00:00Z&" * 11),
        (TELEMETRY, "extension=location&" * 3),
        (VEHICLE_PATH, "extension=branding&" * 4),
        (VEHICLES, "extension=branding&" * 3),
        (TELEMETRY, "pageSize=1&pageSize=1"),
        (TELEMETRY, "indexRange=0-&indexRange=0-"),
        (WAY_POINTS, "tolerance=1&tolerance=1"),
        (TRIPS, "distance=0-&distance=0-"),
        (f"{VEHICLE_PATH}/status", "profile=fleet&profile=fleet"),
    ],
)
def test_a_parameter_given_too_often_is_refused(steady: Api, template: str, query: str) -> None:
    response = steady.request(template, query.rstrip("&"))
    assert response.status_code == 400
    assert "values', expected" in response.json()["message"]


@pytest.mark.parametrize("template", READABLE)
def test_parameters_that_a_resource_does_not_have_are_ignored(steady: Api, template: str) -> None:
    assert steady.request(template, {"x": "y", "vin": "null", "offset": "-1"}).status_code == 200


@pytest.mark.parametrize("bad", ["a b", "a%2Fb", "é", "x" * 129, "'; --", "a\x00b", "%"])
def test_a_path_id_that_no_resource_can_have_is_refused(steady: Api, bad: str) -> None:
    quoted = bad if "%2F" in bad else bad.replace("%", "%25").replace("\x00", "%00")
    for response in (
        steady.request("/fleets/{fid}", fleet=quoted),
        steady.request(VEHICLE_PATH, vehicle=quoted),
        steady.request(f"{TRIPS}/{{tid}}", trip=quoted),
    ):
        # An encoded slash is a slash to the server: there is no such path.
        assert response.status_code in ((404, 403) if "%2F" in bad else (400,)), response.text


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/fleet",
        "/fleets/",
        "/Fleets",
        "/fleets/f1/statuses",
        "/vehicles",
        "/docs/x",
        "/docs/assets/x",
    ],
)
def test_an_unknown_path_is_answered_with_the_error_body(steady: Api, path: str) -> None:
    for address in (BASE + path, path or "/"):
        response = steady.send("GET", f"{address}?client_id=app1", basic())
        steady.check("/fleets", "GET", response)
        assert (response.status_code, response.json()["code"]) == (404, 40401)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_a_method_that_a_resource_does_not_have_is_refused(steady: Api, method: str) -> None:
    for path in ("/fleets", "/openapi.json", "/docs"):
        response = steady.send(method, f"{BASE}{path}?client_id=app1", basic())
        steady.check("/fleets", method, response)
        assert (response.status_code, response.json()["code"]) == (405, 40500)
        assert "GET" in response.headers["allow"]


def test_options_says_what_is_allowed_without_credentials(steady: Api) -> None:
    response = steady.request("/fleets", method="OPTIONS", headers={})
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


def test_head_is_get_without_its_body(steady: Api) -> None:
    for template in ("/fleets", f"{VEHICLE_PATH}/status", f"{TRIPS}/{{tid}}"):
        get, head = steady.request(template), steady.request(template, method="HEAD")
        assert head.status_code == get.status_code == 200
        assert head.headers["content-length"] == str(get.num_bytes_downloaded) != "0"
        assert head.headers["content-type"] == get.headers["content-type"]
    assert steady.sent("GET", "/fleets") == steady.request("/fleets").content
    assert steady.sent("HEAD", "/fleets") == b""
    assert steady.sent("HEAD", "/fleets/nosuchfleet") == b""
    assert steady.request(f"{TRIPS}/{{tid}}", method="HEAD", trip="nosuchtrip").status_code == 404


@pytest.mark.parametrize(
    "accept",
    [
        None, "", "*/*", "application/*", "application/hal+json", "application/hal+json ", "application/json",
        "APPLICATION/HAL+JSON", "text/html, application/hal+json;q=0.5", "application/hal+json;charset=utf-8",
        "text/html,*/*;q=0.1", "application/hal+json;q=x",
    ],
)  # fmt: skip
def test_what_can_be_accepted_is_answered_in_the_published_type(api: Api, accept: str | None) -> None:
    headers = basic() if accept is None else {**basic(), "Accept": accept}
    response = api.request("/fleets", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/hal+json"


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/xml", "image/*", "application/hal+json;q=0", "*/*;q=1, application/hal+json;q=0"],
)
def test_what_cannot_be_accepted_is_refused(steady: Api, accept: str) -> None:
    response = steady.request("/fleets", headers={**basic(), "Accept": accept})
    assert (response.status_code, response.json()["code"]) == (406, 40600)
    assert "application/hal+json" in response.json()["message"]


def test_the_last_position_is_accepted_as_geojson(steady: Api) -> None:
    path = f"{VEHICLE_PATH}/lastPosition"
    for accept in ("application/vnd.geo+json", "application/json", "*/*"):
        response = steady.request(path, headers={**basic(), "Accept": accept})
        assert response.headers["content-type"] == "application/vnd.geo+json"
    assert steady.request(path, headers={**basic(), "Accept": "application/hal+json"}).status_code == 406


class BrokenReader(MemoryReader):
    """A reader with a fault in it."""

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        raise LookupError(f"no such disk at {fleet_id}/{vehicle_id}")


class FailingReader(MemoryReader):
    """A reader whose disk fails."""

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        raise StoreError(f"/var/lib/canlift/bridge.db: disk I/O error at {fleet_id}/{vehicle_id}")


def test_an_unexpected_failure_tells_the_caller_a_uuid_and_the_log_the_rest(
    published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    whole = reader()
    broken = BrokenReader(whole.clients, whole.all_fleets, whole.members)
    with caplog.at_level(logging.ERROR):
        response = Api(published, broken).request(VEHICLE_PATH)
    body = response.json()
    assert (response.status_code, body["code"]) == (500, 50000)
    assert uuid.UUID(body["uuid"])
    assert "disk" not in response.text
    assert body["uuid"] in caplog.text
    assert "no such disk" in caplog.text


def test_while_the_database_cannot_be_read_the_caller_is_told_to_try_again(
    published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    whole = reader()
    failing = FailingReader(whole.clients, whole.all_fleets, whole.members)
    with caplog.at_level(logging.ERROR):
        response = Api(published, failing).request(VEHICLE_PATH)
    body = response.json()
    assert (response.status_code, body["code"]) == (503, 50300)
    assert int(response.headers["retry-after"]) > 0
    assert "disk" not in response.text
    assert f"unavailable {body['uuid']}: /var/lib/canlift/bridge.db: disk I/O error" in caplog.text


def test_a_refusal_is_in_the_log_under_its_uuid_on_one_line(steady: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cloud_bridge"):
        body = steady.request("/fleets", {"pageSize": "1\nforged line"}).json()
    (record,) = [record for record in caplog.records if record.name.startswith("cloud_bridge")]
    assert body["uuid"] in record.getMessage()
    assert "\n" not in record.getMessage()


def test_every_occurrence_has_its_own_uuid_and_the_time_of_the_server(steady: Api) -> None:
    one, other = steady.request("/fleets", headers={}).json(), steady.request("/fleets", headers={}).json()
    assert one["uuid"] != other["uuid"]
    assert one["timestamp"] == "2024-03-05T20:00:00Z"


def test_a_reader_that_wants_one_thread_is_read_in_the_event_loop(api: Api) -> None:
    alone = Api(api.published, in_threads=False)
    for path in READABLE:
        assert alone.request(path).content == api.request(path).content
