"""The same world in memory and on SQLite gives the same answers, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.records.fold import Stretch
from cloud_bridge.store.port.derived import Chunk, Fold, Step
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.reader import SqliteReader
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from tests.cloud_bridge.api.memory import MemoryReader
from tests.cloud_bridge.api.world import CAR, MINUTE, MORNING, SILENT, VEHICLE_PATH, Api, reader
from tests.published import Published

UPLOADED_EVERY_MS = 25 * MINUTE


def store(database: Database, world: MemoryReader) -> None:
    registry, derived = SqliteRegistry(database), SqliteDerived(database)
    for fleet in world.all_fleets.values():
        registry.add_fleet(fleet)
    for fleet_id, vehicles in world.members.items():
        for vehicle in vehicles:
            registry.add_vehicle(vehicle, [fleet_id])
    for vin, thefts in world.all_thefts.items():
        for theft in thefts:
            registry.add_theft(vin, theft)
    for client in world.clients.values():
        registry.add_client(client, MORNING)
    for vin, status in world.statuses_of.items():
        chunks = []
        for sequence in range(6):
            start = MORNING + sequence * UPLOADED_EVERY_MS
            end = start + UPLOADED_EVERY_MS
            messages = [message for message in world.all_messages.get(vin, ()) if start <= message.at_ms < end]
            chunks.append(Chunk(bytes(16), sequence, Stretch(start, end, messages)))
        extent = derived.put_step(vin, derived.extent(vin), Step({}, chunks, [], []), MORNING)
        derived.put_fold(vin, extent, Fold(0, (), status, world.all_records.get(vin, ()), (), 0))


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory, published: Published) -> Iterator[Api]:
    path: Path = tmp_path_factory.mktemp("store") / "bridge.db"
    database = Database(path)
    store(database, reader())
    # Everything is derived already.
    yield Api(published, instead=SqliteReader(database, lambda _: None, lambda _: None))
    database.close()


TELEMETRY = f"{VEHICLE_PATH}/telemetry"
TRIPS = f"{VEHICLE_PATH}/trips"
ASKED = [
    ("/fleets", ""),
    ("/fleets", "pageSize=1"),
    ("/fleets/{fid}", ""),
    ("/fleets/{fid}/status", ""),
    ("/fleets/{fid}/status", "pageSize=1&indexRange=1-"),
    ("/fleets/{fid}/status", "profile=endUser"),
    ("/fleets/{fid}/maintenances", ""),
    ("/fleets/{fid}/alerts", "timestamps=2024-03-05T07:40:00Z/"),
    ("/fleets/{fid}/alerts/{aid}", ""),
    ("/fleets/{fid}/collisions", "pageSize=2"),
    ("/fleets/{fid}/collisions/{cid}", ""),
    ("/fleets/{fid}/maintenances", "profile=endUser"),
    ("/fleets/{fid}/maintenances", "indexRange=1-"),
    ("/fleets/{fid}/alerts", "profile=endUser&pageSize=1"),
    ("/fleets/{fid}/alerts", "indexRange=1-2&pageSize=1"),
    ("/fleets/{fid}/trips", ""),
    ("/fleets/{fid}/trips", "pageSize=1&indexRange=1-"),
    ("/fleets/{fid}/trips", "duration=600-"),
    ("/fleets/{fid}/trips", "duration=0-899&states=Nominal&states=DataLacking"),
    ("/fleets/{fid}/trips", "timestamps=2024-03-05T07:00:00Z/PT1M&timestamps=2024-03-05T07:20:00Z/PT20M"),
    ("/fleets/{fid}/trips", "distance=1-&timestamps=/2024-03-05T07:39:59.999Z"),
    ("/fleets/{fid}/vehicles", "extension=branding"),
    ("/fleets/{fid}/vehicles", "vinPrefix=VF3ABCDE0FG1&pageSize=1"),
    ("/fleets/{fid}/vehicles", "vinPrefix=W"),
    (VEHICLE_PATH, "extension=onboardCapabilities"),
    (f"{VEHICLE_PATH}/status", ""),
    (f"{VEHICLE_PATH}/status", "profile=endUser"),
    (f"{VEHICLE_PATH}/lastPosition", ""),
    (TELEMETRY, "pageSize=2000&extension=location&extension=maintenance"),
    (TELEMETRY, "type=environment&type=privacy"),
    (TELEMETRY, "type=vehicle.ignition&indexRange=1-2"),
    (TELEMETRY, "indexRange=24-51&pageSize=20"),
    (TELEMETRY, "indexRange=120-"),
    (TELEMETRY, "pageSize=3"),
    (TELEMETRY, "type=vehicle&type=vehicle.ignition&pageSize=2&indexRange=1-"),
    (TELEMETRY, "timestamps=2024-03-05T07:24:00Z/2024-03-05T07:26:00Z"),
    (TELEMETRY, "timestamps=2024-03-05T07:24:00Z/PT2M&timestamps=2024-03-05T07:25:00Z/PT3M"),
    (TELEMETRY, "timestamps=R/1970-01-01T00:00:00Z/PT30M/PT1M"),
    (TELEMETRY, "timestamps=/2024-03-05T06:59:59Z"),
    (TRIPS, ""),
    (TRIPS, "timestamps=2024-03-05T07:30:00Z/PT5M"),
    (TRIPS, "timestamps=2024-03-05T07:30:00.001Z/PT5M"),
    (TRIPS, "timestamps=/2024-03-05T07:40:00Z"),
    (TRIPS, "timestamps=/2024-03-05T07:39:59.999Z"),
    (TRIPS, "timestamps=R3/2024-03-05T06:55:00Z/PT1H/PT10M"),
    (TRIPS, "states=DataLacking&distance=0-"),
    (f"{TRIPS}/{{tid}}", ""),
    (f"{TRIPS}/{{tid}}/wayPoints", ""),
    (f"{TRIPS}/{{tid}}/wayPoints", "tolerance=0.05"),
    (f"{TRIPS}/{{tid}}/telemetry", "type=vehicle&extension=location"),
    (f"{TRIPS}/{{tid}}/alerts", ""),
    (f"{TRIPS}/{{tid}}/alerts/{{aid}}", ""),
    (f"{TRIPS}/{{tid}}/collisions", ""),
    (f"{TRIPS}/{{tid}}/collisions", "timestamps=/2024-03-05T07:14:59.999Z"),
    (f"{VEHICLE_PATH}/stolen", ""),
    (f"{VEHICLE_PATH}/stolen", "timestamps=2024-03-05T07:36:00.001Z/PT1H"),
    (f"{VEHICLE_PATH}/stolen/{{sid}}", ""),
    (f"{VEHICLE_PATH}/stolen/{{sid}}/waypoints", ""),
    ("/vehicles/{vin}", "extension=branding"),
    (f"{VEHICLE_PATH}/maintenance", ""),
    (f"{VEHICLE_PATH}/alerts", ""),
    (f"{VEHICLE_PATH}/alerts", "timestamps=2024-03-05T07:20:00Z/PT1M"),
    (f"{VEHICLE_PATH}/alerts", "timestamps=2024-03-05T07:20:00.001Z/PT1M"),
    (f"{VEHICLE_PATH}/alerts", "timestamps=2024-03-05T07:30:00Z/&indexRange=1-"),
    (f"{VEHICLE_PATH}/alerts/{{aid}}", ""),
    (f"{VEHICLE_PATH}/alarms", "type=vehicle.alarm.trigger"),
    (f"{VEHICLE_PATH}/alarms", "timestamps=2024-03-05T08:06:00Z/PT30S"),
    (f"{VEHICLE_PATH}/alarms/{{aid}}", ""),
    (f"{VEHICLE_PATH}/collisions", "timestamps=2024-03-05T07:15:00.001Z/"),
    (f"{VEHICLE_PATH}/collisions/{{cid}}", ""),
]


@pytest.mark.parametrize(("template", "query"), ASKED)
def test_both_readers_give_the_same_answer(steady: Api, on_sqlite: Api, template: str, query: str) -> None:
    expected, found = steady.request(template, query), on_sqlite.request(template, query)
    assert found.status_code == expected.status_code
    if expected.status_code == 200:
        assert found.content == expected.content
    else:
        assert found.json()["message"] == expected.json()["message"]


def test_both_readers_know_the_same_of_quiet_vehicles(steady: Api, on_sqlite: Api) -> None:
    for vehicle in (CAR.id, SILENT.id, "nosuchvehicle"):
        for name in ("", "/status", "/lastPosition", "/telemetry", "/trips", "/trips/{tid}", "/alerts", "/maintenance"):
            expected = steady.request(VEHICLE_PATH + name, vehicle=vehicle)
            assert on_sqlite.request(VEHICLE_PATH + name, vehicle=vehicle).status_code == expected.status_code


def test_a_page_of_one_is_followed_on_the_other(steady: Api, on_sqlite: Api) -> None:
    href = steady.get(TELEMETRY, {"pageSize": "37", "type": "vehicle"})["_links"]["next"]["href"]
    assert on_sqlite.follow(TELEMETRY, href) == steady.follow(TELEMETRY, href)


@pytest.mark.parametrize("profile", ["fleet", "endUser"])
def test_what_services_and_privacy_leave_is_the_same_from_both(
    published: Published, tmp_path: Path, profile: str
) -> None:
    in_memory = Api(published)
    in_memory.protect("Geolocation", 10, 21)
    in_memory.protect("Full", 30, 34)
    in_memory.subscribe("odometer.mileage", "ignition", "maintenance", "position", "trip", "alert")
    database = Database(tmp_path / "bridge.db")
    store(database, in_memory.reader)
    stored = Api(published, instead=SqliteReader(database, lambda _: None, lambda _: None), services=in_memory.services)
    for template, query in ASKED:
        asked = "&".join(filter(None, [query, f"profile={profile}"]))
        expected, found = in_memory.request(template, asked), stored.request(template, asked)
        assert found.status_code == expected.status_code, (template, query)
        assert expected.status_code != 200 or found.content == expected.content
    database.close()
