"""The systematic set of requests of remote control that write: callbacks and actions of every kind, right or not."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.asking import BASIC, UNKNOWN, WRONG, Question
from tests.conformance.remotes import WHOLE, right, right_callbacks, wrong, wrong_callbacks
from tests.conformance.world import EMPTY_FLEET, EVERYTHING, FLEET, World
from tests.conformance.writing import DONE, GONE, STATES, UNSEEN, Send, as_nobody, asked, refused

CALLBACKS = "/fleets/{fid}/remote/callbacks"
CALLBACK = f"{CALLBACKS}/{{cbid}}"
STATUS = f"{CALLBACK}/status"
REMOTES = "/fleets/{fid}/vehicles/{vid}/callbacks/{cbid}/remotes"
_ALL = f"/fleets/{FLEET}/remote/callbacks"
_MADE, _GONE = frozenset({200}), frozenset({204})


async def ask_all(send: Send, world: World) -> None:
    """`send` sends a question and judges the answer."""
    made = [await send(asked("POST", CALLBACKS, _ALL, one, _MADE)) for one in right_callbacks()]
    for question in refused("POST", CALLBACKS, _ALL, WHOLE, wrong_callbacks()):
        await send(question)
    callbacks = [f"{_ALL}/{answer.json()['callbackId']}" for answer in made]
    one, *_ = callbacks
    for body in right_callbacks():
        await send(asked("PUT", CALLBACK, one, body, DONE))
    for question in (*refused("PUT", CALLBACK, one, WHOLE, wrong_callbacks()), *_nowhere("PUT", CALLBACK, one, WHOLE)):
        await send(question)
    await send(asked("PUT", CALLBACK, one, WHOLE, DONE))
    for status in ("Paused", "Paused", "Running"):
        await send(asked("PUT", STATUS, f"{one}/status", {"status": status}, DONE))
    running = {"status": "Running"}
    for question in (
        *refused("PUT", STATUS, f"{one}/status", running, STATES),
        *_nowhere("PUT", STATUS, f"{one}/status", running),
    ):
        await send(question)
    await _ask_for_actions(send, world, one.rpartition("/")[2])
    for question in (*as_nobody("DELETE", CALLBACK, one, None), *_nowhere("DELETE", CALLBACK, one, None)):
        await send(question)
    await send(asked("DELETE", CALLBACK, one, None, frozenset({409})))
    for path in callbacks[1:]:
        await send(asked("DELETE", CALLBACK, path, None, _GONE))
        await send(asked("DELETE", CALLBACK, path, None, GONE))


async def _ask_for_actions(send: Send, world: World, callback: str) -> None:
    for recording in EVERYTHING.values():
        path = f"/fleets/{FLEET}/vehicles/{world.vehicles[recording.vin]}/callbacks/{callback}/remotes"
        for body in right():
            await send(asked("POST", REMOTES, path, body, DONE))
    vehicle = world.vehicles[EVERYTHING["None"].vin]
    path = f"/fleets/{FLEET}/vehicles/{vehicle}/callbacks/{callback}/remotes"
    for question in refused("POST", REMOTES, path, next(right()), wrong()):
        await send(question)
    for other, expected in ((path.replace(callback, UNKNOWN), GONE), (path.replace(vehicle, UNKNOWN), UNSEEN)):
        await send(asked("POST", REMOTES, other, next(right()), expected))
    for name in (vehicle, callback):
        await send(asked("POST", REMOTES, path.replace(name, "a%00"), next(right()), WRONG))


def _nowhere(method: str, template: str, path: str, body: object) -> Iterator[Question]:
    """Of callbacks that are nobody's."""
    callback = path.removeprefix(f"{_ALL}/").partition("/")[0]
    headers = {"Authorization": BASIC}
    yield asked(method, template, path.replace(f"/{FLEET}/", f"/{EMPTY_FLEET}/"), body, GONE, headers=headers)
    yield asked(method, template, path.replace(callback, UNKNOWN), body, GONE)
    yield asked(method, template, path.replace(callback, "a%00"), body, WRONG)
