"""Fleets, vehicles and clients: what was added can be found, page by page, and only where it belongs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cloud_bridge.clock import clock_ms
from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Client, Fleet, Vehicle
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.vehicle import MODEL, OTHER_VIN, VIN, Boot

SOUTH = Fleet("f2", "South", "warm", 2, 2)


def vehicle(vin: str) -> Vehicle:
    return Vehicle(vin.lower().ljust(40, "0"), vin, MODEL, "Canlift", "Thermic", 1, 1)


def test_fleets_are_found_by_id_in_the_order_they_were_made(cloud: Cloud) -> None:
    cloud.registry.add_fleet(SOUTH)
    assert cloud.reader.fleet("f2") == SOUTH
    assert cloud.reader.fleet("f3") is None
    assert cloud.reader.fleets(["f2", "f3", FLEET.id], 0, 10) == (2, [FLEET, SOUTH])
    assert cloud.reader.fleets(["f2", FLEET.id], 1, 1) == (2, [SOUTH])
    assert cloud.reader.fleets([], 0, 10) == (0, [])


def test_a_vehicle_may_be_in_several_fleets_and_is_seen_in_these_only(cloud: Cloud) -> None:
    cloud.registry.add_fleet(SOUTH)
    cloud.registry.add_vehicle(vehicle(VIN), ["f2"])
    known = replace(vehicle(VIN), changed_at_ms=1, thefts=0)
    assert cloud.registry.fleets_of_vehicle(VIN) == ["f1", "f2"]
    assert cloud.reader.vehicle("f1", known.id) == cloud.reader.vehicle("f2", known.id) == known
    assert cloud.reader.vehicle("f2", vehicle(OTHER_VIN).id) is None
    assert cloud.reader.vehicle("f3", known.id) is None


def test_a_vehicle_says_when_its_records_changed_last_whatever_the_time_of_the_data(cloud: Cloud) -> None:
    def changed_at_ms() -> int:
        known = cloud.reader.vehicle(FLEET.id, vehicle(VIN).id)
        assert known is not None
        return known.changed_at_ms

    cloud.registry.subscribe(VIN, ("care",), 7)
    assert changed_at_ms() == 7
    before_ms = clock_ms() // 1000 * 1000
    cloud.send_manifest()
    cloud.send(Boot().payload(0))
    cloud.deriver.derive(VIN)
    derived_ms = changed_at_ms()
    assert before_ms <= derived_ms <= clock_ms()
    cloud.deriver.derive(VIN)
    assert changed_at_ms() == derived_ms
    with cloud.database.write() as connection:
        connection.execute("UPDATE derived SET changed_at_ms = 0")
    cloud.deriver.rebuild(VIN)
    assert changed_at_ms() >= derived_ms


def test_what_came_in_is_derived_within_a_snapshot_too(cloud: Cloud) -> None:
    with cloud.reader.snapshot():
        assert cloud.reader.status(VIN) is None
        cloud.send_manifest()
        cloud.send(Boot().payload(0))
    with cloud.reader.snapshot():
        assert cloud.reader.vehicle(FLEET.id, vehicle(VIN).id) is not None
        derived = cloud.reader.status(VIN)
        assert derived is not None
        assert cloud.reader.status(VIN) is derived
    cloud.send(Boot().payload(1))
    assert cloud.reader.status(VIN) != derived


def test_vehicles_of_a_fleet_come_in_pages_and_by_prefix(cloud: Cloud) -> None:
    vins = [f"WVWPAGES{number:09d}" for number in range(5)]
    for vin in vins:
        cloud.register(vin)
    total, page = cloud.reader.vehicles("f1", "WVW", 1, 2)
    assert (total, [one.vin for one in page]) == (5, vins[1:3])
    assert cloud.reader.vehicles("f1", "", 0, 100)[0] == 7
    assert cloud.reader.vehicles("f1", vins[3], 0, 100)[0] == 1
    assert cloud.reader.vehicles("f1", "WVX", 0, 100) == (0, [])
    assert cloud.reader.vehicles("f1", "%", 0, 100) == (0, [])
    assert cloud.reader.vehicles("f2", "", 0, 100) == (0, [])


def test_a_client_sees_the_fleets_it_was_given(cloud: Cloud) -> None:
    cloud.registry.add_fleet(SOUTH)
    client = Client("c1", "me", "scrypt$…", ("f1", "f2"))
    cloud.registry.add_client(client, 1)
    assert cloud.reader.client("c1") == client
    assert cloud.reader.client("c2") is None
    cloud.registry.limit_client("c1", 7, None)
    cloud.registry.limit_client("c1", None, 3)
    assert cloud.reader.client("c1") == Client("c1", "me", "scrypt$…", ("f1", "f2"), day=7, burst=3)
    cloud.registry.permit_client("c1", ["Horn", "Doors"])
    assert cloud.reader.client("c1") == Client("c1", "me", "scrypt$…", ("f1", "f2"), 7, 3, remotes=("Horn", "Doors"))
    assert cloud.registry.all_clients() == [cloud.reader.client("c1")]
    cloud.registry.remove_client("c1")
    assert cloud.reader.client("c1") is None


def test_what_does_not_exist_or_exists_already_is_named(cloud: Cloud) -> None:
    with pytest.raises(RegistryError, match="no fleet nowhere"):
        cloud.registry.add_vehicle(vehicle("WVWPAGES000000001"), ["f1", "nowhere"])
    assert cloud.registry.vehicle("WVWPAGES000000001") is None
    with pytest.raises(RegistryError, match="a fleet f1 already"):
        cloud.registry.add_fleet(FLEET)
    with pytest.raises(RegistryError, match="with the model test-car and not other"):
        cloud.registry.add_vehicle(Vehicle("0" * 40, VIN, "other", "", "Thermic", 1, 1), ["f1"])
    with pytest.raises(RegistryError, match="no client c9"):
        cloud.registry.remove_client("c9")


def test_a_key_is_made_once(cloud: Cloud) -> None:
    key = cloud.registry.key("page-token")
    assert len(key) == 32
    assert cloud.registry.key("page-token") == key
    assert cloud.registry.key("another") != key
