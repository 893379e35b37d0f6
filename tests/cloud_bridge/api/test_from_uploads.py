"""From what a vehicle sent, through derivation and SQLite, to what the API says of it and of its fleet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cloud_bridge.store.port.registry import Client, Theft
from contract.upload import Event
from tests.cloud_bridge.api.world import SECRET, VEHICLE_PATH, Api
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.vehicle import EPOCH_MS, OTHER_VIN, VIN, Boot, encode
from tests.published import Published

IDS = {vin: (vin.lower() + "0" * 40)[:40] for vin in (VIN, OTHER_VIN)}


@pytest.fixture
def api(tmp_path: Path, published: Published) -> Iterator[Api]:
    """Two vehicles that drive for more than a minute; the first has its oil lamp lit, crashes, and is stolen then."""
    cloud = Cloud(tmp_path)
    cloud.register_both()
    cloud.registry.add_client(Client("app1", "partner", SECRET[::-1], (FLEET.id,)), 0)
    boot = Boot()
    uploads = [boot.upload(0, ignition=False, speed_kmh=0.0)]
    uploads += [boot.upload(sequence, oil=sequence in (3, 4)) for sequence in range(1, 8)]
    uploads.append(boot.upload(8, ignition=False, speed_kmh=0.0, oil=False))
    uploads[5] = replace(uploads[5], events=(Event(55_500, "crash"),))
    cloud.send_manifest()
    # The newest first, as after an outage.
    cloud.send(*[encode(upload) for upload in reversed(uploads)])
    other = Boot(bytes(16), OTHER_VIN)
    cloud.send_manifest(vin=OTHER_VIN)
    cloud.send(*[other.payload(sequence, ignition=0 < sequence < 8) for sequence in range(9)], vin=OTHER_VIN)
    cloud.registry.add_theft(VIN, Theft("s1", EPOCH_MS + 58_500, EPOCH_MS + 61_200, EPOCH_MS, EPOCH_MS))
    yield Api(published, instead=cloud.reader)
    cloud.database.close()


def of(api: Api, path: str, name: str, query: str = "", **ids: str) -> list[dict[str, Any]]:
    body = api.get(f"{VEHICLE_PATH}/{path}", query, vehicle=IDS[VIN], fleet=FLEET.id, **ids)
    found: list[dict[str, Any]] = body["_embedded"][name]
    return found


def test_what_happened_on_a_trip_is_told_of_the_vehicle_of_the_trip_and_of_the_fleet(api: Api) -> None:
    (trip,) = of(api, "trips", "trips")
    (alert,) = of(api, "alerts", "alerts")
    assert (alert["type"], alert["active"]) == ("EngineOilPressureFailure", False)
    assert (alert["startedAt"], alert["endAt"]) == ("2023-11-14T22:13:50.100Z", "2023-11-14T22:14:10.100Z")
    assert [link["href"] for link in alert["_links"]["trips"]] == [trip["_links"]["self"]["href"]]
    assert {"startPosition", "endPosition"} <= alert.keys()
    (collision,) = of(api, "collisions", "Collisions")
    assert collision["createdAt"] == "2023-11-14T22:14:15.500Z"
    assert collision["_links"]["trip"] == trip["_links"]["self"]
    assert of(api, "trips/{tid}/alerts", "alerts", trip=trip["id"]) == [alert]
    assert of(api, "trips/{tid}/collisions", "Collisions", trip=trip["id"]) == [collision]
    fleet = api.get("/fleets/{fid}/trips", fleet=FLEET.id)["_embedded"]["trips"]
    assert [item["vin"] for item in fleet] == [VIN, OTHER_VIN]
    assert api.get("/fleets/{fid}/collisions", fleet=FLEET.id)["_embedded"]["Collisions"] == [collision]


def test_a_theft_tells_where_the_vehicle_was_from_its_uploads(api: Api) -> None:
    (theft,) = of(api, "stolen", "stolen")
    times = [theft[name]["properties"]["createdAt"] for name in ("startPosition", "endPosition")]
    assert times == ["2023-11-14T22:14:18Z", "2023-11-14T22:14:21Z"]
    points = of(api, "stolen/{sid}/waypoints", "positions", record="s1")
    assert [point["properties"]["createdAt"][17:] for point in points] == ["19Z", "20Z", "21Z"]


def test_the_status_of_the_fleet_is_that_of_each_vehicle(api: Api) -> None:
    found = api.get("/fleets/{fid}/status", fleet=FLEET.id)["_embedded"]["status"]
    for item in found:
        alone = api.get(f"{VEHICLE_PATH}/status", vehicle=IDS[item["vin"]], fleet=FLEET.id)
        assert item["lastPosition"]["properties"].pop("vin") == item["vin"]
        assert item == alone
    assert [item["vin"] for item in found] == [VIN, OTHER_VIN]
