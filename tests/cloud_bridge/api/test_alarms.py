from __future__ import annotations

from typing import Any

import pytest

from tests.cloud_bridge.api.world import CAR, VEHICLE_PATH, Api

ALARMS = f"{VEHICLE_PATH}/alarms"
ALARM = f"{ALARMS}/{{aid}}"


def test_an_alarm_is_a_status_or_a_trigger_with_the_time_at_which_it_began(api: Api) -> None:
    assert api.get(ALARM) == {"id": "r1", "status": {"createdAt": "2024-03-05T08:05:00Z", "activation": "Active"}}
    body = api.get(ALARM, record="r2")
    position = body["trigger"].pop("position")
    assert body == {
        "id": "r2",
        "trigger": {
            "createdAt": "2024-03-05T08:06:00Z", "startAt": "2024-03-05T08:06:00Z", "type": "VolumetricBreakIn"
        },
    }  # fmt: skip
    assert position["properties"]["createdAt"] == "2024-03-05T08:04:00Z"


def test_alarms_are_listed_in_ascending_time(api: Api) -> None:
    body = api.get(ALARMS)
    assert [alarm["id"] for alarm in body["_embedded"]["alarms"]] == ["r1", "r2", "r3"]
    assert body["_embedded"]["alarms"][1] == api.get(ALARM, record="r2")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("type", "vehicle.alarm.status")], ["r1", "r3"]),
        ([("type", "vehicle.alarm.trigger")], ["r2"]),
        ([("type", "vehicle.alarm.trigger"), ("type", "vehicle.alarm.status")], ["r1", "r2", "r3"]),
        ([("timestamps", "2024-03-05T08:06:00Z/PT30S")], ["r2"]),
        ([("timestamps", "2024-03-05T08:06:00.001Z/PT30S")], []),
        ([("timestamps", "2024-03-05T08:06:00Z/"), ("type", "vehicle.alarm.status")], ["r3"]),
        ([("indexRange", "1-1"), ("type", "vehicle.alarm.status")], ["r3"]),
    ],
)
def test_alarms_are_selected_by_type_and_by_the_date_of_their_creation(
    api: Api, query: list[tuple[str, str]], expected: list[str]
) -> None:
    response = api.request(ALARMS, query)
    if not expected:
        assert (response.status_code, response.json()["code"]) == (404, 40400)
        return
    body: dict[str, Any] = response.json()
    assert [alarm["id"] for alarm in body["_embedded"]["alarms"]] == expected
    assert body["total"] == len(expected)


def test_an_unknown_alarm_is_not_found_nor_a_record_of_another_kind(api: Api) -> None:
    for record in ("nosuch", "a1"):
        assert api.request(ALARM, record=record).status_code == 404
    assert api.request(ALARMS, vehicle=CAR.id).status_code == 404
