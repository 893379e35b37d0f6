"""A drive under a day of cellular weather: nothing is lost, nothing is there twice, and little is sent in vain."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.beds.cloud import UPLINK, Box, Cloud
from tests.beds.far import another_link, far_network
from tests.beds.link import Carried
from tests.beds.weather import FAIR, SPELLS, Sky, pass_over, sky
from tests.e2e.world import FLEET

pytestmark = pytest.mark.slow

MODEL = "peugeot-comfort-2004"
CALM, WEATHERED = "VF30A5FWTEST00001", "VF30A5FWTEST00002"
SPEED = "28"
"""41 minutes in 88 s, which the weather does not last."""
SEED = 1
WITHIN_S = 500
TIMES_THE_CALM = 1.5
TIMES_THE_PAYLOAD = 6


@dataclass
class Driven:
    """What came of the drive on one of the two boxes."""

    box: Box
    carried: Carried
    numbers: dict[str, Any]
    """What the bridge counts of it."""
    payload_bytes: int
    said: str
    """By the API, as JSON."""


@dataclass
class Day:
    calm: Driven
    weathered: Driven
    sky: Sky
    frames: int
    """In the recording."""
    sequences: list[int]
    """Of what the bridge has of the weathered one."""
    boots: int


@pytest.fixture(scope="module")
def day(shared: Path, mosquitto_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The same drive twice at the same time, to one bridge: over a link that is good, and under the weather."""
    folder = tmp_path_factory.mktemp("weather")
    log = shared / "data" / "derived" / "psa_conf_trip_a.log.gz"
    with far_network() as far, another_link(far) as calm_link:
        cloud = Cloud(far, folder, mosquitto_binary, (calm_link.address,))
        try:
            cloud.start_broker()
            cloud.start_bridge()
            calm, weathered = (
                cloud.box(vin, MODEL, link.address, **UPLINK) for vin, link in ((CALM, calm_link), (WEATHERED, far))
            )
            links = (calm_link, far)
            before = [link.be(**FAIR) for link in links]
            with sky(cloud, far, folder, lambda: weathered.log, SEED) as above:
                _drive(cloud, (calm, weathered), above, log)
            carried = [link.be().since(earlier) for link, earlier in zip(links, before, strict=True)]
            with closing(sqlite3.connect(folder / "canlift.db")) as database:
                rows = database.execute(
                    "SELECT boot, sequence FROM upload WHERE vin = ? ORDER BY boot, sequence", (WEATHERED,)
                ).fetchall()
                payload = [
                    database.execute("SELECT sum(length(payload)) FROM upload WHERE vin = ?", (vin,)).fetchone()[0]
                    for vin in (CALM, WEATHERED)
                ]
            driven = [
                Driven(box, by, cloud.stored(box), size, json.dumps(cloud.said(FLEET, box.vehicle_id)))
                for box, by, size in zip((calm, weathered), carried, payload, strict=True)
            ]
            frames = gzip.decompress(log.read_bytes()).count(b"\n")
            boots = len({boot for boot, _ in rows})
            yield Day(driven[0], driven[1], above, frames, [sequence for _, sequence in rows], boots)
        finally:
            cloud.end()


def _drive(cloud: Cloud, boxes: tuple[Box, Box], above: Sky, log: Path) -> None:
    """Until both have a receipt for everything."""
    words = ["replay", str(log), "--nmea", str(log.with_name("psa_conf_trip_a.nmea.gz")), "--cadence", "10s"]
    words += ["--speed", SPEED, "--timeout", str(WITHIN_S), "--verbose"]
    agents: list[subprocess.Popen[bytes]] = []
    try:
        agents += [box.start(*words) for box in boxes]
        pass_over(above)
        for agent, box in zip(agents, boxes, strict=True):
            assert agent.wait(WITHIN_S) == 0, f"{box.log}\nthe bridge said:\n{cloud.log('bridge')}"
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()


def test_every_upload_that_was_made_is_there_once(day: Day) -> None:
    made = len(day.sequences)
    assert day.sequences == list(range(made))
    assert day.boots == 1
    assert f" {made} uploads " in day.weathered.box.log
    numbers = day.weathered.numbers
    assert numbers["uploads"] == made == day.calm.numbers["uploads"] > 200
    nothing = ("missing", "evicted", "waitingForManifest", "waitingForTime", "contradictingAnchors")
    assert [numbers[what] for what in nothing] == [0] * len(nothing)
    assert (numbers["refusals"], numbers["gaps"], numbers["implausible"]) == ({}, [], {})
    # A box that comes back under another address is no second one.
    assert numbers["twoBoxes"] == []


def test_the_ledgers_add_up_to_what_was_played(day: Day) -> None:
    ledger = day.weathered.numbers["ledger"]
    assert ledger["frames"] == day.frames
    assert {"overrun", "thinned", "unreadable"}.isdisjoint(ledger)
    assert ledger == day.calm.numbers["ledger"]


def test_the_api_says_the_same_as_of_the_drive_in_calm_weather(day: Day) -> None:
    assert day.weathered.said == day.calm.said
    assert len(day.weathered.said) > 100_000


def test_a_captive_portal_is_named_and_told_nothing(day: Day) -> None:
    """By the agent's own words the weather saw to it that it met them, and a new address."""
    sky, vin = day.sky, WEATHERED.encode()
    assert len(sky.spells) == len(SPELLS)
    assert sky.http.visits > 0 < sky.tls.visits
    # A greeting of TLS, in which there is no name yet; and under TLS, nothing.
    assert sky.http.told.startswith(b"\x16\x03")
    assert vin not in sky.http.told
    assert sky.tls.told == b""


def test_the_weather_costs_little_on_the_wire(day: Day) -> None:
    calm, weathered = day.calm, day.weathered
    print(f"\n{', '.join(day.sky.spells)}")
    for what, one in (("calm", calm), ("weathered", weathered)):
        by = one.carried
        print(
            f"{what}: {by.bytes:,} bytes of IP, {by.bytes / one.payload_bytes:.2f} times the payload of"
            f" {one.payload_bytes:,}; up {by.up:,}, down {by.down:,}, lost {by.lost:,}; {by.packets:,} packets"
        )
    print(f"weathered by calm: {weathered.carried.bytes / calm.carried.bytes:.2f}")
    assert calm.carried.lost == 0 < weathered.carried.lost
    assert calm.carried.bytes <= TIMES_THE_PAYLOAD * calm.payload_bytes
    assert weathered.carried.bytes <= TIMES_THE_CALM * calm.carried.bytes
