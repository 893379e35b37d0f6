from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.records.rules import rules
from contract.profile.profile import load_profile
from tests.cloud_bridge.records.drives import PROFILES
from tests.cloud_bridge.records.flows import VIN

PROFILE = """
model = "test"
label = "Test"
brand = "Peugeot"
motorization = "Thermic"
buses.can0.databases = ["test.dbc"]
classes.fast = { every = "1s" }
classes.state = { every = "40s", on_change = true }
signals."Engine.Speed" = { class = "fast" }
signals."Body.Ignition" = { class = "state" }
data."powertrain.status" = { expression = "'Running' if Engine.Speed > 0 else 'NotRunning'" }
data."ignition.type" = { from = "Body.Ignition", values = { Off = "Stop", On = "Start" } }
"""


def test_a_datum_holds_for_twice_the_time_in_which_it_is_restated(tmp_path: Path) -> None:
    file = tmp_path / "test.toml"
    file.write_text(PROFILE + '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\nsilence = "10 min"\n')
    rule = rules(VIN, load_profile(file)).trip
    assert rule is not None
    assert (rule.datum, rule.active, rule.silence_ms) == ("ignition.type", frozenset({"Start"}), 600_000)
    assert (rule.holds_ms, rule.pause_ms) == (80_000, 0)


def test_what_propels_and_what_happens_hold_for_twice_the_time_in_which_they_are_restated(tmp_path: Path) -> None:
    file = tmp_path / "test.toml"
    trip = '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n'
    file.write_text(PROFILE + trip)
    plain = rules(VIN, load_profile(file))
    assert plain.trip is not None
    assert (plain.holds_ms, plain.trip.propels_ms) == (180_000, 10_000)
    more = PROFILE.replace('every = "40s"', 'every = "40s", parked = "400s"')
    more += "data.\"propulsion\" = { expression = \"'Electric' if Engine.Speed > 0 else 'Thermal'\" }\n"
    more += 'data."alarm.status.activation" = { from = "Body.Ignition", values = { Off = "Inactive" } }\n'
    file.write_text(more.replace('every = "1s"', 'every = "20s"') + trip)
    full = rules(VIN, load_profile(file))
    assert full.trip is not None
    assert (full.holds_ms, full.trip.propels_ms) == (800_000, 40_000)


@pytest.mark.parametrize(
    ("motorization", "propulsion"),
    [("Thermic", "Thermal"), ("Electric", "Electric"), ("Hybrid", None), ("Hydrogen", None)],
)
def test_a_vehicle_of_one_engine_is_propelled_by_it(tmp_path: Path, motorization: str, propulsion: str | None) -> None:
    file = tmp_path / "test.toml"
    text = PROFILE.replace('"Thermic"', f'"{motorization}"') + '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n'
    file.write_text(text)
    rule = rules(VIN, load_profile(file)).trip
    assert rule is not None
    assert rule.always == propulsion


def test_a_pause_of_the_profile_does_not_end_a_trip(tmp_path: Path) -> None:
    file = tmp_path / "test.toml"
    file.write_text(PROFILE + '[trip]\ndatum = "powertrain.status"\nactive = ["Running"]\npause = "3 min"\n')
    rule = rules(VIN, load_profile(file)).trip
    assert rule is not None
    assert (rule.holds_ms, rule.pause_ms) == (2000, 180_000)


def test_trips_of_the_engine_go_on_over_a_stop_at_a_light_in_every_profile() -> None:
    profiles = [load_profile(file) for file in PROFILES.glob("*.toml")]
    found = [rule for profile in profiles if (rule := rules(VIN, profile).trip) is not None]
    assert found
    for rule in found:
        assert rule.pause_ms == {"powertrain.status": 180_000, "kinetic.moving": 300_000}.get(rule.datum, 0)


def test_a_profile_without_a_trip_gives_no_rule_for_one(tmp_path: Path) -> None:
    file = tmp_path / "test.toml"
    file.write_text(PROFILE)
    assert rules(VIN, load_profile(file)).trip is None
