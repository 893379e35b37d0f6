"""What a client may still ask is on every answer to it, and too much is 429, which says when to come back."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
from msgspec.structs import replace

from cloud_bridge.access.limits import Limits
from cloud_bridge.api.links import BASE
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.registry import Vehicle
from tests.cloud_bridge.api.memory import MemoryReader, MemoryUses
from tests.cloud_bridge.api.world import FLEET, VEHICLE_PATH, Api, basic, reader
from tests.published import Published

NAMES = [f"x-ratelimit-{what}-{window}" for window in (1, 2) for what in ("limit", "remaining")]
STATUS = f"{VEHICLE_PATH}/status"


def limited(published: Published, day: int, burst: int, world: MemoryReader | None = None) -> Api:
    """One instant, in which the first client may ask so much."""
    known = world or reader()
    known.clients["app1"] = replace(known.clients["app1"], day=day, burst=burst)
    return Api(published, known, limits=Limits(MemoryUses(), lambda: 1_709_668_800.0))


def shown(response: httpx.Response) -> list[str | None]:
    return [response.headers.get(name) for name in NAMES]


def test_every_answer_to_a_client_says_what_it_may_still_ask(published: Published) -> None:
    api = limited(published, 100_000, 100)
    answers = [
        (api.request(STATUS), 200),
        (api.request(STATUS, method="HEAD"), 200),
        (api.request(STATUS, headers={**basic(), "If-None-Match": "*"}), 304),
        (api.request(STATUS, {"profile": "x"}), 400),
        (api.request(STATUS, fleet="a b"), 400),
        (api.request(STATUS, fleet="f9"), 403),
        (api.request(f"{VEHICLE_PATH}/trips/{{tid}}", trip="nosuch"), 404),
        (api.request(STATUS, headers={**basic(), "Accept": "text/html"}), 406),
    ]
    for number, (response, status) in enumerate(answers, 1):
        assert response.status_code == status
        assert shown(response) == ["100000", str(100_000 - number), "100", str(100 - number)]
        assert not {"x-ratelimit-reset", "retry-after"} & set(response.headers)


class FailingReader(MemoryReader):
    failure: type[Exception] = LookupError

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        raise self.failure(f"no such disk at {fleet_id}/{vehicle_id}")


@pytest.mark.parametrize(("failure", "status"), [(LookupError, 500), (StoreError, 503)])
def test_a_failure_says_it_too(
    published: Published, caplog: pytest.LogCaptureFixture, failure: type[Exception], status: int
) -> None:
    whole = reader()
    failing = FailingReader(whole.clients, whole.all_fleets, whole.members)
    failing.failure = failure
    with caplog.at_level(logging.ERROR):
        response = limited(published, 10, 10, failing).request(STATUS)
    assert (response.status_code, shown(response)) == (status, ["10", "9", "10", "9"])


@pytest.mark.parametrize(("day", "burst", "code"), [(3, 100, 42901), (100, 3, 42902), (3, 3, 42901)])
def test_too_much_is_refused_until_there_is_room(published: Published, day: int, burst: int, code: int) -> None:
    api = limited(published, day, burst)
    assert [api.request(STATUS).status_code for _ in range(3)] == [200] * 3
    for template in (STATUS, "/fleets"):
        refused = api.request(template)
        assert (refused.status_code, refused.json()["code"]) == (429, code)
        assert shown(refused) == [str(day), str(day - 3), str(burst), str(burst - 3)]
        assert refused.headers["x-ratelimit-reset"] == refused.headers["retry-after"]
        assert (int(refused.headers["retry-after"]) > 80_000) is (day == 3)
    head = api.request(STATUS, method="HEAD")
    assert (head.status_code, head.content) == (429, b"")


def test_only_right_credentials_use_a_limit_up(published: Published) -> None:
    api = limited(published, 2, 2)
    for _ in range(5):
        wrong = api.request(STATUS, headers=basic(secret="guess"))
        assert (wrong.status_code, shown(wrong)) == (401, [None] * 4)
        assert api.request(STATUS, headers={}).status_code == 401
        assert api.request(STATUS, headers={}, method="OPTIONS").status_code == 204
        assert api.request("/fleets", method="POST").status_code == 405
    assert shown(api.request(STATUS)) == ["2", "1", "2", "1"]


def test_one_client_does_not_use_up_another_s(published: Published) -> None:
    api = limited(published, 1, 1)
    assert [api.request("/fleets").status_code for _ in range(2)] == [200, 429]
    other = api.send("GET", f"{BASE}/fleets?client_id=app9", basic(user="other"))
    assert other.status_code == 200


def test_a_changed_limit_holds_at_once(published: Published) -> None:
    api = limited(published, 1, 10)
    assert [api.request("/fleets").status_code for _ in range(2)] == [200, 429]
    api.reader.clients["app1"] = replace(api.reader.clients["app1"], day=3)
    assert shown(api.request("/fleets")) == ["3", "1", "10", "8"]


def test_many_at_once_get_as_many_answers_as_are_allowed(published: Published) -> None:
    api = limited(published, 20, 1000)

    async def at_once() -> list[int]:
        async with httpx.AsyncClient(transport=api.transport, base_url="https://cars.example.org") as client:
            address = f"{BASE}/fleets/{FLEET}?client_id=app1"
            answers = await asyncio.gather(*(client.get(address, headers=basic()) for _ in range(50)))
        return [answer.status_code for answer in answers]

    statuses = asyncio.run(at_once())
    assert (statuses.count(200), statuses.count(429)) == (20, 30)


def test_who_asks_too_much_does_not_fill_the_log(published: Published, caplog: pytest.LogCaptureFixture) -> None:
    api = limited(published, 1, 10)
    with caplog.at_level(logging.INFO, logger="cloud_bridge"):
        assert [api.request("/fleets").status_code for _ in range(3)] == [200, 429, 429]
    assert not [record for record in caplog.records if record.name.startswith("cloud_bridge")]


def test_the_headers_of_answers_are_described(published: Published) -> None:
    api = limited(published, 1, 10)
    document = api.send("GET", f"{BASE}/openapi.json").json()
    responses = document["paths"]["/fleets"]["get"]["responses"]
    assert responses["200"]["headers"].keys() >= {"ETag", "X-RateLimit-Remaining-2"}
    refusal = document["components"]["responses"]["429"]
    assert refusal["headers"].keys() >= {"Retry-After", "X-RateLimit-Reset"}
    for described in (responses["200"], refusal):
        answered = api.request("/fleets").headers
        assert {name.lower() for name in described["headers"]} <= set(answered)
