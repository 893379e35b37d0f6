"""What is common to all operations that write: how their bodies are taken, in which order they are refused, what they
answer. The operation here keeps notes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import msgspec
import pytest

from cloud_bridge.access.limits import Limits
from cloud_bridge.api.app import create_app
from cloud_bridge.api.call import Call, Command
from cloud_bridge.api.documents import Document
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.links import BASE
from cloud_bridge.api.operation import Read, Write
from cloud_bridge.api.request_body import take
from cloud_bridge.shapes.bodies import LARGEST, read_body
from cloud_bridge.store.port.errors import StoreError
from tests.cloud_bridge.api.memory import MemoryMonitors, MemoryUses
from tests.cloud_bridge.api.world import EMPTY_FLEET, FLEET, NOW, OTHER_FLEET, PUBLIC_URL, basic, reader, remote
from tests.cloud_bridge.remote.memory import MemoryActions, MemoryCallbacks


class Note(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class Told(Document):
    text: str
    by: str


NOTES = f"{BASE}/fleets/{FLEET}/notes"
NOTE = f"{NOTES}/n1"
JSON = {"Content-Type": "application/json"}
_DECODER = msgspec.json.Decoder(Note)


class Notes:
    """An API of notes, over the full application."""

    def __init__(self, *, in_threads: bool = True, limits: Limits | None = None) -> None:
        self.kept: list[tuple[str, str, int]] = []
        self.threads: list[threading.Thread] = []
        self.failure: Exception | None = None
        operations = (
            Read("/fleets/{fid}/notes", "getNotes", "All notes", "Fleet", Told, self._read),
            Write("/fleets/{fid}/notes", "addNote", "Add", "Fleet", "POST", 202, self._add, Told, Note, "Full."),
            Write("/fleets/{fid}/notes/{aid}", "deleteNote", "Delete", "Fleet", "DELETE", 204, self._delete),
        )
        actions = MemoryActions()
        self.app = create_app(
            reader(),
            PUBLIC_URL,
            lambda: NOW,
            verify=lambda secret, stored: secret[::-1] == stored,
            served=lambda _: frozenset(),
            page_key=b"key",
            monitors=MemoryMonitors(),
            remote=remote(actions, MemoryCallbacks(actions), reader()),
            limits=limits,
            in_threads=in_threads,
            operations=operations,
        )

    def _read(self, call: Call) -> Told:
        return Told(str(len(self.kept)), call.client.id)

    def _add(self, command: Command) -> Told:
        self.threads.append(threading.current_thread())
        if self.failure is not None:
            raise self.failure
        note = read_body(_DECODER, command.body)
        self.kept.append((command.call.fleet_id, note.text, command.now_ms))
        return Told(note.text, command.call.client.id)

    def _delete(self, command: Command) -> None:
        assert command.body == b""
        if not self.kept:
            raise RefusedError(Code.NO_DATA, f"There is no note '{command.call.ids['aid']}'.")
        self.kept.clear()

    def send(
        self,
        method: str,
        url: str = NOTES,
        content: bytes | AsyncIterator[bytes] = b'{"text": "hello"}',
        headers: dict[str, str] | None = None,
        client: str = "app1",
    ) -> httpx.Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http:
                return await http.request(
                    method,
                    f"{url}?client_id={client}",
                    content=content,
                    headers=basic() if headers is None else headers,
                )

        return asyncio.run(exchange())


def refused(response: httpx.Response) -> tuple[int, int]:
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert body.keys() == {"code", "uuid", "message", "timestamp"}
    return response.status_code, body["code"]


@pytest.mark.parametrize("in_threads", [True, False])
def test_what_is_sent_is_done_and_answered_and_not_to_be_kept_by_caches(in_threads: bool) -> None:
    notes = Notes(in_threads=in_threads)
    response = notes.send("POST", headers={**basic(), **JSON})
    assert (response.status_code, response.json()) == (202, {"text": "hello", "by": "app1"})
    assert response.headers["content-type"] == "application/hal+json"
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers
    assert notes.kept == [(FLEET, "hello", int(NOW.timestamp() * 1000))]
    assert [thread is threading.main_thread() for thread in notes.threads] == [not in_threads]


def test_what_is_deleted_is_answered_with_nothing_whatever_is_accepted() -> None:
    notes = Notes()
    notes.send("POST")
    response = notes.send("DELETE", NOTE, headers={**basic(), "Accept": "text/html"})
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    assert refused(notes.send("DELETE", NOTE)) == (404, 40400)


def test_a_path_is_read_as_before_beside_what_writes() -> None:
    notes = Notes()
    response = notes.send("GET", content=b"")
    assert (response.status_code, response.json()["text"]) == (200, "0")
    assert "etag" in response.headers
    assert notes.send("HEAD", content=b"").headers["content-length"] == response.headers["content-length"]


@pytest.mark.parametrize(
    ("url", "allow", "others"),
    [
        (NOTES, "GET, HEAD, POST, OPTIONS", ("PUT", "DELETE", "PATCH")),
        (NOTE, "DELETE, OPTIONS", ("GET", "HEAD", "POST")),
    ],
)
def test_what_a_path_allows_is_what_there_is(url: str, allow: str, others: tuple[str, ...]) -> None:
    notes = Notes()
    options = notes.send("OPTIONS", url, b"", {})
    assert (options.status_code, options.headers["allow"]) == (204, allow)
    for method in others:
        response = notes.send(method, url, b"", {})
        assert (response.status_code, response.headers["allow"]) == (405, allow)
        assert method == "HEAD" or response.json()["code"] == 40500
    assert "expected" in notes.send("PATCH", url, b"", {}).json()["message"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonp", "json", "text/json",
     "application/json; charset=utf-16", "application/x-www-form-urlencoded"],
)  # fmt: skip
def test_a_body_that_says_it_is_no_json_is_refused(content_type: str) -> None:
    notes = Notes()
    response = notes.send("POST", headers={**basic(), "Content-Type": content_type})
    assert refused(response) == (415, 41500)
    assert content_type[:80] in response.json()["message"]
    assert notes.kept == []


def test_a_body_that_is_coded_is_refused() -> None:
    notes = Notes()
    assert refused(notes.send("POST", headers={**basic(), "Content-Encoding": "gzip"})) == (415, 41500)
    assert notes.send("POST", headers={**basic(), "Content-Encoding": "identity"}).status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "APPLICATION/JSON;charset=UTF-8", 'application/json; charset="utf-8"',
     "application/hal+json"],
)  # fmt: skip
def test_a_body_of_json_is_taken_and_what_says_nothing_is_taken_for_it(content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert Notes().send("POST", headers={**basic(), **headers}).status_code == 202


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"", "The body: expected JSON"), (b"{", "The body: expected JSON"),
     (b"null", "The body: Expected"), (b"[" * 50_000, "The body: "),
     (b'{"text": 1}', "The body: `text`: "), (b'{"text": "\xff"}', "The body: expected JSON"),
     (b'{"text": "x", "y": 1}', "`y`"),
     (b"{}", "missing required field `text`")],
)  # fmt: skip
def test_a_wrong_body_is_named_with_its_field(content: bytes, place: str) -> None:
    notes = Notes()
    response = notes.send("POST", content=content)
    assert refused(response) == (400, 40003)
    assert place in response.json()["message"]
    assert notes.kept == []


def test_what_is_wrong_is_said_briefly_however_long_it_is() -> None:
    response = Notes().send("POST", content=b'{"text": "x", "%s": 1}' % (b"y" * 60_000))
    assert refused(response) == (400, 40003)
    assert "unknown field `yyyy" in response.json()["message"]
    assert len(response.content) < 1000


def test_a_body_is_taken_up_to_its_largest_size_and_no_further() -> None:
    notes = Notes()
    frame = len(b'{"text": ""}')
    assert notes.send("POST", content=b'{"text": "%s"}' % (b"x" * (LARGEST - frame))).status_code == 202
    for content in (b" " * (LARGEST + 1), b"x" * 10_000_000):
        response = notes.send("POST", content=content)
        assert refused(response) == (413, 41300)
        assert str(LARGEST) in response.json()["message"]
        assert response.headers["connection"] == "close"


def test_a_body_without_a_length_is_not_read_on_when_it_is_too_large() -> None:
    read: list[int] = []

    async def endless() -> dict[str, Any]:
        read.append(1)
        return {"type": "http.request", "body": b"x" * 10_000, "more_body": True}

    outcome = asyncio.run(take({"headers": []}, endless))
    assert isinstance(outcome, RefusedError)
    assert outcome.code == Code.TOO_LARGE
    assert len(read) == LARGEST // 10_000 + 1


def test_a_body_whose_declared_length_is_too_large_is_not_read_at_all() -> None:
    async def never() -> dict[str, Any]:
        raise AssertionError

    for length in (str(LARGEST + 1), "9" * 4000):
        outcome = asyncio.run(take({"headers": [(b"content-length", length.encode())]}, never))
        assert isinstance(outcome, RefusedError)
        assert outcome.code == Code.TOO_LARGE


def test_a_body_that_does_not_come_to_its_end_in_time_is_refused() -> None:
    async def dripping() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    outcome = asyncio.run(take({"headers": []}, dripping, patience_s=0.1))
    assert isinstance(outcome, RefusedError)
    assert outcome.code == Code.SLOW_BODY


def test_nothing_is_done_for_one_who_is_gone_before_the_end_of_the_body() -> None:
    notes = Notes()
    sent: list[MutableMapping[str, Any]] = []
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"text": "x"}', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in basic().items()]
    scope = {"type": "http", "method": "POST", "path": NOTES, "query_string": b"client_id=app1", "headers": headers}
    asyncio.run(notes.app(scope, receive, send))
    assert (notes.kept, sent) == ([], [])


def test_who_asks_is_told_before_what_is_wrong_with_the_body() -> None:
    notes = Notes()
    bad: dict[str, str] = {"Content-Type": "text/plain"}
    assert refused(notes.send("POST", headers=bad)) == (401, 40100)
    assert refused(notes.send("POST", headers={**basic(secret="wrong"), **bad})) == (401, 40101)
    assert refused(notes.send("POST", client="app9", headers={**basic(), **bad})) == (401, 40101)
    assert refused(notes.send("POST", headers={**basic(), **bad, "Accept": "text/html"})) == (406, 40600)
    assert refused(notes.send("POST", f"{BASE}/fleets/a b/notes", headers={**basic(), **bad})) == (400, 40001)
    assert refused(notes.send("POST", f"{BASE}/fleets/{OTHER_FLEET}/notes", headers={**basic(), **bad})) == (403, 40300)
    assert refused(notes.send("POST", f"{BASE}/fleets/{EMPTY_FLEET}/notes", headers={**basic(), **bad})) == (415, 41500)
    assert notes.kept == []


def test_what_is_written_counts_against_the_limits_and_says_so() -> None:
    limits = Limits(MemoryUses(), lambda: 1_709_668_800.0)
    notes = Notes(limits=limits)
    left = [
        int(notes.send("POST", content=body).headers["x-ratelimit-remaining-1"]) for body in (b"", b'{"text": "x"}')
    ]
    assert left[0] == left[1] + 1
    notes.kept.append(("", "", 0))
    assert "x-ratelimit-remaining-1" in notes.send("DELETE", NOTE).headers
    notes.failure = LookupError("no such thing")
    response = notes.send("POST")
    assert refused(response) == (500, 50000)
    assert "x-ratelimit-remaining-1" in response.headers


def test_a_database_that_cannot_be_written_now_says_when_to_try_again() -> None:
    notes = Notes()
    notes.failure = StoreError("database is locked")
    response = notes.send("POST")
    assert refused(response) == (503, 50300)
    assert "retry-after" in response.headers
    assert "locked" not in response.text
