"""Bodies of remote control: callbacks and actions to ask for."""

from __future__ import annotations

from typing import Any

from cloud_bridge.actions.life import REMOTE_TYPES

Body = dict[str, Any]

WEBHOOK = {"target": "https://partner.example.com/remotes", "name": "wh2"}
CALLBACK: Body = {"remoteTypes": list(REMOTE_TYPES), "callback": {"webhook": WEBHOOK}}
LOCK: Body = {"door": {"state": "Locked"}}
EVERY_DAY = {"day": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]}
CONDITIONING = {"slot": 1, "enabled": True, "start": "PT7H15M", "occurence": EVERY_DAY}
CHARGING = {"slot": 2, "enabled": True, "start": "PT22H", "end": "PT6H30M", "occurence": {"day": ["Sat", "Sun"]}}
PARIS = {"type": "Point", "coordinates": [2.3522, 48.8566]}


def conditioning(**asked: Any) -> Body:
    return {"preconditioning": {"airConditioning": asked}}


def callback(**changed: Any) -> Body:
    return {**CALLBACK, **changed}


def with_webhook(**changed: Any) -> Body:
    return callback(callback={"webhook": {**WEBHOOK, **changed}})
