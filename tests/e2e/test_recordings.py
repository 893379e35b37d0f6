"""Recorded vehicles, from CAN frames to the published API: real broker, bridge and agents as processes, real HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Mosquitto
from tests.e2e.world import World
from tests.published import Published

pytestmark = pytest.mark.slow

Body = dict[str, Any]

VEHICLES = {
    # name: model, VIN, recording, NMEA
    "partner": ("peugeot-comfort-2004", "VF3PARTNER0000001", "logs/peugeot_partner_conf_bus_static.log.gz", None),
    "trip_a": (
        "peugeot-comfort-2004",
        "VF30A5FWTEST00001",
        "derived/psa_conf_trip_a.log.gz",
        "derived/psa_conf_trip_a.nmea.gz",
    ),
    "commute": ("obd2-canmod", "WAUZZZ00000000001", "logs/car_obd2_gnss_imu_css_trip1_40min.log.gz", None),
    "giulia": ("alfa-giulia", "ZARFAEBN000000001", "logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz", None),
}


class Partner:
    """Asks for one vehicle's data; every answer must conform to the published specification."""

    def __init__(self, world: World, published: Published, vehicle_id: str) -> None:
        self._world = world
        self._published = published
        self._path = f"/fleets/f1/vehicles/{vehicle_id}"

    def get(self, what: str, tid: str = "", **query: str | list[str]) -> Body:
        return self._get(what, tid, 200, query)

    def refused(self, what: str, status: int) -> Body:
        return self._get(what, "", status, {})

    def _get(self, what: str, tid: str, status: int, query: dict[str, str | list[str]]) -> Body:
        answer = self._world.get(f"{self._path}{what.replace('{tid}', tid)}", **query)
        assert answer.status_code == status, answer.text
        body: Body = answer.json()
        template = f"/fleets/{{fid}}/vehicles/{{vid}}{what}"
        self._published.assert_conforms(template, "GET", status, body, answer.headers["content-type"])
        return body

    def all(self, what: str, key: str, tid: str = "", **query: str | list[str]) -> list[Body]:
        """Every element of a collection, page after page, as a partner would follow them."""
        page = self.get(what, tid, pageSize="60" if key == "trips" else "2000", **query)
        found: list[Body] = page["_embedded"][key]
        while (following := page["_links"].get("next")) is not None:
            page = self._world.follow(following["href"])
            found += page["_embedded"][key]
        assert len(found) == page["total"]
        return found


@pytest.fixture(scope="module")
def world(shared: Path, mosquitto_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    broker = Mosquitto(mosquitto_binary, folder)
    broker.start()
    world = World(folder, broker)
    try:
        for name, (model, vin, _, _) in VEHICLES.items():
            world.vehicle_ids[name] = world.add_vehicle(vin, model)
        world.add_client()
        world.start_bridge()
        for model, vin, log, nmea in VEHICLES.values():
            options = ["--nmea", str(shared / "data" / nmea)] if nmea else []
            world.drive(shared / "data" / log, vin, model, *options)
        yield world
        assert world.stop_bridge() == 0, world.bridge_log()
    finally:
        world.kill_bridge()
        broker.kill()


@pytest.fixture
def ask(world: World, shared: Path, request: pytest.FixtureRequest) -> Partner:
    return Partner(world, Published(shared), world.vehicle_ids[request.param])


@pytest.fixture(scope="module")
def truth(shared: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((shared / "data" / "derived" / "psa_conf_trip_a.truth.json").read_text())
    return known


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


@pytest.mark.parametrize("ask", ["partner"], indirect=True)
def test_a_standing_peugeot_says_what_its_dashboard_says(ask: Partner) -> None:
    status = ask.get("/status")
    assert status["odometer"]["mileage"] == 67660.2
    (fuel,) = status["energies"]
    assert (fuel["type"], fuel["level"], fuel["autonomy"]) == ("Fuel", 92.0, 1020)
    (engine,) = status["engines"]
    assert engine["extension"]["thermic"]["coolant"]["temp"] == 17.0
    openings = {one["identifier"]: one["state"] for one in status["doorsState"]["opening"]}
    assert openings.keys() >= {"Driver", "Passenger", "RearLeft", "RearRight", "Trunk"}
    assert set(openings.values()) == {"Closed"}
    assert {"id": "Driver", "belt": "Omission"} in status["safety"]["beltStatus"]
    # 0x221 says FFFF of the instant consumption: "not available". Of the others the bus never spoke.
    assert "instant" not in fuel.get("extension", {}).get("fuel", {}).get("consumptions", {})
    assert status.keys().isdisjoint({"lastPosition", "battery"})
    assert status["privacy"]["state"] == "None"
    # 2020-09-13: the recording's time, not the dashboard's.
    assert seconds(status["createdAt"]) == pytest.approx(1600000004, abs=5)


@pytest.mark.parametrize("ask", ["partner"], indirect=True)
def test_what_a_standing_peugeot_has_not_done_is_404_and_not_invented(ask: Partner) -> None:
    for what in ("/trips", "/lastPosition"):
        assert ask.refused(what, 404)["code"] == 40400


@pytest.mark.parametrize("ask", ["trip_a"], indirect=True)
def test_the_trip_is_the_one_that_was_driven(ask: Partner, truth: dict[str, Any]) -> None:
    (trip,) = ask.all("/trips", "trips")
    assert seconds(trip["startedAt"]) == pytest.approx(truth["ignition_on"], abs=5)
    assert seconds(trip["stoppedAt"]) == pytest.approx(truth["ignition_off"], abs=5)
    assert trip["distance"] == pytest.approx(truth["distance_m"] / 1000, rel=0.01)
    assert trip["startMileage"] == pytest.approx(truth["odometer_start_km"], abs=0.1)
    (start,), (end,) = trip["startEnergies"], trip["endEnergies"]
    assert start["level"] == pytest.approx(truth["fuel_start_pct"], abs=1)
    assert end["level"] == pytest.approx(truth["fuel_end_pct"], abs=1)
    assert (trip["done"], trip["faults"]) == (True, [])
    assert ask.get("/trips/{tid}", trip["id"]) == trip


@pytest.mark.parametrize("ask", ["trip_a"], indirect=True)
def test_no_position_comes_before_the_first_fix_and_nothing_is_dated_by_the_dashboard(
    ask: Partner, truth: dict[str, Any]
) -> None:
    (trip,) = ask.all("/trips", "trips")
    way = ask.all("/trips/{tid}/wayPoints", "positions", trip["id"])
    first_fix = 1627274580.0  # 04:43:00 UTC, the first sentence with a position
    assert len(way) > 2000
    assert min(seconds(point["properties"]["createdAt"]) for point in way) >= first_fix - 1
    messages = ask.all("/telemetry", "telemetries", extension="location")
    assert all(truth["log_start"] - 1 <= seconds(message["createdAt"]) <= truth["log_end"] + 1 for message in messages)
    early = [message for message in messages if seconds(message["createdAt"]) < first_fix - 1]
    assert early
    assert all("location" not in message.get("_embedded", {}).get("extension", {}) for message in early)


@pytest.mark.parametrize("ask", ["trip_a"], indirect=True)
def test_the_path_is_simplified_within_the_tolerance(ask: Partner) -> None:
    (trip,) = ask.all("/trips", "trips")
    way = ask.all("/trips/{tid}/wayPoints", "positions", trip["id"])
    simple = ask.all("/trips/{tid}/wayPoints", "positions", trip["id"], tolerance="0.05")
    assert 10 < len(simple) < len(way) / 5
    assert (simple[0], simple[-1]) == (way[0], way[-1])
    assert all(point in way for point in simple)


@pytest.mark.parametrize("ask", ["commute"], indirect=True)
def test_the_commute_is_one_trip_with_way_points_and_its_fuel(ask: Partner) -> None:
    (trip,) = ask.all("/trips", "trips")
    assert trip["startEnergies"][0]["level"] == pytest.approx(54.9, abs=0.1)
    assert trip["endEnergies"][0]["level"] == pytest.approx(51.4, abs=0.1)
    way = ask.all("/trips/{tid}/wayPoints", "positions", trip["id"])
    assert len(way) > 2000
    started = seconds(trip["startedAt"])
    assert all(seconds(point["properties"]["createdAt"]) > started + 15 for point in way)


@pytest.mark.parametrize("ask", ["commute"], indirect=True)
def test_the_commute_s_speed_is_that_of_the_satellites(ask: Partner, shared: Path) -> None:
    """The reference is the GNSS speed of the box, on its own clock, read from the frames by other means."""
    gnss = gnss_speeds(shared / "data" / "logs" / "car_obd2_gnss_imu_css_trip1_40min.log.gz")
    compared = 0
    for message in ask.all("/telemetry", "telemetries", type="vehicle"):
        speed = message["vehicle"].get("kinetic", {}).get("speed")
        reference = gnss.get(round(seconds(message["createdAt"])))
        # Within a second of hard braking the two differ by their delays: compared where the speed is steady.
        if speed is None or reference is None or reference.spread_kmh > 2:
            continue
        compared += 1
        assert speed == pytest.approx(reference.kmh, abs=3), message["createdAt"]
    assert compared > 800


@pytest.mark.parametrize("ask", ["giulia"], indirect=True)
def test_the_giulia_s_hard_brake_is_there(ask: Partner) -> None:
    kinetics = [
        message["vehicle"]["kinetic"]
        for message in ask.all("/telemetry", "telemetries", type="vehicle")
        if "kinetic" in message["vehicle"]
    ]
    assert max(kinetic.get("speed", 0) for kinetic in kinetics) == pytest.approx(35, abs=1)
    assert min(kinetic.get("acceleration", 0) for kinetic in kinetics) == pytest.approx(-5.1, abs=0.4)


class Speed:
    """The satellites' speed in one second, and how much it changed around it."""

    def __init__(self, kmh: float, spread_kmh: float) -> None:
        self.kmh = kmh
        self.spread_kmh = spread_kmh


def gnss_speeds(log: Path) -> dict[int, Speed]:
    """GNSS speed by UTC second, read straight from the recording's frames (CANmod.gps: 0x002 time, 0x007 speed)."""
    ahead: float | None = None
    said: list[tuple[float, float]] = []
    for line in gzip.decompress(log.read_bytes()).decode("ascii").splitlines():
        stamp, interface, frame = line.split()
        if interface != "can1":
            continue
        number, _, data = frame.partition("#")
        payload = int.from_bytes(bytes.fromhex(data), "little")
        if number == "002" and payload & 3 == 3 and ahead is None:
            ahead = float(stamp[1:-1]) - ((payload >> 8) * 0.001 + 1577840400)
        elif number == "007" and payload & 1:
            said.append((float(stamp[1:-1]), (payload >> 1 & 0xFFFFF) * 0.001 * 3.6))
    assert ahead is not None
    speeds = {}
    for index in range(2, len(said) - 2):
        near = [kmh for _, kmh in said[index - 2 : index + 3]]
        speeds[round(said[index][0] - ahead)] = Speed(said[index][1], max(near) - min(near))
    return speeds
