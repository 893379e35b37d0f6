"""Answers are as published: a smaller run of what `make conformance` asks, and that a wrong answer would be found."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest

from cloud_bridge.api.openapi import document
from cloud_bridge.api.routes import OPERATIONS
from tests.cloud_bridge.api.comparison import Described
from tests.conformance import asking, writing
from tests.conformance.asker import Asker
from tests.conformance.asking import Question
from tests.conformance.tally import Tally
from tests.conformance.world import World
from tests.published import Published

STATUS = "/fleets/{fid}/vehicles/{vid}/status"


NEVER_SHOWN = re.compile(
    ".*("
    "/_links/(?!remotes/)[^/]+/templated"  # no other link is a template
    "|/_links/(prev|next)(/href)?"  # not every collection has so many pages
    "|/status(\\[])?/stolen/end(At|Position(/.*)?)"  # a status shows the theft that goes on
    "|/endPosition/properties/fixStatus"  # an estimated position has none
    "|/fleets/\\{fid}/alerts/\\{aid}/_links/trips.*"  # those asked for began and ended outside of trips
    "|/vehicles/\\{vid}/.*/properties/vin"  # positions say whose they are in answers of a fleet
    ")"
)
"""Fields that our document describes and that none of these answers can have."""


@pytest.mark.slow
def test_every_answer_is_as_published_and_every_field_of_every_path_has_been_shown(
    world: World, published: Published
) -> None:
    asker = Asker(world, published, most_links=20, records_each=2)
    operations = asyncio.run(asker.ask_all())
    written = [f"{method} {path}" for method, path in writing.writable(published)]
    assert list(operations) == [*asking.readable(published), *written]
    assert (len(operations), len(written)) == (47, 9)
    assert {path: operation.findings for path, operation in operations.items() if operation.findings} == {}
    assert [path for path, operation in operations.items() if operation.invalid] == []
    assert min(operation.requests for operation in operations.values()) > 20
    own = Described(json.loads(json.dumps(document(OPERATIONS, "https://api.example", "1"))))
    described = {place for path in own.paths for place, word in own.facts(path) if word == "field" and " " not in place}
    assert sorted(place for place in described - asker.tally.shown if not NEVER_SHOWN.fullmatch(place)) == []


def answered(status: int, body: object, **headers: str) -> httpx.Response:
    media_type = "application/json" if status >= 400 else "application/hal+json"
    limits = {f"x-ratelimit-{word}-{window}": "9" for word in ("limit", "remaining") for window in (1, 2)}
    return httpx.Response(
        status, content=json.dumps(body), headers={"content-type": media_type, "etag": '"1"', **limits, **headers}
    )


ERROR = {
    "code": 40400,
    "uuid": "494f61d1-472a-4696-ac3c-2961496c3aaf",
    "message": "-",
    "timestamp": "2020-01-01T00:00:00Z",
}
GOOD = {
    "_links": {"self": {"href": "https://a.example"}, "vehicle": {"href": "https://a.example"}, "fleet": {"href": "https://a.example"}},
    "vin": "VF3ABCDE0FG123456",
    "createdAt": "2020-01-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (answered(200, GOOD), None),
        (answered(404, ERROR), None),
        (answered(400, {**ERROR, "code": 40000}), "400, expected 200 or 404"),
        (answered(500, {**ERROR, "code": 50000}), "500, expected 200 or 404"),
        (answered(404, {**ERROR, "code": 40000}), "code 40000"),
        (answered(404, {"code": 40400, "uuid": "1", "message": "-"}), "timestamp"),
        (answered(200, {**GOOD, "odometer": {"mileage": 1.5}}), "createdAt"),
        (answered(200, {**GOOD, "colour": "blue"}), "/colour: not published"),
        (answered(200, {**GOOD, "privacy": None}), "null"),
        (answered(200, {**GOOD, "createdAt": "yesterday"}), "date-time"),
        (answered(200, {**GOOD, "ignition": {"type": "On", "createdAt": "2020-01-01T00:00:00Z"}}), "'On'"),
        (answered(200, GOOD, **{"content-type": "text/html"}), "text/html"),
        (httpx.Response(200, json=GOOD, headers={"content-type": "application/hal+json"}), "etag"),
    ],
)
def test_what_is_not_as_published_is_found(published: Published, answer: httpx.Response, finding: str | None) -> None:
    tally = Tally(published, [STATUS])
    tally.add(Question(STATUS, "/fleets/f1/vehicles/v1/status"), answer)
    operation = tally.operations[STATUS]
    assert operation.requests == sum(operation.statuses.values()) == 1
    if finding is None:
        assert operation.findings == []
    else:
        assert any(finding in found for found in operation.findings), operation.findings
        assert operation.invalid


def test_a_path_that_is_not_served_is_told_from_one_without_data(published: Published) -> None:
    tally = Tally(published, [STATUS])
    tally.add(Question(STATUS, "/fleets/f1/vehicles/v1/status"), answered(404, ERROR))
    assert (tally.operations[STATUS].is_served, tally.operations[STATUS].invalid) == (True, 1)
    tally.add(Question(STATUS, "/fleets/f1/vehicles/v1/status"), answered(404, {**ERROR, "code": 40401}))
    assert (tally.operations[STATUS].is_served, tally.operations[STATUS].invalid) == (False, 1)
