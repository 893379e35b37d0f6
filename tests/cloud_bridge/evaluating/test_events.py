"""What an event tells: the published body, as of the event's date, and nothing that may not be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cloud_bridge.store.port.registry import Theft
from contract.upload import Event, Privacy, Reason
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.evaluating.world import DOOR, ENDED, FAST, OIL, STARTED, Watched, electric
from tests.cloud_bridge.monitors.bodies import Body, body, data, time, zone
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, PROFILE, VIN, Boot, encode
from tests.published import Published

BOOT = Boot()
EVERYTHING = [
    "vehicle.doorsState", "vehicle.status", "vehicle.maintenance", "vehicle.position", "vehicle.telemetry",
    "vehicle.telemetry.vehicle.doorsState", "vehicle.alerts", "vehicle.collisions", "vehicle.trip", "vehicle.stolen",
]  # fmt: skip
RICHER = PROFILE.replace(
    "[data]",
    """[data]
"maintenance.daysBeforeMaintenance" = { expression = "Motion.Speed" }
"alarm.status.activation" = { from = "Body.Door", values = { Closed = "Inactive", Open = "Active" } }
"alarm.trigger.type" = { from = "Lamps.Oil", values = { Off = "NoBreakIn", On = "RoofBreakIn" } }
"collision.side" = { from = "Body.Door", values = { Open = "Rear" } }
"doorsState.locked" = { from = "Body.Door", values = { Closed = "Locked", Open = "Unlocked" } }
""",
)
SCHEMAS = {
    "doorState": "DoorsState", "status": "Status", "maintenance": "Maintenance", "position": "Position",
    "telemetry": "Telemetry", "collisions": "Collision", "trip": "Trip", "stolen": "Stolen",
}  # fmt: skip


class Target:
    """Who gets the notifications, and holds them to what is published."""

    def __init__(self, shared: Path) -> None:
        self.webhook = Published(shared, "connectedcar-b2b-webhook-v3")
        self.api = Published(shared)
        self.api.without_links()

    def check(self, event: Any) -> None:
        # Documents are those of the other specification: here they are any object.
        outline = json.loads(json.dumps(event))
        for value in outline["values"]:
            inner = value["value"]["body"]
            inner.update({"objectValues": [{}]} if "objectValues" in inner else {})
        for extension in outline["extensions"]:
            extension["body"] = {name: type(shown)() for name, shown in extension["body"].items()}
        self.webhook.assert_valid({"$ref": "#/components/schemas/MonitorEvent"}, outline, "the event")
        for value in event["values"]:
            for shown in value["value"]["body"].get("objectValues", ()):
                name = "Alert" if value["value"]["type"] == "obj.alert" else "Collision"
                self.api.assert_valid({"$ref": f"#/components/schemas/{name}"}, shown, name)
        for extension in event["extensions"]:
            ((field, shown),) = extension["body"].items()
            for one in shown if field == "alerts" else [shown]:
                name = SCHEMAS.get(field, "Alert")
                self.api.assert_valid({"$ref": f"#/components/schemas/{name}"}, one, name)


@pytest.fixture(scope="module")
def target(shared: Path) -> Target:
    return Target(shared)


@pytest.fixture
def watched(cloud: Cloud, tmp_path: Path) -> Watched:
    (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(RICHER, encoding="utf-8")
    cloud.now_ms = EPOCH_MS + 1_000_000
    return Watched(cloud)


def asked(*triggers: Body, condition: str | None = None, **subscription: Any) -> Body:
    return body(*triggers, condition=condition, **subscription) | {"extendedEventParam": EVERYTHING}


def shown(event: Any) -> dict[str, Any]:
    """The extensions by type; of several of one type the last."""
    return {one["type"]: next(iter(one["body"].values())) for one in event["extensions"]}


def literals(event: Any) -> dict[str, str]:
    return {one["data"]: one["value"]["body"].get("literalValue") for one in event["values"]}


def test_an_event_is_as_published_with_everything_it_can_tell(watched: Watched, target: Target) -> None:
    watched.kept.add("m", asked(FAST, refreshEvent=60), EPOCH_MS)
    crash = replace(BOOT.upload(1, oil=True), reason=Reason.EVENT, events=(Event(14_321, "crash"),))
    watched.cloud.registry.add_theft(VIN, Theft("t1", EPOCH_MS + 5000, None, EPOCH_MS + 6000, EPOCH_MS + 6000))
    watched.say(BOOT.payload(0, door=False), encode(crash), BOOT.payload(2, speed_kmh=60.0, door=True))
    watched.say(BOOT.payload(8, speed_kmh=61.0))
    event, reminder = watched.bodies()
    for one in (event, reminder):
        target.check(one)
    assert [one["refresh"] for one in (event, reminder)] == [False, True]
    assert (event["fleetId"], event["vin"], event["eventDate"]) == ("f1", VIN, "2023-11-14T22:13:40Z")
    assert event["values"] == [
        {"data": "vehicle.kinetic.speed", "value": {"type": "string", "body": {"literalValue": "60"}}}
    ]
    assert [one["type"] for one in event["extensions"]] == [
        "vehicle.doorsState", "vehicle.status", "vehicle.maintenance", "vehicle.position", "vehicle.telemetry",
        "vehicle.telemetry", "vehicle.alerts", "vehicle.collisions", "vehicle.trip", "vehicle.stolen",
    ]  # fmt: skip
    found = shown(event)
    assert found["vehicle.status"]["kinetic"]["speed"] == 60.0
    assert found["vehicle.status"]["stolen"]["state"] is True
    assert found["vehicle.status"]["alarm"]["trigger"]["type"] == "RoofBreakIn"
    assert [alert["type"] for alert in found["vehicle.alerts"]] == ["EngineOilPressureFailure"]
    assert found["vehicle.collisions"]["details"] == [{"side": "Rear"}]
    assert (found["vehicle.trip"]["done"], "distance" in found["vehicle.trip"]) == (False, False)
    assert found["vehicle.stolen"]["startPosition"]["properties"]["createdAt"] == "2023-11-14T22:13:25Z"
    every, doors = (one["body"]["telemetry"] for one in event["extensions"] if one["type"] == "vehicle.telemetry")
    assert (every["createdAt"], every["vehicle"]["kinetic"]) == (event["eventDate"], {"speed": 60.0})
    assert (doors["createdAt"], set(doors["vehicle"])) == ("2023-11-14T22:13:20.100Z", {"doorsState"})
    assert "_links" not in json.dumps(event)


def test_everything_is_of_the_date_of_the_event_however_late_it_is_told(watched: Watched, target: Target) -> None:
    watched.kept.add("m", asked(FAST), EPOCH_MS)
    watched.say(
        BOOT.payload(0, oil=True, door=False),
        BOOT.payload(1, speed_kmh=60.0),
        BOOT.payload(2, speed_kmh=80.0, oil=False, door=True),
        BOOT.payload(3, ignition=False, reason=Reason.SLEEP),
    )
    (event,) = watched.bodies()
    target.check(event)
    found = shown(event)
    assert found["vehicle.position"]["properties"]["createdAt"] == event["eventDate"] == "2023-11-14T22:13:30Z"
    assert found["vehicle.doorsState"] == {
        "createdAt": "2023-11-14T22:13:20.100Z",
        "lockedStates": ["Locked"],
        "opening": [{"identifier": "Driver", "state": "Closed"}],
    }
    (alert,) = found["vehicle.alerts"]
    assert (alert["active"], "endAt" in alert) == (True, False)
    assert found["vehicle.trip"]["done"] is False
    assert found["vehicle.maintenance"]["daysBeforeMaintenance"] == 60
    assert "vehicle.collisions" not in found
    assert "vehicle.stolen" not in found


def test_alerts_and_collisions_are_told_as_objects(watched: Watched, target: Target) -> None:
    hit = data("hit1", "vehicle.collision.side", "includedIn", "Rear", "Front")
    monitors = [
        watched.kept.add("a", asked(OIL), EPOCH_MS),
        watched.kept.add("b", asked(data("any1", "vehicle.alert", "onChange")), EPOCH_MS),
        watched.kept.add("c", asked(hit), EPOCH_MS),
    ]
    crash = replace(BOOT.upload(1, oil=True, door=True), reason=Reason.EVENT, events=(Event(10_100, "crash"),))
    watched.say(BOOT.payload(0, oil=False), encode(crash), BOOT.payload(2, oil=False))
    for one in watched.bodies():
        target.check(one)
    found = {(row[0], row[1]): event for row, event in zip(watched.rows(), watched.bodies(), strict=True)}
    on, going, gone = (found[monitors[0], 10.1], found[monitors[1], 10.1], found[monitors[1], 20.1])
    for event, active in ((on, True), (going, True), (gone, False)):
        (value,) = event["values"]
        assert (value["data"], value["value"]["type"]) == ("vehicle.alert", "obj.alert")
        (alert,) = value["value"]["body"]["objectValues"]
        assert (alert["type"], alert["active"]) == ("EngineOilPressureFailure", active)
    (value,) = found[monitors[2], 10.1]["values"]
    assert (value["data"], value["value"]["type"]) == ("vehicle.collision.side", "obj.collision")
    assert value["value"]["body"]["objectValues"][0]["details"] == [{"side": "Rear"}]


def test_other_data_are_told_as_texts_also_those_of_which_only_a_change_counts(
    watched: Watched, target: Target
) -> None:
    locked = data("lock1", "vehicle.doorsState.lockedState", "onChange")
    monitors = [
        watched.kept.add("d", asked(DOOR), EPOCH_MS),
        watched.kept.add("l", asked(locked), EPOCH_MS),
        watched.kept.add("s", asked(STARTED), EPOCH_MS),
        watched.kept.add("e", asked(ENDED, data("n1", "vehicle.trip.state", "includedIn", "Nominal")), EPOCH_MS),
        watched.kept.add("z", asked(zone("in1", radius=10_000)), EPOCH_MS),
        watched.kept.add("b", asked(data("b1", "vehicle.alarm.status.activation", "onChange"), FAST,
                                    condition="b1 & !fast1"), EPOCH_MS),
    ]  # fmt: skip
    watched.say(BOOT.payload(0, ignition=False, speed_kmh=0.0, door=False))
    watched.say(BOOT.payload(1), BOOT.payload(2, door=True))
    watched.say(BOOT.payload(3, ignition=False, reason=Reason.SLEEP))
    for one in watched.bodies():
        target.check(one)
    by_monitor = {row[0]: event for row, event in zip(watched.rows(), watched.bodies(), strict=True)}
    found = [literals(by_monitor[monitor]) for monitor in monitors]
    assert found[0] == {"vehicle.doorsState.opening": "Driver=Open"}
    assert found[1] == {"vehicle.doorsState.lockedState": "Unlocked"}
    trip_id = shown(by_monitor[monitors[2]])["vehicle.trip"]["id"]
    assert found[2] == {"vehicle.trip.start": trip_id}
    assert found[3] == {"vehicle.trip.stop": trip_id, "vehicle.trip.state": "Nominal"}
    assert shown(by_monitor[monitors[3]])["vehicle.trip"]["done"] is True
    assert found[4] == {}
    assert found[5] == {"vehicle.alarm.status.activation": "Active", "vehicle.kinetic.speed": "36"}


def test_a_service_shows_in_events_what_it_shows_in_documents(watched: Watched, target: Target) -> None:
    watched.cloud.registry.subscribe(VIN, ["driving"], 1)
    watched.kept.add("m", asked(FAST), EPOCH_MS)
    watched.cloud.registry.add_theft(VIN, Theft("t1", EPOCH_MS + 5000))
    watched.say(BOOT.payload(0, door=True, oil=True), BOOT.payload(1, speed_kmh=60.0))
    (event,) = watched.bodies()
    target.check(event)
    found = shown(event)
    assert set(found) == {"vehicle.status", "vehicle.telemetry", "vehicle.trip"}
    assert set(found["vehicle.status"]) == {"vin", "createdAt", "updatedAt", "kinetic"}
    assert "startPosition" not in found["vehicle.trip"]


def test_where_a_vehicle_is_that_keeps_it_to_itself_is_not_told(watched: Watched, target: Target) -> None:
    watched.kept.add("m", asked(FAST), EPOCH_MS)
    private = [BOOT.upload(0, oil=True), BOOT.upload(1, speed_kmh=60.0)]
    watched.say(*[encode(replace(one, privacy=Privacy.GEOLOCATION)) for one in private])
    (event,) = watched.bodies()
    target.check(event)
    assert "coordinates" not in json.dumps(event)
    assert shown(event)["vehicle.status"]["privacy"]["state"] == "Geolocation"


def test_the_published_monitor_from_uploads_to_what_is_sent(
    watched: Watched, target: Target, shared: Path, tmp_path: Path
) -> None:
    """An electric car in Paris, low at 49.5 %, and out of town at night: as in the published example."""
    electric(tmp_path)
    examples = shared / "reference" / "examples"
    published = json.loads((examples / "monitor-create-request.json").read_text())
    watched.kept.add("m", published, EPOCH_MS)
    # The circle is around Paris; the test car drives in the west of it, 87 km away.
    watched.say(BOOT.payload(0, speed_kmh=80.0), BOOT.payload(1, speed_kmh=60.0), BOOT.payload(2, speed_kmh=49.5))
    (event,) = watched.bodies()
    target.check(event)
    sent = json.loads((examples / "monitor-webhook-b2b.json").read_text())["events"][0]
    assert event.keys() == sent.keys()
    assert {"data": "vehicle.energy.electric.level", "value": sent["values"][0]["value"]} in event["values"]
    asked_for = published["extendedEventParam"]
    assert [one["type"] for one in event["extensions"]] == [
        "vehicle.telemetry" if name.startswith("vehicle.telemetry") else name for name in asked_for
    ]


def test_a_time_trigger_tells_what_is_known_when_it_begins(watched: Watched, target: Target) -> None:
    late = time("late1", {"start": "PT22H14M", "duration": "PT1H"}, timeZone="Etc/UTC")
    watched.kept.add("m", asked(late, FAST, condition="late1 & fast1"), EPOCH_MS)
    watched.say(BOOT.payload(0, speed_kmh=70.0), BOOT.payload(1, speed_kmh=80.0))
    (event,) = watched.bodies()
    target.check(event)
    assert event["eventDate"] == "2023-11-14T22:14:00Z"
    assert literals(event) == {"vehicle.kinetic.speed": "80"}
    assert shown(event)["vehicle.position"]["properties"]["createdAt"] == "2023-11-14T22:13:39Z"
