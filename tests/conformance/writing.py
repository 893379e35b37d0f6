"""The systematic set of requests that write: monitors made of every kind, replaced, paused and deleted, right or not.

Each is a `Question` like those that read; where one needs a monitor that it may change, that is made first.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx

from cloud_bridge.bodies import LARGEST
from tests.conformance.asking import BASIC, UNKNOWN, WRONG, Question
from tests.conformance.monitors import WHOLE, right, wrong
from tests.conformance.world import EMPTY_FLEET, FLEET, LIMITED_CLIENT, OTHER_CLIENT, OTHER_FLEET
from tests.published import Published

Send = Callable[[Question], Awaitable[httpx.Response]]
MONITORS = "/fleets/{fid}/monitors"
MONITOR = f"{MONITORS}/{{mid}}"
STATUS = f"{MONITOR}/status"
DONE, GONE, UNSEEN = frozenset({202}), frozenset({404}), frozenset({403})
_ALL = f"/fleets/{FLEET}/monitors"


def writable(published: Published) -> list[tuple[str, str]]:
    """Method and path of the published operations that write, but for remotes."""
    paths = published.document["paths"].items()
    found = [(method.upper(), path) for path, item in paths for method in item if method in ("post", "put", "delete")]
    return [(method, path) for method, path in found if "monitors" in path]


async def ask_all(send: Send) -> None:
    """`send` sends a question and judges the answer."""
    made = [await send(_asked("POST", MONITORS, _ALL, one, DONE)) for one in right()]
    for question in _refused("POST", MONITORS, _ALL, WHOLE):
        await send(question)
    one, *rest, last = (f"{_ALL}/{answer.json()['monitorId']}" for answer in made)
    for body in right():
        await send(_asked("PUT", MONITOR, one, body, DONE))
    for question in _refused("PUT", MONITOR, one, WHOLE):
        await send(question)
    for status in ("Paused", "Paused", "Running", "Running", "Paused"):
        await send(_asked("PUT", STATUS, f"{one}/status", {"status": status}, DONE))
    await send(_asked("PUT", MONITOR, one, WHOLE, DONE))
    for question in _refused("PUT", STATUS, f"{one}/status", {"status": "Running"}):
        await send(question)
    for question in _as_others("DELETE", MONITOR, last, None):
        await send(question)
    accepted = {"Authorization": BASIC, "Accept": "text/html"}
    await send(_asked("DELETE", MONITOR, last, None, frozenset({204}), headers=accepted))
    await send(_asked("DELETE", MONITOR, last, None, GONE))
    await send(_asked("PUT", MONITOR, last, WHOLE, GONE))
    await send(_asked("PUT", STATUS, f"{last}/status", {"status": "Paused"}, GONE))
    for path in (one, *rest):
        await send(_asked("DELETE", MONITOR, path, None, frozenset({204})))


def _asked(method: str, template: str, path: str, body: object, expected: frozenset[int], **changed: Any) -> Question:
    content = None if body is None else json.dumps(body).encode()
    question = Question(template, path, expected, method, content=content, operation=f"{method} {template}")
    return question._replace(**changed)


def _refused(method: str, template: str, path: str, body: object) -> Iterator[Question]:
    """What is wrong with a right `body`, or with how it is sent."""
    states = [{"status": status} for status in ("Failed", "running", "", None, 1)]
    for faulty in states if template == STATUS else [each for _, each in wrong()]:
        # Null is a body too.
        yield _asked(method, template, path, None, WRONG, content=json.dumps(faulty).encode())
    for content in (b"", b"{", b"\xff", b"[" * 20_000, b'"Paused"', b"{}"):
        yield _asked(method, template, path, None, WRONG, content=content)
    for size in (LARGEST + 1, 20 * LARGEST):
        yield _asked(method, template, path, None, frozenset({413}), content=b" " * size)
    for header, value in (
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/json; charset=utf-16"),
        ("Content-Encoding", "gzip"),
    ):
        headers = {"Authorization": BASIC, header: value}
        yield _asked(method, template, path, body, frozenset({415}), headers=headers)
    headers = {"Authorization": BASIC, "Accept": "text/html"}
    yield _asked(method, template, path, body, frozenset({406}), headers=headers)
    yield from _as_others(method, template, path, body)


def _as_others(method: str, template: str, path: str, body: object) -> Iterator[Question]:
    """Of others' fleets, of monitors that are nobody's, and by who may not."""
    for headers in ({}, {"Authorization": "Bearer x"}):
        yield _asked(method, template, path, body, frozenset({401}), headers=headers)
    yield _asked(method, template, path, body, frozenset({401}), client=None)
    yield _asked(method, template, path, body, UNSEEN, client=OTHER_CLIENT)
    yield _asked(method, template, path, body, frozenset({429}), client=LIMITED_CLIENT)
    for fleet in (OTHER_FLEET, UNKNOWN):
        yield _asked(method, template, path.replace(f"/{FLEET}/", f"/{fleet}/"), body, UNSEEN)
    for wrong_id in ("%20", "x" * 129):
        yield _asked(method, template, path.replace(f"/{FLEET}/", f"/{wrong_id}/"), body, WRONG)
    if template != MONITORS:
        monitor_id = path.removeprefix(f"{_ALL}/").partition("/")[0]
        yield _asked(method, template, path.replace(f"/{FLEET}/", f"/{EMPTY_FLEET}/"), body, GONE)
        yield _asked(method, template, path.replace(monitor_id, UNKNOWN), body, GONE)
        yield _asked(method, template, path.replace(monitor_id, "a%00"), body, WRONG)
