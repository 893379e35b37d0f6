from __future__ import annotations

from typing import Any

import pytest

from cloud_bridge.api.parameters import TELEMETRY_TYPES
from cloud_bridge.api.rendering import PLACES
from cloud_bridge.api.telemetry import kinds_of
from cloud_bridge.records.model import Alarm, Message, Position
from contract.catalog import DATA, TELEMETRY_KINDS
from tests.cloud_bridge.api.test_status import any_value
from tests.cloud_bridge.api.world import CAR, FLEET, MINUTE, MORNING, ROOT, VAN, VEHICLE_PATH, Api, position

TELEMETRY = f"{VEHICLE_PATH}/telemetry"
TRIP_TELEMETRY = f"{VEHICLE_PATH}/trips/{{tid}}/telemetry"
KINDS = frozenset(datum.telemetry for datum in DATA.values() if datum.telemetry)


def messages_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = body["_embedded"]["telemetries"]
    return messages


def test_messages_come_in_ascending_time_sixty_at_a_time(api: Api) -> None:
    body = api.get(TELEMETRY)
    times = [message["createdAt"] for message in messages_of(body)]
    assert times == sorted(times)
    assert (len(times), body["total"], body["totalPage"]) == (60, 120, 2)


def test_a_message_holds_what_was_said_at_its_instant(api: Api) -> None:
    (message,) = messages_of(api.get(TELEMETRY, {"indexRange": "10-10"}))
    assert message["createdAt"] == "2024-03-05T07:10:00Z"
    assert message["privacy"] == {"state": "None"}
    assert message["vehicle"] == {"odometer": {"mileage": 12965.5}, "kinetic": {"speed": 30.0, "moving": True}}
    assert message["environment"] == {"air": {"temp": 11.5}}
    assert "_embedded" not in message


def test_the_address_of_a_message_is_the_telemetry_of_its_instant(api: Api) -> None:
    (message,) = messages_of(api.get(TELEMETRY, {"indexRange": "10-10"}))
    again = api.follow(TELEMETRY, message["_links"]["self"]["href"])
    assert messages_of(again) == [message]


def test_a_message_leads_to_the_trip_it_belongs_to(api: Api) -> None:
    messages = messages_of(api.get(TELEMETRY, {"pageSize": "2000"}))
    trips = [message["_links"].get("trip", {"href": ""})["href"].rpartition("/")[2] for message in messages]
    assert trips == [
        *["t1"] * 31, *[""] * 9, *["t2"] * 11, *[""] * 9, *["t3"] * 2, *[""] * 38, *["t4"] * 20,
    ]  # fmt: skip


def test_ignition_keeps_its_time_in_telemetry_and_other_blocks_do_not(api: Api) -> None:
    (message,) = messages_of(api.get(TELEMETRY, {"type": "vehicle.ignition", "indexRange": "1-1"}))
    assert message["vehicle"] == {"ignition": {"type": "Start", "createdAt": "2024-03-05T07:30:00Z"}}


@pytest.mark.parametrize("kind", TELEMETRY_TYPES)
def test_every_type_selects_its_data_and_shows_nothing_else(api: Api, kind: str) -> None:
    data = {key: any_value(DATA[key]) for key, datum in DATA.items() if datum.telemetry}
    data["alarm.trigger.type"] = "HoodDoorBreakIn"
    api.reader.all_records[VAN.vin] = [Alarm("r9", MORNING - MINUTE, trigger="HoodDoorBreakIn")]
    api.reader.all_messages[VAN.vin] = [Message(MORNING, data), Message(MORNING + MINUTE, {"kinetic.speed": 3.0})]
    messages = messages_of(api.get(TELEMETRY, {"type": kind}))
    assert len(messages) == (2 if kind == "vehicle" else 1)
    block, _, name = kind.partition(".")
    shown = set(messages[0]) - {"_links", "createdAt"}
    assert shown == {block}
    if name:
        assert messages[0]["vehicle"].keys() == {"lightingSystem" if name == "lighting" else name.split(".")[0]}


def test_a_break_in_is_told_with_its_start_as_long_as_it_is_said(api: Api) -> None:
    said = ("VolumetricBreakIn", "NoBreakIn", "VolumetricBreakIn", "VehicleLifting", "VehicleLifting", "KeyLearning")
    api.reader.all_messages[VAN.vin] = [
        Message(MORNING + minute * MINUTE, {"alarm.trigger.type": value}) for minute, value in enumerate(said)
    ]
    api.reader.all_records[VAN.vin] = [
        Alarm("r1", MORNING - MINUTE, trigger="VolumetricBreakIn", position=position(0)),
        Alarm("r2", MORNING + 2 * MINUTE, trigger="VolumetricBreakIn"),
        Alarm("r3", MORNING + 2 * MINUTE + 1, activation="Active"),
        Alarm("r4", MORNING + 3 * MINUTE, trigger="VehicleLifting"),
    ]
    found = messages_of(api.get(TELEMETRY, {"type": "vehicle.alarm.trigger"}))
    # Nothing is said of what began at no known time, nor of an alarm at rest.
    assert [message.get("vehicle", {}).get("alarm", {}).get("trigger", {}).get("startAt") for message in found] == [
        "2024-03-05T06:59:00Z", "2024-03-05T07:02:00Z", "2024-03-05T07:03:00Z", "2024-03-05T07:03:00Z", None,
    ]  # fmt: skip
    assert "position" in found[0]["vehicle"]["alarm"]["trigger"]
    api.protect("Geolocation")
    (first, *_) = messages_of(api.get(TELEMETRY, {"type": "vehicle.alarm.trigger", "profile": "endUser"}))
    assert first["vehicle"]["alarm"]["trigger"].keys() == {"type", "startAt"}


def test_several_types_are_a_union(api: Api) -> None:
    body = api.get(TELEMETRY, [("type", "environment"), ("type", "vehicle.doorsState")])
    assert body["total"] == 12
    assert [set(message) - {"_links", "createdAt"} for message in messages_of(body)][:2] == [
        {"environment", "vehicle"},
        {"environment"},
    ]


def test_the_types_of_the_catalog_are_the_published_ones() -> None:
    assert set(TELEMETRY_TYPES) == set(TELEMETRY_KINDS)
    assert kinds_of((), KINDS) == KINDS
    assert kinds_of(("vehicle",), KINDS) == KINDS - {"environment", "privacy"}
    assert kinds_of(("vehicle.lighting",), KINDS) == {"vehicle.lightingSystem"}


def test_all_data_at_once_are_as_published(api: Api) -> None:
    data = {key: any_value(DATA[key]) for key in PLACES if DATA[key].telemetry}
    api.reader.all_messages[VAN.vin] = [Message(MORNING, data)]
    (message,) = messages_of(api.get(TELEMETRY))
    vehicle = message["vehicle"]
    assert "createdAt" not in vehicle["doorsState"]
    assert vehicle["wipingBlades"]["createdAt"] == message["createdAt"]


def test_a_message_between_two_positions_is_where_the_nearer_one_is(api: Api) -> None:
    def at(ms: int, longitude: float | None = None) -> Message:
        where = None if longitude is None else Position(MORNING + ms, longitude, 48.0)
        return Message(MORNING + ms, {} if where else {"doorsState.opening.Driver": "Open"}, where)

    said = [at(0), at(1000, 1.0), at(1499), at(1500), at(1501), at(2000, 2.0), at(3000), at(3001)]
    api.reader.all_messages[VAN.vin] = said
    query = [("extension", "location"), ("type", "vehicle.doorsState")]
    found = [
        message["_embedded"]["extension"]["location"]["geometry"]["coordinates"][0] if "_embedded" in message else None
        for message in messages_of(api.get(TELEMETRY, query))
    ]
    assert found == [1.0, 1.0, 1.0, 2.0, 2.0, None]


def test_locations_come_only_with_their_extension_and_without_a_time(api: Api) -> None:
    messages = messages_of(api.get(TELEMETRY, {"extension": "location", "indexRange": "0-1"}))
    location = messages[0]["_embedded"]["extension"]["location"]
    assert location["geometry"]["coordinates"] == [10.0, 0.0, 62.0]
    assert "createdAt" not in location["properties"]
    assert "_embedded" not in messages[1]


def test_maintenance_comes_with_its_extension_its_vin_and_its_time(api: Api) -> None:
    query = [("extension", "maintenance"), ("extension", "location"), ("indexRange", "0-1")]
    messages = messages_of(api.get(TELEMETRY, query))
    extension = messages[0]["_embedded"]["extension"]
    assert extension["maintenance"] == {
        "vin": VAN.vin,
        "daysBeforeMaintenance": 210,
        "mileageBeforeMaintenance": -12.5,
        "createdAt": "2024-03-05T07:00:00Z",
    }
    assert "location" in extension


def test_timestamps_select_messages_both_ends_included(api: Api) -> None:
    body = api.get(TELEMETRY, {"timestamps": "2024-03-05T07:05:00Z/2024-03-05T07:07:00Z"})
    assert [message["createdAt"] for message in messages_of(body)] == [
        "2024-03-05T07:05:00Z",
        "2024-03-05T07:06:00Z",
        "2024-03-05T07:07:00Z",
    ]


def test_an_unencoded_plus_in_a_timestamp_is_understood(api: Api) -> None:
    body = api.get(TELEMETRY, "timestamps=2024-03-05T08:05:00+01:00/PT1M")
    assert [message["createdAt"] for message in messages_of(body)] == ["2024-03-05T07:05:00Z", "2024-03-05T07:06:00Z"]
    encoded = api.get(TELEMETRY, {"timestamps": "2024-03-05T08:05:00+01:00/PT1M"})
    assert messages_of(encoded) == messages_of(body)


def test_ranges_are_a_union_in_which_no_message_comes_twice(api: Api) -> None:
    query = [
        ("timestamps", "2024-03-05T07:10:00Z/PT1M"),
        ("timestamps", "2024-03-05T07:11:00Z/PT1M"),
        ("timestamps", "R2/2024-03-05T07:20:00Z/PT10M/PT0S"),
    ]
    minutes = [str(message["createdAt"])[14:16] for message in messages_of(api.get(TELEMETRY, query))]
    assert minutes == ["10", "11", "12", "20", "30"]


def test_an_endless_repetition_of_short_windows_is_cut_to_the_data(api: Api) -> None:
    body = api.get(TELEMETRY, {"timestamps": "R/1970-01-01T00:00:00Z/PT30M/PT1M"})
    assert [str(message["createdAt"])[11:16] for message in messages_of(body)] == [
        "07:00", "07:01", "07:30", "07:31", "08:00", "08:01", "08:30", "08:31",
    ]  # fmt: skip


def test_windows_without_end_are_refused_where_the_data_would_need_too_many(api: Api) -> None:
    last = MORNING + 400 * 24 * 60 * MINUTE
    api.reader.all_messages[VAN.vin].append(Message(last, {"kinetic.speed": 1.0}))
    api.reader.all_messages[VAN.vin].insert(0, Message(MORNING - last // 10, {"kinetic.speed": 1.0}))
    response = api.request(TELEMETRY, {"timestamps": "R/1970-01-01T00:00:00Z/PT1M/PT1S"})
    assert response.status_code == 400
    assert "10000 windows" in response.json()["message"]


def test_nothing_to_return_is_404_with_code_40400(api: Api) -> None:
    for query in (
        {"timestamps": "/2024-03-05T06:00:00Z"},
        {"timestamps": "2024-03-05T21:00:00Z/"},
        {"type": "vehicle.adas"},
        {"indexRange": "120-"},
    ):
        response = api.request(TELEMETRY, query)
        assert (response.status_code, response.json()["code"]) == (404, 40400), query
    assert api.request(TELEMETRY, vehicle=CAR.id).json()["code"] == 40400


def test_pages_together_are_the_whole_once_and_in_order(api: Api) -> None:
    query = [("pageSize", "7"), ("indexRange", "3-60"), ("type", "vehicle"), ("timestamps", "2024-03-05T07:00:00Z/")]
    page = api.get(TELEMETRY, query)
    first, pages, seen = page, 1, [message["createdAt"] for message in messages_of(page)]
    while "next" in page["_links"]:
        following = api.follow(TELEMETRY, page["_links"]["next"]["href"])
        assert api.follow(TELEMETRY, following["_links"]["prev"]["href"])["_embedded"] == page["_embedded"]
        page, pages = following, pages + 1
        assert page["currentPage"] == pages
        seen += [message["createdAt"] for message in messages_of(page)]
    whole = api.get(TELEMETRY, {"indexRange": "3-60", "pageSize": "2000"})
    assert seen == [message["createdAt"] for message in messages_of(whole)]
    assert len(seen) == 58 == page["total"]
    assert (pages, page["totalPage"]) == (9, 9)
    assert api.follow(TELEMETRY, page["_links"]["self"]["href"]) == page
    assert api.follow(TELEMETRY, page["_links"]["last"]["href"])["_embedded"] == page["_embedded"]
    assert api.follow(TELEMETRY, page["_links"]["first"]["href"])["_embedded"] == first["_embedded"]


def test_a_page_keeps_the_query_it_was_asked_with_whatever_is_appended(api: Api) -> None:
    page = api.get(TELEMETRY, {"type": "environment", "pageSize": "5"})
    href = page["_links"]["next"]["href"]
    appended = api.follow(TELEMETRY, f"{href}&pageSize=1&type=vehicle&x=y")
    assert appended["_embedded"] == api.follow(TELEMETRY, href)["_embedded"]
    assert len(messages_of(appended)) == 5


def test_up_to_now_means_the_same_on_every_page(api: Api) -> None:
    page = api.get(TELEMETRY, {"timestamps": "2024-03-05T07:00:00Z/", "pageSize": "60"})
    api.reader.all_messages[VAN.vin].append(Message(MORNING + 1000 * MINUTE, {"kinetic.speed": 1.0}))
    assert api.follow(TELEMETRY, page["_links"]["next"]["href"])["total"] == 120


def test_a_token_of_another_vehicle_or_resource_is_refused(api: Api) -> None:
    token = api.get(TELEMETRY, {"pageSize": "5"})["_links"]["next"]["href"].partition("=")[2]
    for template, vehicle in ((TELEMETRY, CAR.id), (f"{VEHICLE_PATH}/trips", VAN.id)):
        response = api.request(template, {"pageToken": token}, vehicle=vehicle)
        assert (response.status_code, response.json()["code"]) == (400, 40002)


def test_a_trip_has_the_telemetry_of_its_time(api: Api) -> None:
    body = api.get(TRIP_TELEMETRY, {"pageSize": "2000"}, trip="t2")
    times = [str(message["createdAt"])[11:16] for message in messages_of(body)]
    assert (times[0], times[-1], body["total"]) == ("07:40", "07:50", 11)
    assert body["_links"]["self"]["href"] == (
        f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}/trips/t2/telemetry?pageSize=2000"
    )
    part = api.get(TRIP_TELEMETRY, {"timestamps": "2024-03-05T07:49:00Z/PT1H", "type": "vehicle"}, trip="t2")
    assert part["total"] == 2


def test_a_trip_that_goes_on_has_the_telemetry_since_its_start(api: Api) -> None:
    assert api.get(TRIP_TELEMETRY, trip="t4")["total"] == 20


def test_telemetry_of_a_trip_that_does_not_exist_is_not_found(api: Api) -> None:
    assert api.request(TRIP_TELEMETRY, trip="t9").status_code == 404


def test_the_end_user_profile_hides_locations_while_privacy_forbids_them(api: Api) -> None:
    api.protect("Geolocation")
    query = {"profile": "endUser", "extension": "location"}
    assert all("_embedded" not in message for message in messages_of(api.get(TELEMETRY, query)))
    api.protect("Full")
    assert api.request(TELEMETRY, query).json()["code"] == 40400
