"""A drive under a day of cellular weather: nothing is lost, nothing is there twice, and little is sent in vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beds.day import WEATHERED, Day, weathered_day
from tests.beds.weather import SPELLS

pytestmark = pytest.mark.slow

TIMES_THE_CALM = 1.5
TIMES_THE_PAYLOAD = 6


@pytest.fixture(scope="module")
def day(shared: Path, mosquitto_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Day:
    return weathered_day(tmp_path_factory.mktemp("weather"), shared / "data", mosquitto_binary)


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
