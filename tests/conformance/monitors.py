"""Monitors to ask for: right ones of every kind, and a wrong one for each rule of the published body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloud_bridge.monitors.data import WATCHED, Watched
from cloud_bridge.monitors.parameter import EXTENSIONS, VARIABLES
from contract.catalog import Kind
from tests.cloud_bridge.monitors.bodies import WEBHOOK, Body, body, data, time, zone

NIGHT = {
    "recurrence": "Daily",
    "start": "PT22H",
    "duration": "PT8H",
    "occurence": {"day": ["Fri", "Sat"], "week": ["w1", "w34-w46"]},
}
FROM_THEN_ON = {"recurrence": "None", "start": "2024-03-05T07:00:00+01:00"}
LOW = data("low1", "vehicle.energy.electric.level", "lowerThan", "50")
ATTRIBUTES = [
    {"type": "Header", "key": "Authorization", "value": "Basic c2FtcGxl"},
    *({"type": "Body", "key": f"body{variable[1:]}", "value": variable} for variable in VARIABLES),
    {"type": "Query", "key": "vehicle", "value": "$vin"},
]


def with_webhook(**changed: Any) -> Body:
    return body(LOW, callback={"webhook": {**WEBHOOK, **changed}})


WHOLE = {
    **body(
        zone("out1", "Out"),
        time("night1", NIGHT, timeZone="Europe/Paris"),
        LOW,
        condition="(out1 & (low1 | night1))",
        refreshEvent=600,
        retryPolicy={"policy": "Bounded", "retryNumber": 3, "retryDelay": 120},
        batchNotify={"size": 10, "timeWindow": 300},
        callback={"webhook": {**WEBHOOK, "attributes": ATTRIBUTES}},
    ),
    "extendedEventParam": sorted(one for one in EXTENSIONS if not one.startswith("vehicle.telemetry.")),
}
"""Has every field that there is, and no value that only the published description has."""


def right() -> Iterator[Body]:
    yield WHOLE
    for watched in WATCHED.values():
        for operator in watched.operators:
            yield body(data("a", watched.name, operator, *_values(watched, operator)))
    for transition in ("In", "Out"):
        yield body(zone("z.1", transition))
    for entry in (NIGHT, FROM_THEN_ON, {**FROM_THEN_ON, "duration": "PT36H"}, {"start": "PT0H", "duration": "PT1H"}):
        yield body(time("t_1", entry))
    yield body(time("t", NIGHT, FROM_THEN_ON, timeZone="America/Argentina/Buenos_Aires"))
    fast = data("v", "vehicle.kinetic.speed", "greaterThan", "50")
    five = [zone("z1"), zone("z2", at=(5.0, 45.0)), LOW, time("t1", NIGHT), fast]
    yield body(*five, condition="((z1 & t1) | (z2 & !t1) | (low1 & z1) | (v & (z1|t1)))")
    yield body(LOW, condition="!low1")
    for policy in ("None", "Bounded", "Always"):
        yield body(LOW, retryPolicy={"policy": policy})
    yield body(LOW, batchNotify={"size": 1})
    yield body(LOW, refreshEvent=60)
    yield with_webhook(attributes=ATTRIBUTES)
    for extension in EXTENSIONS:
        yield {**body(LOW), "extendedEventParam": [extension]}


def _values(watched: Watched, operator: str) -> list[str]:
    if operator == "onChange":
        return []
    if watched.kind is Kind.BOOLEAN:
        return ["true"]
    return [watched.values[0]] if watched.values else ["50"]


def wrong() -> Iterator[tuple[str, object]]:
    """Each with the field that is at fault; empty for the whole."""
    for name in ("label", "subscribeParam", "triggerParam"):
        yield name, {key: value for key, value in WHOLE.items() if key != name}
    yield "", [WHOLE]
    yield "", None
    yield "colour", {**WHOLE, "colour": "blue"}
    yield "label", {**WHOLE, "label": None}
    yield "label", {**WHOLE, "label": "x" * 257}
    yield "extendedEventParam[0]", {**WHOLE, "extendedEventParam": ["environment.air.temp"]}
    yield from _wrong_subscriptions()
    yield from _wrong_triggers()
    yield from _wrong_conditions()


def _wrong_subscriptions() -> Iterator[tuple[str, object]]:
    place = "subscribeParam"
    for value in (59, 0, -60, "60", 60.5, None):
        yield f"{place}.refreshEvent", body(LOW, refreshEvent=value)
    yield f"{place}.retryPolicy", body(LOW, retryPolicy={})
    yield f"{place}.retryPolicy.policy", body(LOW, retryPolicy={"policy": "Sometimes"})
    for field in ("retryNumber", "retryDelay"):
        yield f"{place}.retryPolicy.{field}", body(LOW, retryPolicy={"policy": "Bounded", field: 0})
    yield "maxRetryNumber", body(LOW, retryPolicy={"policy": "Bounded", "maxRetryNumber": 3})
    yield f"{place}.batchNotify", body(LOW, batchNotify={"timeWindow": 60})
    yield f"{place}.batchNotify.size", body(LOW, batchNotify={"size": 0})
    yield f"{place}.batchNotify.timeWindow", body(LOW, batchNotify={"size": 1, "timeWindow": 4})
    yield f"{place}.callback", body(LOW, callback={"target": WEBHOOK["target"]})
    webhook = f"{place}.callback.webhook"
    yield webhook, body(LOW, callback={"webhook": {"target": WEBHOOK["target"]}})
    for target in (
        "",
        "partner",
        "http://a.example/",
        "ftp://a.example",
        "https://u:p@a.example",
        "https://a.example/#x",
    ):
        yield f"{webhook}.target", with_webhook(target=target)
    for attribute, field in (
        ({"type": "Cookie", "key": "a", "value": "b"}, "type"),
        ({"type": "Header", "key": "a b", "value": "c"}, "key"),
        ({"type": "Header", "key": "Content-Length", "value": "1"}, "key"),
        ({"type": "Header", "key": "a", "value": "b\r\nc: d"}, "value"),
        ({"type": "Body", "key": "a", "value": "$callbackID"}, "value"),
    ):
        yield f"{webhook}.attributes[0].{field}", with_webhook(attributes=[attribute])


def _wrong_triggers() -> Iterator[tuple[str, object]]:
    first = "triggerParam.triggers[0]"
    yield "triggerParam.triggers", body(condition="a")
    yield "triggerParam.triggers", body(*(zone(f"z{number}") for number in range(6)))
    yield "triggerParam.triggers[1].name", body(zone("z1"), zone("z1"), condition="z1")
    for name in ("", "1z", "z-1", "z1z", "é", "z..1"):
        yield f"{first}.name", body(zone(name), condition="z")
    yield first, body({"name": "a"})
    yield first, body({**zone("a"), **LOW, "name": "a"})
    yield f"{first}.zone.transition", body(zone("z", "Through"))
    yield f"{first}.zone.place.radius", body(zone("z", radius=0))
    yield f"{first}.zone.place.center.latitude", body(zone("z", at=(0.0, 90.5)))
    yield "circle", body({"name": "z", "zone": {"transition": "In", "circle": {}}})
    entry = f"{first}.time.times[0]"
    yield f"{first}.time.times", body(time("t"))
    yield f"{entry}.start", body(time("t", {"start": "PT24H", "duration": "PT1H"}))
    yield entry, body(time("t", {"duration": "PT1H"}))
    yield f"{entry}.duration", body(time("t", {"start": "PT1H"}))
    yield f"{entry}.occurence", body(time("t", {**FROM_THEN_ON, "occurence": NIGHT["occurence"]}))
    yield f"{entry}.start", body(time("t", {**FROM_THEN_ON, "start": "PT8H"}))
    yield f"{entry}.occurence.week[0]", body(time("t", {**NIGHT, "occurence": {"day": ["Fri"], "week": ["w53"]}}))
    yield f"{entry}.occurence.day[0]", body(time("t", {**NIGHT, "occurence": {"day": ["Friday"]}}))
    yield f"{first}.time.timeZone", body(time("t", NIGHT, timeZone="Europe/Nowhere"))
    yield f"{first}.data.data", body(data("a", "vehicle.colour", "onChange"))
    for watched in WATCHED.values():
        for operator in {"onChange", "equalsTo", "greaterThan", "lowerThan", "includedIn"} - {*watched.operators}:
            yield f"{first}.data.op", body(data("a", watched.name, operator, *_values(watched, operator)))
    yield f"{first}.data.op", body(data("a", "vehicle.odometer", "like", "50"))
    yield f"{first}.data.value", body(data("a", "vehicle.trip.start", "onChange", "true"))
    yield f"{first}.data.value", body(data("a", "vehicle.odometer", "equalsTo"))
    yield f"{first}.data.value[0]", body(data("a", "vehicle.odometer", "equalsTo", "far"))
    yield f"{first}.data.value[1]", body(data("a", "vehicle.trip.state", "includedIn", "Nominal", "Fine"))
    yield f"{first}.data.value[0]", body(data("a", "vehicle.kinetic.moving", "equalsTo", "yes"))


def _wrong_conditions() -> Iterator[tuple[str, object]]:
    place = "triggerParam.boolExp"
    broken = ("", "(low1", "low1)", "low1 low1", "low1 &", "& low1", "low2", "low1 && low1", "low1 and low1")
    for condition in (*broken, "low1 | !low1", "low1 & !low1", "!(low1 & !low1)"):
        yield place, body(LOW, condition=condition)
    speed = "vehicle.kinetic.speed"
    yield place, body(data("a", speed, "greaterThan", "50"), data("b", speed, "lowerThan", "40"))
    yield place, body(LOW, condition="(" * 10_000 + "low1" + ")" * 10_000)
