from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from cloud_bridge.monitors.data import WATCHED, Operator
from cloud_bridge.monitors.parameter import read
from cloud_bridge.monitors.triggers import InTime, InZone, OfData
from cloud_bridge.monitors.watch import accepted, watch
from cloud_bridge.shapes.bodies import LARGEST, RefusedBodyError
from contract.catalog import Kind
from tests.cloud_bridge.monitors.bodies import WEBHOOK, Body, body, checked, data, time, zone
from tests.published import Published

LOW = data("low1", "vehicle.energy.electric.level", "lowerThan", "50")
RETRY = "subscribeParam.retryPolicy"
FIRST = "triggerParam.triggers[0]"
NIGHT = {"start": "PT22H", "duration": "PT8H"}


def refused(asked: Body) -> tuple[str, str]:
    with pytest.raises(RefusedBodyError) as found:
        checked(asked)
    return found.value.field, found.value.why


def with_(asked: Body, place: str, value: Any) -> Body:
    """`asked` with another value at a place, as `subscribeParam.refreshEvent`; of a list by its number."""
    copy: Any = json.loads(json.dumps(asked))
    at = copy
    *ways, last = place.split(".")
    for way in ways:
        at = at[int(way)] if way.isdigit() else at.setdefault(way, {})
    at[int(last) if last.isdigit() else last] = value
    return dict(copy)


def test_the_example_of_the_specification_is_a_watch() -> None:
    asked = body(
        zone("out1", "Out"),
        time("night1", NIGHT | {"recurrence": "Daily", "occurence": {"day": ["Fri"], "week": ["w1", "w34-w46"]}}),
        LOW,
        condition="(out1 & (low1 | night1))",
        refreshEvent=600,
        retryPolicy={"policy": "Bounded", "retryNumber": 3, "retryDelay": 120},
        batchNotify={"size": 10, "timeWindow": 300},
    )
    asked["subscribeParam"]["callback"]["webhook"] = WEBHOOK | {
        "attributes": [
            {"type": "Header", "key": "Authorization", "value": "Basic c2FtcGxl"},
            {"type": "Query", "key": "vehicle", "value": "$vin"},
        ]
    }
    asked["extendedEventParam"] = ["vehicle.position", "vehicle.telemetry.vehicle.energies"]
    made = checked(asked)
    assert [type(test) for test in made.tests] == [InZone, InTime, OfData]
    assert made.refresh_ms == 600_000
    assert made.data == ("vehicle.energy.electric.level",)


def test_a_monitor_is_told_again_as_it_was_given() -> None:
    asked = body(zone("z"), time("t1", NIGHT, timeZone="Etc/UTC"), LOW, retryPolicy={"policy": "None"})
    assert json.loads(msgspec.json.encode(read(json.dumps(asked).encode()))) == asked


def test_every_published_datum_is_known_and_no_other(shared: Path) -> None:
    published = Published(shared).resolve({"$ref": "#/components/schemas/DataTrigger"})["properties"]["data"]["enum"]
    assert list(WATCHED) == published


def test_the_published_sample_is_a_monitor_and_is_told_again_as_published(shared: Path) -> None:
    sample = (shared / "reference" / "examples" / "monitor-create-request.json").read_bytes()
    asked = read(sample)
    assert accepted(asked)
    told = json.loads(msgspec.json.encode(asked))
    Published(shared).assert_valid({"$ref": "#/components/schemas/MonitorParameter"}, told, "the monitor")
    assert told == json.loads(sample)


NAMED = ("onChange", "equalsTo", "includedIn")
COMPARED = ("equalsTo", "greaterThan", "lowerThan")
EITHER = ("onChange", "equalsTo")
PUBLISHED = {
    NAMED: (
        "vehicle.alert", "vehicle.powertrain.status", "vehicle.energy.charging.status", "privacy.state",
        "vehicle.drivingBehavior.mode", "vehicle.safety.autoECallTriggering", "vehicle.alarm.trigger.type",
    ),
    COMPARED: (
        "vehicle.odometer", "vehicle.engines.thermic.oil.temp", "vehicle.energy.electric.level",
        "vehicle.energy.electric.autonomy", "vehicle.energy.fuel.level", "vehicle.energy.fuel.autonomy",
        "vehicle.autonomy", "vehicle.kinetic.speed", "environment.air.temp", "vehicle.trip.duration",
        "vehicle.trip.distance", "vehicle.maintenance.daysBeforeMaintenance",
        "vehicle.maintenance.mileageBeforeMaintenance",
    ),
    EITHER: (
        "vehicle.energy.charging.plugged", "vehicle.energy.charging.type", "vehicle.kinetic.moving",
        "vehicle.safety.beltWarning", "vehicle.alarm.status.activation", "stolen.state",
    ),
    ("onChange",): (
        "vehicle.doorsState.lockedState", "vehicle.doorsState.opening", "vehicle.preconditioning.airConditioning",
        "vehicle.trip.start", "vehicle.trip.stop", "vehicle.trip",
    ),
    ("equalsTo", "includedIn"): ("vehicle.collision.side", "vehicle.collision.severity"),
    ("includedIn",): ("vehicle.trip.state",),
}  # fmt: skip
"""The data of triggers by their operators, as published."""
OPERATORS_OF = {datum: operators for operators, data_ in PUBLISHED.items() for datum in data_}


def test_the_table_of_operators_has_every_published_datum_once() -> None:
    assert sorted(WATCHED) == sorted(datum for data_ in PUBLISHED.values() for datum in data_)


@pytest.mark.parametrize("operator", get_args(Operator))
@pytest.mark.parametrize("datum", OPERATORS_OF)
def test_a_datum_goes_with_the_operators_that_the_table_gives_it_and_with_no_other(datum: str, operator: str) -> None:
    watched = WATCHED[datum]
    value = watched.values[0] if watched.values else "true" if watched.kind is Kind.BOOLEAN else "7"
    asked = body(data("x", datum, operator, *([] if operator == "onChange" else [value])))
    if operator in OPERATORS_OF[datum]:
        assert checked(asked).data == (datum,)
        return
    field, why = refused(asked)
    assert field == f"{FIRST}.data.op"
    assert why == f"`{operator}` does not go with {datum}: expected {', '.join(OPERATORS_OF[datum])}"


@pytest.mark.parametrize(
    ("place", "value", "field", "why"),
    [
        ("label", 5, "label", "Expected `str`"),
        ("label", "", "label", "length >= 1"),
        ("colour", "red", "", "unknown field `colour`"),
        ("subscribeParam.refreshEvent", 59, "subscribeParam.refreshEvent", ">= 60"),
        ("subscribeParam.refreshEvent", None, "subscribeParam.refreshEvent", "Expected `int`"),
        (RETRY, {}, RETRY, "required field `policy`"),
        (f"{RETRY}.policy", "Never", f"{RETRY}.policy", "'Never'"),
        (RETRY, {"policy": "Bounded", "retryNumber": 0}, f"{RETRY}.retryNumber", ">= 1"),
        (RETRY, {"policy": "Bounded", "maxRetryNumber": 3}, RETRY, "unknown field `maxRetryNumber`"),
        (RETRY, {"policy": "Always", "retryDelay": 259_201}, f"{RETRY}.retryDelay", "<= 259200"),
        ("subscribeParam.batchNotify", {"timeWindow": 60}, "subscribeParam.batchNotify", "required field `size`"),
        ("subscribeParam.batchNotify", {"size": 0}, "subscribeParam.batchNotify.size", ">= 1"),
        ("subscribeParam.batchNotify", {"size": 5, "timeWindow": 4}, "subscribeParam.batchNotify.timeWindow", ">= 5"),
        ("subscribeParam.callback", {}, "subscribeParam.callback", "required field `webhook`"),
        ("triggerParam.triggers", [], "triggerParam.triggers", "length >= 1"),
        ("triggerParam.triggers", [LOW] * 6, "triggerParam.triggers", "length <= 5"),
        ("triggerParam.triggers.0.name", "1low", f"{FIRST}.name", "matching regex"),
        ("triggerParam.triggers.0.name", "low1\n", f"{FIRST}.name", "matching regex"),
        ("triggerParam.triggers.0.name", "low__1", f"{FIRST}.name", "matching regex"),
        ("triggerParam.triggers.0.name", "n" * 65, f"{FIRST}.name", "length <= 64"),
        ("triggerParam.triggers.0.data.op", "onchange", f"{FIRST}.data.op", "'onchange'"),
        ("triggerParam.triggers.0.data.op", "includedIn", f"{FIRST}.data.op", "expected equalsTo, greaterThan"),
        ("triggerParam.triggers.0.data.data", "vehicle.colour", f"{FIRST}.data.data", "no datum of triggers"),
        ("triggerParam.triggers.0.data.value", [], f"{FIRST}.data.value", "needs a value"),
        ("triggerParam.triggers.0.data.value", ["half"], f"{FIRST}.data.value[0]", "expected a number"),
        ("triggerParam.triggers.0.data.value", ["nan"], f"{FIRST}.data.value[0]", "expected a number"),
        ("triggerParam.triggers.0.data.value", ["٣"], f"{FIRST}.data.value[0]", "expected a number"),
        ("triggerParam.triggers.0.data.value", [50], f"{FIRST}.data.value[0]", "Expected `str`"),
        ("triggerParam.boolExp", "(" * 10_000, "triggerParam.boolExp", "at most 1000 characters"),
        ("triggerParam.boolExp", "low1 & high1", "triggerParam.boolExp", "`high1` at character 8 is no trigger"),
        ("triggerParam.boolExp", "low1 | !low1", "triggerParam.boolExp", "always true"),
        ("triggerParam.boolExp", "low1 & !low1", "triggerParam.boolExp", "always false"),
        ("extendedEventParam", ["environment.air.temp"], "extendedEventParam[0]", "is none of"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_field_and_why(place: str, value: Any, field: str, why: str) -> None:
    found = refused(with_(body(LOW), place, value))
    assert found[0] == field
    assert why in found[1]


@pytest.mark.parametrize(
    ("trigger", "place", "why"),
    [
        (data("x", "vehicle.kinetic.moving", "equalsTo", "yes"), ".data.value[0]", "expected true or false"),
        (data("x", "privacy.state", "includedIn", "Full", "Half"), ".data.value[1]", "`Half` is none of None"),
        (data("x", "vehicle.alert", "equalsTo", "FuelLow"), ".data.value[0]", "is none of AbsBrakingSystemFault"),
        (data("x", "vehicle.trip.start", "onChange", "now"), ".data.value", "`onChange` has no value"),
        (data("x", "vehicle.trip.state", "onChange"), ".data.op", "expected includedIn"),
        ({"name": "x"}, "", "found none"),
        (zone("x") | {"data": LOW["data"]}, "", "found zone and data"),
        (zone("x", radius=0), ".zone.place.radius", ">= 1"),
        (zone("x", radius=18_001), ".zone.place.radius", "<= 18000"),
        (zone("x", at=(181, 0)), ".zone.place.center.longitude", "<= 180"),
        (zone("x", "Through"), ".zone.transition", "'Through'"),
        ({"name": "x", "zone": {"transition": "In", "circle": {}}}, ".zone", "unknown field `circle`"),
        (time("x"), ".time.times", "length >= 1"),
        (time("x", NIGHT | {"occurence": {"week": ["w1"]}}), ".time.times[0].occurence", "required field `day`"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused_with_its_field_and_why(trigger: Body, place: str, why: str) -> None:
    field, found = refused(body(LOW, trigger))
    assert field == f"triggerParam.triggers[1]{place}"
    assert why in found


def test_names_are_told_apart_by_every_letter_and_may_not_collide() -> None:
    assert checked(body(LOW, LOW | {"name": "Low1"}, condition="low1 | Low1"))
    field, why = refused(body(LOW, zone("z"), LOW))
    assert (field, why) == ("triggerParam.triggers[2].name", "`low1` is the name of trigger 0 already")


def test_of_all_but_included_in_only_the_first_value_counts() -> None:
    (test,) = checked(body(data("x", "vehicle.odometer", "greaterThan", "5000", "what"))).tests
    assert test == OfData("vehicle.odometer", "greaterThan", (5000.0,))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("http://partner.example.com/", "expected an address as https://"),
        ("ftp://partner.example.com/", "expected an address as https://"),
        ("partner.example.com", "expected an address as https://"),
        ("https:///monitors", "expected an address as https://"),
        ("https://partner.example.com:99999/", "expected an address as https://"),
        ("https://partner.example.com/a b", "expected an address as https://"),
        ("https://partner.example.com\\@localhost/", "expected an address as https://"),
        ("https://[::1", "expected an address as https://"),
        ("https://user:secret@partner.example.com/", "credentials do not belong"),
        ("http://user:secret@partner.example.com/", "expected an address as https://"),
        ("https://partner.example.com/#here", "never sent"),
    ],
)
def test_a_target_that_nothing_can_be_sent_to_safely_is_refused(target: str, why: str) -> None:
    field, found = refused(with_(body(LOW), "subscribeParam.callback.webhook.target", target))
    assert field == "subscribeParam.callback.webhook.target"
    assert why in found
    assert "secret" not in found


def test_http_will_do_where_the_bridge_allows_it() -> None:
    asked = with_(body(LOW), "subscribeParam.callback.webhook.target", "http://partner.example.com/")
    assert accepted(read(json.dumps(asked).encode()), insecure=True)


@pytest.mark.parametrize(
    ("attribute", "part", "why"),
    [
        ({"type": "Header", "key": "X Vehicle", "value": "1"}, "key", "no name of a header"),
        ({"type": "Header", "key": "Content-Length", "value": "1"}, "key", "the sender's own"),
        ({"type": "Header", "key": "Webhook-Signature", "value": "1"}, "key", "the sender's own"),
        ({"type": "Header", "key": "X", "value": "a\r\nHost: b"}, "value", "printable ASCII"),
        ({"type": "Body", "key": "X", "value": "$Vin"}, "value", "expected one of $vin, $monitorID, $fleetID, $vid"),
        ({"type": "Cookie", "key": "X", "value": "1"}, "type", "'Cookie'"),
    ],
)
def test_an_attribute_that_cannot_be_sent_is_refused(attribute: Body, part: str, why: str) -> None:
    field, found = refused(with_(body(LOW), "subscribeParam.callback.webhook.attributes", [attribute]))
    assert field == f"subscribeParam.callback.webhook.attributes[0].{part}"
    assert why in found


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff", b"[" * 60_000, b'{"label":' * 7_000],
    ids=["none", "cut", "not UTF-8", "deep", "nested"],
)
def test_what_is_no_monitor_at_all_is_refused(text: bytes) -> None:
    with pytest.raises(RefusedBodyError):
        read(text)


def test_a_body_is_not_read_beyond_its_limit() -> None:
    with pytest.raises(RefusedBodyError, match=f"at most {LARGEST} bytes"):
        read(b" " * (LARGEST + 1))


def test_what_was_accepted_once_is_watched_whatever_is_judged_of_it_now() -> None:
    """By other clocks, or other settings of where notifications may go."""
    never = body(
        data("a", "vehicle.kinetic.speed", "greaterThan", "5"), data("b", "vehicle.kinetic.speed", "lowerThan", "3")
    )
    never["subscribeParam"]["callback"]["webhook"] = {**WEBHOOK, "target": "http://partner.example.com/monitors"}
    asked = read(json.dumps(never).encode())
    with pytest.raises(RefusedBodyError):
        accepted(asked)
    with pytest.raises(RefusedBodyError, match="always false"):
        accepted(asked, insecure=True)
    assert watch(asked).data == ("vehicle.kinetic.speed",)
