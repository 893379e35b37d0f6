"""The systematic set of requests that write: monitors made of every kind, replaced, paused and deleted, right or not.

Each is a `Question` like those that read; where one needs a monitor that it may change, that is made first.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import httpx

from cloud_bridge.shapes.bodies import LARGEST
from tests.conformance.asking import BASIC, UNKNOWN, WRONG, Question
from tests.conformance.monitors import WHOLE, right, wrong
from tests.conformance.world import EMPTY_FLEET, FLEET, LIMITED_CLIENT, OTHER_CLIENT, OTHER_FLEET
from tests.published import Published

Send = Callable[[Question], Awaitable[httpx.Response]]
MONITORS = "/fleets/{fid}/monitors"
MONITOR = f"{MONITORS}/{{mid}}"
STATUS = f"{MONITOR}/status"
STATES = [{"status": status} for status in ("Failed", "running", "", None, 1)]
"""None of them can be asked for."""
DONE, GONE, UNSEEN = frozenset({202}), frozenset({404}), frozenset({403})
_ALL = f"/fleets/{FLEET}/monitors"


def writable(published: Published) -> list[tuple[str, str]]:
    """Method and path of the published operations that write."""
    paths = published.document["paths"].items()
    return [(method.upper(), path) for path, item in paths for method in item if method in ("post", "put", "delete")]


async def ask_all(send: Send) -> None:
    """`send` sends a question and judges the answer."""
    made = [await send(asked("POST", MONITORS, _ALL, one, DONE)) for one in right()]
    for question in _refused("POST", MONITORS, _ALL, WHOLE):
        await send(question)
    one, *rest, last = (f"{_ALL}/{answer.json()['monitorId']}" for answer in made)
    for body in right():
        await send(asked("PUT", MONITOR, one, body, DONE))
    for question in _refused("PUT", MONITOR, one, WHOLE):
        await send(question)
    for status in ("Paused", "Paused", "Running", "Running", "Paused"):
        await send(asked("PUT", STATUS, f"{one}/status", {"status": status}, DONE))
    await send(asked("PUT", MONITOR, one, WHOLE, DONE))
    for question in _refused("PUT", STATUS, f"{one}/status", {"status": "Running"}):
        await send(question)
    for question in (*as_nobody("DELETE", MONITOR, last, None), *_nowhere("DELETE", MONITOR, last, None)):
        await send(question)
    accepted = {"Authorization": BASIC, "Accept": "text/html"}
    await send(asked("DELETE", MONITOR, last, None, frozenset({204}), headers=accepted))
    await send(asked("DELETE", MONITOR, last, None, GONE))
    await send(asked("PUT", MONITOR, last, WHOLE, GONE))
    await send(asked("PUT", STATUS, f"{last}/status", {"status": "Paused"}, GONE))
    for path in (one, *rest):
        await send(asked("DELETE", MONITOR, path, None, frozenset({204})))


def asked(method: str, template: str, path: str, body: object, expected: frozenset[int], **changed: Any) -> Question:
    content = None if body is None else json.dumps(body).encode()
    question = Question(template, path, expected, method, content=content, operation=f"{method} {template}")
    return question._replace(**changed)


def _refused(method: str, template: str, path: str, body: object) -> Iterator[Question]:
    faulty = STATES if template == STATUS else [each for _, each in wrong()]
    yield from refused(method, template, path, body, faulty)
    yield from _nowhere(method, template, path, body)


def refused(method: str, template: str, path: str, body: object, faulty: Iterable[object]) -> Iterator[Question]:
    """What is wrong with a right `body`, as `faulty` is, or with how it is sent."""
    for each in faulty:
        # Null is a body too.
        yield asked(method, template, path, None, WRONG, content=json.dumps(each).encode())
    for content in (b"", b"{", b"\xff", b"[" * 20_000, b'"Paused"', b"{}"):
        yield asked(method, template, path, None, WRONG, content=content)
    for size in (LARGEST + 1, 20 * LARGEST):
        yield asked(method, template, path, None, frozenset({413}), content=b" " * size)
    for header, value in (
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/json; charset=utf-16"),
        ("Content-Encoding", "gzip"),
    ):
        headers = {"Authorization": BASIC, header: value}
        yield asked(method, template, path, body, frozenset({415}), headers=headers)
    headers = {"Authorization": BASIC, "Accept": "text/html"}
    yield asked(method, template, path, body, frozenset({406}), headers=headers)
    yield from as_nobody(method, template, path, body)


def as_nobody(method: str, template: str, path: str, body: object) -> Iterator[Question]:
    """Of others' fleets, and by who may not."""
    for headers in ({}, {"Authorization": "Bearer x"}):
        yield asked(method, template, path, body, frozenset({401}), headers=headers)
    yield asked(method, template, path, body, frozenset({401}), client=None)
    yield asked(method, template, path, body, UNSEEN, client=OTHER_CLIENT)
    yield asked(method, template, path, body, frozenset({429}), client=LIMITED_CLIENT)
    for fleet in (OTHER_FLEET, UNKNOWN):
        yield asked(method, template, path.replace(f"/{FLEET}/", f"/{fleet}/"), body, UNSEEN)
    for wrong_id in ("%20", "x" * 129):
        yield asked(method, template, path.replace(f"/{FLEET}/", f"/{wrong_id}/"), body, WRONG)


def _nowhere(method: str, template: str, path: str, body: object) -> Iterator[Question]:
    """Of monitors that are nobody's."""
    if template != MONITORS:
        monitor_id = path.removeprefix(f"{_ALL}/").partition("/")[0]
        yield asked(method, template, path.replace(f"/{FLEET}/", f"/{EMPTY_FLEET}/"), body, GONE)
        yield asked(method, template, path.replace(monitor_id, UNKNOWN), body, GONE)
        yield asked(method, template, path.replace(monitor_id, "a%00"), body, WRONG)
