"""Bodies of monitors, as a client would send them."""

from __future__ import annotations

import json
from typing import Any

from cloud_bridge.monitors.parameter import read
from cloud_bridge.monitors.watch import Watch, accepted

Body = dict[str, Any]
WEBHOOK = {"target": "https://partner.example.com/monitors", "name": "wh1"}


def body(*triggers: Body, condition: str | None = None, **subscription: Any) -> Body:
    """A monitor of `triggers`, of all of them at once unless `condition` says otherwise."""
    return {
        "label": "one",
        "subscribeParam": {"callback": {"webhook": WEBHOOK}, **subscription},
        "triggerParam": {
            "triggers": list(triggers),
            "boolExp": " & ".join(str(one["name"]) for one in triggers) if condition is None else condition,
        },
    }


def checked(asked: Body) -> Watch:
    return accepted(read(json.dumps(asked).encode()))


def data(name: str, datum: str, operator: str, *values: str) -> Body:
    return {"name": name, "data": {"data": datum, "op": operator, **({"value": list(values)} if values else {})}}


def zone(name: str, transition: str = "In", radius: int = 20, at: tuple[float, float] = (2.333333, 48.866667)) -> Body:
    center = {"longitude": at[0], "latitude": at[1]}
    return {"name": name, "zone": {"transition": transition, "place": {"radius": radius, "center": center}}}


def time(name: str, *times: Body, **more: Any) -> Body:
    return {"name": name, "time": {"times": list(times), **more}}
