from __future__ import annotations

from cloud_bridge.api.rendering import TOGETHER_MS
from cloud_bridge.records.model import Known, Status
from tests.cloud_bridge.api.world import CAR, FLEET, MORNING, ROOT, SILENT, VAN, VEHICLE_PATH, Api

MAINTENANCE = f"{VEHICLE_PATH}/maintenance"
DAYS, MILEAGE = "maintenance.daysBeforeMaintenance", "maintenance.mileageBeforeMaintenance"
HREF = f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}"


def test_maintenance_tells_what_is_left_and_what_is_overdue(api: Api) -> None:
    assert api.get(MAINTENANCE) == {
        "_links": {
            "self": {"href": f"{HREF}/maintenance"},
            "vehicle": {"href": HREF},
            "alerts": {"href": f"{HREF}/alerts"},
        },
        "vin": VAN.vin,
        "createdAt": "2024-03-05T08:31:00Z",
        "updatedAt": "2024-03-05T08:31:00Z",
        "daysBeforeMaintenance": 210,
        "mileageBeforeMaintenance": -12.5,
    }


def test_what_was_said_long_before_the_other_is_left_out(api: Api) -> None:
    for days_ms, shown in ((TOGETHER_MS, False), (TOGETHER_MS - 1, True)):
        known = {DAYS: Known(3, MORNING), MILEAGE: Known(100.0, MORNING + days_ms)}
        api.reader.statuses_of[VAN.vin] = Status(known, None, MORNING + days_ms)
        assert ("daysBeforeMaintenance" in api.get(MAINTENANCE)) is shown


def test_a_vehicle_that_says_nothing_of_its_maintenance_is_404(api: Api) -> None:
    for vehicle in (CAR, SILENT):
        response = api.request(MAINTENANCE, vehicle=vehicle.id)
        assert (response.status_code, response.json()["code"]) == (404, 40400)


def test_the_end_user_profile_shows_no_maintenance_under_full_privacy(api: Api) -> None:
    api.protect("Full")
    assert api.request(MAINTENANCE, {"profile": "endUser"}).status_code == 404
    assert api.request(MAINTENANCE).status_code == 200
