"""What an answer is told apart by, and that it is not sent to whoever has it: RFC 9110, over every resource."""

from __future__ import annotations

import gzip
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from cloud_bridge.api.links import BASE
from cloud_bridge.records.model import Known, Status
from tests.cloud_bridge.api.world import CAR, FLEET, MINUTE, MORNING, NOW, READABLE, VAN, VEHICLE_PATH, Api, basic, ms
from tests.published import Published

PATHS = READABLE
STATUS = f"{VEHICLE_PATH}/status"
TELEMETRY = f"{VEHICLE_PATH}/telemetry"
TRIP = f"{VEHICLE_PATH}/trips/{{tid}}"
PLAIN, GZIP = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}


def ask(api: Api, template: str, *more: dict[str, str], method: str = "GET", query: str = "") -> httpx.Response:
    headers = basic()
    for some in (PLAIN, *more):
        headers |= some
    return api.request(template, query, method=method, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_who_has_the_answer_is_told_so_without_it(steady: Api, path: str) -> None:
    whole = ask(steady, path)
    tag = whole.headers["etag"]
    assert tag.startswith('"')
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = ask(steady, path, {"If-None-Match": condition})
        assert (again.status_code, again.content) == (304, b"")
        kept = ("etag", "vary", "cache-control", "last-modified")
        assert {name: again.headers.get(name) for name in kept} == {name: whole.headers.get(name) for name in kept}
        assert "content-type" not in again.headers
    for condition in ('"other"', tag.strip('"'), "", f"{tag[:-1]}-gzip"):
        assert ask(steady, path, {"If-None-Match": condition}).content == whole.content


@pytest.mark.parametrize("coding", [PLAIN, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_does(steady: Api, path: str, coding: dict[str, str]) -> None:
    get, head = (ask(steady, path, coding, method=method) for method in ("GET", "HEAD"))
    assert (head.status_code, head.headers) == (200, get.headers)
    assert int(head.headers["content-length"]) == get.num_bytes_downloaded > 0
    again = ask(steady, path, coding, {"If-None-Match": get.headers["etag"]}, method="HEAD")
    assert again.status_code == 304


def test_a_tag_names_the_document_and_its_coding(api: Api) -> None:
    plain, coded = ask(api, STATUS, query="profile=fleet"), ask(api, TELEMETRY, GZIP)
    assert ask(api, STATUS, query="profile=fleet").headers["etag"] == plain.headers["etag"]
    assert ask(api, TELEMETRY).headers["etag"] != coded.headers["etag"]
    assert ask(api, TELEMETRY, {"If-None-Match": coded.headers["etag"]}).status_code == 200
    api.reader.statuses_of[VAN.vin] = Status({"kinetic.speed": Known(12.5, MORNING)}, None, MORNING + 119 * MINUTE)
    changed = ask(api, STATUS, {"If-None-Match": plain.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("accepted", ["gzip", "deflate, GZIP;q=0.5", "*", "x-gzip", "br;q=1.0, gzip;q=0.8, *;q=0"])
def test_a_long_document_is_coded_for_who_can_read_it(steady: Api, accepted: str) -> None:
    coded = ask(steady, TELEMETRY, {"Accept-Encoding": accepted})
    assert coded.headers["content-encoding"] == "gzip"
    assert coded.content == ask(steady, TELEMETRY).content
    assert coded.num_bytes_downloaded < len(coded.content) / 5


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br", "*;q=0", "gzip;q=0, *"])
def test_it_is_not_coded_for_others(steady: Api, accepted: str) -> None:
    response = ask(steady, TELEMETRY, {"Accept-Encoding": accepted})
    assert "content-encoding" not in response.headers
    assert response.num_bytes_downloaded == len(response.content)
    assert "Accept-Encoding" in response.headers["vary"]


def test_a_short_document_is_never_coded(steady: Api) -> None:
    assert "content-encoding" not in ask(steady, f"{VEHICLE_PATH}/lastPosition", GZIP).headers


def test_a_document_with_a_date_says_when_it_changed_last(steady: Api) -> None:
    modified = ask(steady, STATUS).headers["last-modified"]
    assert modified == "Tue, 05 Mar 2024 08:59:00 GMT"
    for since in (modified, "Tue, 05 Mar 2024 09:00:00 GMT"):
        assert ask(steady, STATUS, {"If-Modified-Since": since}).status_code == 304
    for since in ("Tue, 05 Mar 2024 08:58:59 GMT", "yesterday", "", "Tue, 99 Mar 2024 08:59:00 GMT"):
        assert ask(steady, STATUS, {"If-Modified-Since": since}).status_code == 200
    assert "last-modified" not in ask(steady, TELEMETRY).headers


def test_a_tag_is_asked_before_a_date(steady: Api) -> None:
    whole = ask(steady, STATUS)
    later = {"If-Modified-Since": "Wed, 06 Mar 2024 00:00:00 GMT"}
    assert ask(steady, STATUS, later, {"If-None-Match": '"other"'}).status_code == 200
    earlier = {"If-Modified-Since": "Mon, 04 Mar 2024 00:00:00 GMT"}
    assert ask(steady, STATUS, earlier, {"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_old_data_that_came_late_count_from_when_they_came(api: Api) -> None:
    before = ask(api, TRIP).headers["last-modified"]
    came_ms = ms("2024-03-05T12:00:00.250+00:00")
    api.reader.members[FLEET] = [replace(VAN, changed_at_ms=came_ms), CAR]
    after = ask(api, TRIP, {"If-Modified-Since": before})
    assert (after.status_code, after.headers["last-modified"]) == (200, "Tue, 05 Mar 2024 12:00:01 GMT")


def test_what_may_change_again_within_the_second_has_no_date(published: Published) -> None:
    api = Api(published, now=NOW.replace(hour=8, minute=59, second=5))
    response = ask(api, STATUS, {"If-Modified-Since": "Tue, 05 Mar 2024 08:59:00 GMT"})
    assert response.status_code == 200
    assert "last-modified" not in response.headers


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("", True),
        ("pageSize=7", True),
        ("timestamps=2024-03-05T07:24:00Z/PT10M", True),
        ("timestamps=/2024-03-05T08:00:00Z", True),
        ("timestamps=2024-03-05T07:24:00Z/", False),
        ("timestamps=R/2024-03-05T07:24:00Z/PT1H/PT1M", False),
    ],
)
def test_a_page_is_the_same_later_unless_it_was_asked_up_to_now(published: Published, query: str, same: bool) -> None:
    tags = [
        ask(Api(published, now=NOW + timedelta(hours=hours)), TELEMETRY, query=query).headers["etag"]
        for hours in range(2)
    ]
    assert (tags[0] == tags[1]) is same


def test_a_condition_opens_nothing(steady: Api) -> None:
    anything = {"If-None-Match": "*"}
    assert steady.request(STATUS, headers={**basic(secret="guess"), **anything}).status_code == 401
    assert steady.request(STATUS, headers={**basic(), **anything}, fleet="f9").status_code == 403
    assert steady.request(STATUS, headers={**basic(), **anything}, vehicle="nosuch").status_code == 403
    assert ask(steady, TRIP.replace("{tid}", "nosuch"), anything).status_code == 404
    assert ask(steady, STATUS, anything, {"Accept": "text/html"}).status_code == 406
    assert ask(steady, STATUS, anything, query="profile=x").status_code == 400


def test_answers_are_kept_by_who_asked_only_and_refusals_by_nobody(steady: Api) -> None:
    whole, refused = ask(steady, STATUS), ask(steady, STATUS, query="profile=x")
    assert whole.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "Accept", "Accept-Encoding"} == set(whole.headers["vary"].split(", "))
    assert refused.headers["cache-control"] == "no-store"
    assert "etag" not in refused.headers


def test_the_description_is_coded_and_told_apart_too(steady: Api) -> None:
    address = f"{BASE}/openapi.json"
    coded = steady.send("GET", address, GZIP)
    assert coded.headers["content-encoding"] == "gzip"
    assert coded.json() == steady.send("GET", address, PLAIN).json()
    assert steady.send("GET", address, {**GZIP, "If-None-Match": coded.headers["etag"]}).status_code == 304


def test_what_is_coded_is_gzip_to_the_last_octet(steady: Api) -> None:
    path = f"/fleets/{FLEET}/vehicles/{VAN.id}/telemetry"
    assert gzip.decompress(steady.sent("GET", path, GZIP)) == steady.sent("GET", path)
    assert steady.sent("HEAD", path, GZIP) == b""
