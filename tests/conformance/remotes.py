"""Callbacks and remote actions to ask for: right ones of every kind, and a wrong one for each rule."""

from __future__ import annotations

from collections.abc import Iterator

from cloud_bridge.actions.callback import VARIABLES
from cloud_bridge.actions.life import REMOTE_TYPES
from tests.cloud_bridge.actions.bodies import (
    CALLBACK,
    CHARGING,
    CONDITIONING,
    LOCK,
    PARIS,
    Body,
    callback,
    conditioning,
)
from tests.cloud_bridge.api.test_callbacks import WRONG as WRONG_CALLBACKS

WHOLE = callback(
    label="remote-cb",
    retryPolicy={"policy": "Bounded", "retryNumber": 3, "retryDelay": 10},
    batchNotify={"size": 10, "timeWindow": 60},
    callback={
        "webhook": {
            **CALLBACK["callback"]["webhook"],
            "attributes": [
                {"type": "Header", "key": "Authorization", "value": "Basic c2FtcGxl"},
                *({"type": "Query", "key": name[1:], "value": name} for name in VARIABLES),
            ],
        }
    },
)
"""Has every field that there is."""
_AT = "2024-03-05T07:42:10+01:00"


def right_callbacks() -> Iterator[Body]:
    yield WHOLE
    yield CALLBACK
    for type_ in REMOTE_TYPES:
        yield callback(remoteTypes=[type_])
    for policy in ("None", "Bounded"):
        yield callback(retryPolicy={"policy": policy})
    yield callback(batchNotify={"size": 1})


def wrong_callbacks() -> Iterator[object]:
    for body, _ in WRONG_CALLBACKS:
        yield body


def right() -> Iterator[Body]:
    """One of every action, with every field that there is between them."""
    yield {"wakeUp": {"action": "WakeUp"}, "label": "wake it"}
    yield {**LOCK, "door": {"state": "Locked", "forced": True}}
    yield {"door": {"state": "Unlocked"}}
    yield from ({"horn": {"state": state}} for state in ("Activated", "Unactivated"))
    yield from ({"lights": {"on": on}} for on in (True, False))
    yield from (conditioning(immediate=immediate) for immediate in (True, False))
    programs = [
        {**CONDITIONING, "recurrence": "Daily", "actionsType": "Set"},
        {**CONDITIONING, "slot": 2, "actionsType": "Delete"},
    ]
    yield conditioning(immediate=True, programs=programs)
    yield from ({"charging": {"immediate": immediate}} for immediate in (True, False))
    yield {"charging": {"immediate": True, "schedule": {"programs": [CHARGING, {**CHARGING, "slot": 4}]}}}
    yield {"charging": {"schedule": {"nextDelayedTime": _AT}}}
    yield {"charging": {"nextDelayedTime": _AT}}
    yield {"charging": {"preferences": {"level": "Level3", "type": "Partial"}}}
    yield {"navigation": {"positions": [PARIS, {**PARIS, "coordinates": [2, 48, 35]}], "driverApproval": False}}
    yield from ({"immobilization": {"activate": activate}} for activate in (True, False))
    yield {"stolen": {"stolen": True}}
    yield {"stolen": {"trackingPeriod": {"running": 5, "shutdown": 60}}}
    yield {"stolen": {"immobilization": {"activate": True}}}


def wrong() -> Iterator[object]:
    yield from ({}, {"label": "nothing"}, [LOCK], None, "door", {**LOCK, "horn": {"state": "Activated"}}, {"doors": {}})
    yield from ({"door": state} for state in (None, {}, {"state": "Shut"}, {"state": "Locked", "colour": 1}))
    yield from (
        {"horn": {"state": "On"}},
        {"lights": {"on": 1}},
        {"wakeUp": {"action": "Sleep"}},
        {"ligths": {"on": True}},
    )
    yield from (conditioning(), conditioning(programs=[]), conditioning(programs=[{"slot": 1}]))
    yield conditioning(programs=[CONDITIONING, CONDITIONING])
    yield from (conditioning(programs=[{**CONDITIONING, "slot": slot}]) for slot in (0, 5, "1"))
    yield from (conditioning(programs=[{**CONDITIONING, "start": start}]) for start in ("7:15", "PT24H", "P1D"))
    yield from ({"charging": {}}, {"charging": {"schedule": {}}})
    yield {"charging": {"preferences": {}}}
    yield {"charging": {"schedule": {"programs": [CHARGING], "nextDelayedTime": _AT}}}
    yield {"charging": {"preferences": {"type": "Full"}, "immediate": True}}
    yield {"charging": {"schedule": {"nextDelayedTime": "PT22H"}}}
    yield from (
        {"navigation": {"positions": positions}} for positions in ([], [PARIS] * 11, [{"coordinates": [2, 48]}])
    )
    yield {"navigation": {"positions": [{**PARIS, "coordinates": [48, 200]}]}}
    yield from ({"stolen": stolen} for stolen in ({}, {"stolen": True, "immobilization": {"activate": True}}))
    periods: list[Body] = [{}, {"running": 4}, {"shutdown": 59}]
    yield from ({"stolen": {"trackingPeriod": each}} for each in periods)
