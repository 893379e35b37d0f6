"""What a vehicle's services have not, and what its user kept to himself, is as if it were not known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.api.scope import Scope
from cloud_bridge.records.model import Collision, Impact, Protection
from tests.cloud_bridge.api.world import CAR, MINUTE, MORNING, VAN, VEHICLE_PATH, Api

STATUS = f"{VEHICLE_PATH}/status"
LAST = f"{VEHICLE_PATH}/lastPosition"
TELEMETRY = f"{VEHICLE_PATH}/telemetry"
TRIPS = f"{VEHICLE_PATH}/trips"
TRIP = f"{TRIPS}/{{tid}}"
WAY_POINTS = f"{TRIP}/wayPoints"
ALERTS = f"{VEHICLE_PATH}/alerts"
ALARMS = f"{VEHICLE_PATH}/alarms"
COLLISIONS = f"{VEHICLE_PATH}/collisions"
MAINTENANCE = f"{VEHICLE_PATH}/maintenance"
USER = {"profile": "endUser"}
EVERYTHING = (
    STATUS, LAST, TELEMETRY, TRIPS, TRIP, WAY_POINTS, f"{TRIP}/telemetry", ALERTS, f"{ALERTS}/{{aid}}",
    f"{TRIP}/alerts", ALARMS, f"{ALARMS}/{{aid}}", COLLISIONS, f"{COLLISIONS}/{{cid}}", f"{TRIP}/collisions",
    MAINTENANCE, "/fleets/{fid}/status", "/fleets/{fid}/maintenances", "/fleets/{fid}/alerts", "/fleets/{fid}/trips",
    "/fleets/{fid}/collisions", VEHICLE_PATH,
)  # fmt: skip


def embedded(body: Any) -> list[Any]:
    (items,) = body["_embedded"].values()
    return list(items)


def minute_of(message: Any) -> int:
    hour, minute = map(int, message["createdAt"][11:16].split(":"))
    return (hour - 7) * 60 + minute


def test_a_vehicle_with_the_maintenance_service_alone_shows_its_maintenance_and_nothing_else(api: Api) -> None:
    api.subscribe("maintenance.*", "odometer.mileage")
    assert api.get(MAINTENANCE)["daysBeforeMaintenance"] == 210
    status = api.get(STATUS)
    assert status.keys() == {"_links", "vin", "createdAt", "updatedAt", "odometer"}
    assert status["updatedAt"] == "2024-03-05T08:50:00Z"
    messages = embedded(api.get(TELEMETRY, {"extension": "maintenance", "type": "vehicle"}))
    assert len(messages) == 12
    assert all(message["vehicle"].keys() == {"odometer"} for message in messages)
    assert messages[0]["_embedded"]["extension"].keys() == {"maintenance"}
    for template in (LAST, TRIPS, TRIP, WAY_POINTS, ALERTS, ALARMS, COLLISIONS, f"{TRIP}/collisions"):
        assert api.request(template).json()["code"] == 40400
    for template in ("/fleets/{fid}/alerts", "/fleets/{fid}/trips"):
        assert api.request(template).status_code == 404


@pytest.mark.parametrize("template", EVERYTHING)
def test_without_the_position_nothing_shows_or_leads_to_one(api: Api, template: str) -> None:
    api.subscribe("ignition", "odometer", "kinetic", "privacy", "environment", "maintenance", "doorsState", "trip",
                  "alert", "alarm", "collision")  # fmt: skip
    asked = {"extension": "location"} if template.endswith("telemetry") else {}
    if template in (LAST, WAY_POINTS):
        assert api.request(template).json()["code"] == 40400
        return
    body = json.dumps(api.get(template, asked))
    assert not any(word in body for word in ("coordinates", "lastPosition", "wayPoints", "waypoints"))


@pytest.mark.parametrize("template", EVERYTHING)
def test_a_service_with_nothing_that_the_vehicle_says_shows_nothing(api: Api, template: str) -> None:
    api.subscribe("wipingBlades")
    if template == VEHICLE_PATH:
        links = api.get(template, {"extension": "onboardCapabilities"})["_links"]
        assert links.keys() == {"self", "fleet", "status", "telemetry", "monitors", "remotes", "callbacks"}
        return
    body = api.request(template)
    assert VAN.vin not in body.text
    # The other vehicle of the fleet has all that it has.
    assert body.status_code == 404 or CAR.vin in body.text


def test_capabilities_are_those_of_the_services(api: Api) -> None:
    api.subscribe("odometer", "alert", "trip")
    data = api.get(VEHICLE_PATH, {"extension": "onboardCapabilities"})["_embedded"]["extension"]
    assert data["onboardCapabilities"]["data"] == [
        "data:telemetry", "data:telemetry:vehicle", "data:telemetry:vehicle:odometer", "data:trip", "data:alert",
    ]  # fmt: skip


def test_half_a_position_is_no_capability(api: Api) -> None:
    api.subscribe("odometer", "position.longitude", "position.heading")
    data = api.get(VEHICLE_PATH, {"extension": "onboardCapabilities"})["_embedded"]["extension"]
    assert "data:position" not in data["onboardCapabilities"]["data"]
    assert "lastPosition" not in api.get(VEHICLE_PATH)["_links"]


def test_a_trip_and_the_maintenance_link_only_what_the_services_have(api: Api) -> None:
    assert api.get(TRIP)["_links"].keys() == {"self", "vehicle", "waypoints", "alerts", "collisions"}
    assert api.get(MAINTENANCE)["_links"].keys() == {"self", "vehicle", "alerts"}
    api.subscribe("trip", "maintenance")
    assert api.get(TRIP)["_links"].keys() == {"self", "vehicle"}
    assert api.get(MAINTENANCE)["_links"].keys() == {"self", "vehicle"}


def test_messages_are_counted_by_what_is_shown_of_them(api: Api) -> None:
    every = api.get(TELEMETRY)["total"]
    api.subscribe("odometer.mileage", "ignition")
    body = api.get(TELEMETRY, {"pageSize": "5"})
    assert (body["total"], body["totalPage"]) == (12, 3)
    assert every == 120
    assert api.get(TELEMETRY, {"type": "vehicle.ignition"})["total"] == 4
    assert api.request(TELEMETRY, {"type": "environment"}).status_code == 404


def test_links_to_trips_are_there_only_where_trips_are_shown(api: Api) -> None:
    assert "trips" in api.get(f"{ALERTS}/{{aid}}")["_links"]
    api.subscribe("alert", "collision", "odometer")
    assert "trips" not in api.get(f"{ALERTS}/{{aid}}")["_links"]
    assert "trip" not in api.get(f"{COLLISIONS}/{{cid}}")["_links"]
    assert all("trip" not in message["_links"] for message in embedded(api.get(TELEMETRY)))


def test_of_a_collision_the_services_may_have_a_part(api: Api) -> None:
    api.subscribe("collision.side")
    (hit, bare) = embedded(api.get(COLLISIONS))
    assert hit["details"] == [{"side": "Front"}, {"side": "Lateral"}]
    assert not {"tippedOver", "pedestrian", "details"} & bare.keys()
    scope = Scope(frozenset({"collision.severity"}))
    collision = scope.see(Collision("c", 1, (Impact("Rear", "Major"),)))
    assert collision is not None
    assert collision.impacts == ()


def test_what_was_collected_under_geolocation_has_no_position_and_all_else(api: Api) -> None:
    api.protect("Geolocation", 9, 20)
    messages = embedded(api.get(TELEMETRY, {**USER, "extension": "location"}))
    assert [minute_of(one) for one in messages] == list(range(60))
    assert [minute_of(one) for one in messages if "_embedded" in one] == [
        minute for minute in range(0, 60, 2) if not 9 <= minute < 20
    ]
    trip = api.get(TRIP, USER)
    assert {"startPosition", "stopPosition"} <= trip.keys()
    assert len(embedded(api.get(WAY_POINTS, USER))) == len(embedded(api.get(WAY_POINTS))) - 5
    alert = api.get(f"{ALERTS}/{{aid}}", USER)
    assert "startPosition" not in alert
    assert "endPosition" in alert
    assert api.get(LAST, USER) == api.get(LAST)
    # The operator's view is another.
    assert "startPosition" in api.get(f"{ALERTS}/{{aid}}")


def test_what_was_collected_under_full_privacy_is_not_there(api: Api) -> None:
    api.protect("Full", 9, 16)
    messages = embedded(api.get(TELEMETRY, USER))
    assert [minute_of(one) for one in messages] == [minute for minute in range(67) if not 9 <= minute < 16]
    assert api.get(TELEMETRY, USER)["total"] == 113
    # The alert came on, and the collision happened, under it. The trip began before and ended after.
    assert api.request(f"{ALERTS}/{{aid}}", USER).json()["code"] == 40400
    assert [alert["id"] for alert in embedded(api.get(ALERTS, USER))] == ["a2", "a3"]
    assert [collision["id"] for collision in embedded(api.get(COLLISIONS, USER))] == ["c2"]
    assert api.get(TRIP, USER)["id"] == "t1"
    assert len(embedded(api.get(WAY_POINTS, USER))) == len(embedded(api.get(WAY_POINTS))) - 3


def test_how_the_vehicle_is_goes_by_the_privacy_of_now_and_what_was_before_by_that_of_then(api: Api) -> None:
    api.protect("Geolocation", 119)
    status = api.get(STATUS, USER)
    assert "lastPosition" not in status
    assert "position" not in status["alarm"]["trigger"]
    assert api.request(LAST, USER).status_code == 404
    assert "startPosition" in api.get(TRIP, USER)
    assert "position" in api.get(f"{ALARMS}/{{aid}}", record="r2")["trigger"]
    (old,) = [one for one in embedded(api.get(ALERTS, USER)) if one["id"] == "a1"]
    assert "startPosition" in old
    assert "position" not in old["_links"]


def test_full_privacy_now_hides_how_the_vehicle_is_and_leaves_what_was_shared_before(api: Api) -> None:
    api.protect("Full", 119)
    for template in (STATUS, LAST, MAINTENANCE):
        assert api.request(template, USER).json()["code"] == 40400
    assert VAN.vin not in api.request("/fleets/{fid}/status", USER).text
    assert api.get(TRIPS, USER)["total"] == 3
    assert api.get(TELEMETRY, USER)["total"] == 119


def test_of_what_was_said_under_full_privacy_the_status_tells_nothing_later(api: Api) -> None:
    api.protect("Full", 100, 118)
    status = api.get(STATUS, USER)
    assert status.keys() >= {"ignition", "kinetic", "lastPosition"}
    assert not {"odometer", "privacy"} & status.keys()


INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=6)


@given(INTERVALS, INTERVALS)
def test_the_times_that_may_be_shown_are_those_asked_without_those_kept_back(
    asked: list[tuple[int, int]], kept: list[tuple[int, int]]
) -> None:
    within: list[tuple[int, int]] = []
    for first, length in sorted(asked):
        start = max(first, within[-1][1] + 1 if within else 0)
        within.append((start, start + length + 1))
    protections = [Protection(str(first), first, "Full", first + length) for first, length in kept]
    shown = Scope(None, protections).times(within)
    inside = {at for first, end in within for at in range(first, end)}
    hidden = {at for first, length in kept for at in range(first, first + length)}
    assert {at for first, end in shown for at in range(first, end)} == inside - hidden
    assert all(first < end for first, end in shown)
    assert shown == sorted(shown)


def test_a_vehicle_s_services_are_known_when_its_records_are_asked_of_the_fleet(api: Api) -> None:
    api.subscribe("alert")
    alerts = embedded(api.get("/fleets/{fid}/alerts"))
    assert [alert["id"] for alert in alerts] == ["a1", "a2", "a3"]
    assert "coordinates" not in json.dumps(alerts)
    assert MORNING % MINUTE == 0
