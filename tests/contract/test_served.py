"""The agent's `check` tells the truth about which of the published data a model serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.configuration import ConfigurationError
from contract.profile.profile import load_profile
from contract.served import Served, alerts_of, grouped, served_by

HEAD = """
model = "t"
label = "T"
brand = "T"
motorization = "Thermic"
[buses.can0]
databases = ["t.dbc"]
[classes]
fast = { every = "1s" }
[signals]
"Motion.Speed" = { class = "fast" }
"Motion.Total" = { class = "fast" }
"Key.State" = { class = "fast" }
"""


def served(folder: Path, text: str) -> dict[str, Served]:
    file = folder / "t.toml"
    file.write_text(HEAD + text)
    return {datum.name: datum for datum in served_by(load_profile(file))}


def test_a_mapped_datum_is_served_and_names_its_signal(tmp_path: Path) -> None:
    data = served(tmp_path, '[data]\n"kinetic.speed" = { from = "Motion.Speed" }\n')
    assert data["Longitudinal speed"] == Served("Longitudinal speed", True, "from Motion.Speed")
    assert not data["Odometer mileage"].served
    assert data["Odometer mileage"].why == "the profile does not map odometer.mileage"


def test_trips_need_a_trip_rule_and_what_they_say_needs_its_data(tmp_path: Path) -> None:
    text = '[data]\n"ignition.type" = { from = "Key.State" }\n"kinetic.speed" = { from = "Motion.Speed" }\n'
    without = served(tmp_path, text)
    assert without["Trip duration"].why == "the profile does not say what a trip is: [trip]"
    trip = served(tmp_path, text + '[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n')
    assert trip["Trip duration"].served
    assert trip["Trip max speed"] == Served("Trip max speed", True, "made of Motion.Speed")
    assert not trip["Trip start mileage"].served


@pytest.mark.parametrize(("source", "has"), [("receiver", True), ("none", False)])
def test_the_position_is_served_by_a_receiver_alone(tmp_path: Path, source: str, has: bool) -> None:
    data = served(tmp_path, f'[gnss]\nsource = "{source}"\n')
    names = ["Position coordinates", "Position heading", "Position signal quality", "Position signal fix status"]
    assert [data[name].served for name in names] == [has] * 4


def test_alerts_are_records_of_lamps_and_their_places_need_a_position(tmp_path: Path) -> None:
    lamp = '[alerts]\nFuelLevelLow = { from = "Key.State", is = ["Low"] }\n'
    data = served(tmp_path, lamp + '[gnss]\nsource = "none"\n')
    assert data["Alert type"] == Served("Alert type", True, "made of Key.State")
    assert not data["Alert start position"].served
    assert served(tmp_path, lamp)["Alert start position"].served
    types = {alert.name: alert for alert in alerts_of(load_profile(tmp_path / "t.toml"))}
    assert len(types) == 104
    assert types["FuelLevelLow"] == Served("FuelLevelLow", True, "Key.State")
    assert sum(alert.served for alert in types.values()) == 1


def test_a_crash_that_is_felt_is_a_collision_of_a_trip_without_a_side(tmp_path: Path) -> None:
    trip = '[data]\n"ignition.type" = { from = "Key.State" }\n[trip]\ndatum = "ignition.type"\nactive = ["Start"]\n'
    data = served(tmp_path, trip)
    assert not data["Trip Collisions"].served
    data = served(tmp_path, trip + "[crash]\nmessage = \"Key.State == 'Deployed'\"\n")
    assert data["Trip Collisions"].served
    assert not data["Collision side"].served


def test_what_no_vehicle_serves_here_is_absent_with_the_reason_and_what_is_registered_or_the_boxs_own_is_there(
    tmp_path: Path,
) -> None:
    data = served(tmp_path, "")
    assert data["remote horn"] == Served(
        "remote horn",
        False,
        "nothing that is said but something to do, for remote control, where the profile has [actions]",
    )
    assert data["vin"].served
    assert data["Privacy state"] == Served("Privacy state", True, "from the box itself")


def test_a_vehicle_without_the_part_is_not_said_to_lack_a_mapping(tmp_path: Path) -> None:
    data = served(tmp_path, '[absent]\n"*" = "nobody looked"\n')
    assert data["Battery capacity"].why == "the vehicle has no traction battery"
    assert data["Engine oil level"].why == "nobody looked"


def test_the_profile_says_why_a_datum_is_absent_by_the_longest_beginning_of_its_key(tmp_path: Path) -> None:
    text = """
[data]
"kinetic.speed" = { from = "Motion.Speed" }
[absent]
adas = "no assistance"
"adas.parkAssist" = "no beeps"
"alert.FuelLevelLow" = "no tank"
trip = "it stands in a museum"
"energies.Electric.level" = "no gauge"
"*" = "unknown"
"""
    data = served(tmp_path, text)
    assert data["ESP State"].why == "no assistance"
    assert data["Park assist front"].why == "no beeps"
    assert data["Trip distance"].why == "it stands in a museum"
    assert data["Odometer mileage"].why == "unknown"
    assert data["Energy level"].why == "no gauge"  # Of fuel nothing is said, of the battery it is.
    alerts = {alert.name: alert.why for alert in alerts_of(load_profile(tmp_path / "t.toml"))}
    assert (alerts["FuelLevelLow"], alerts["OilLevelLow"]) == ("no tank", "unknown")
    assert dict(grouped(data.values()))["no beeps"] == ["Park assist front", "Park assist rear"]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('"kinetic.sped" = "x"', "there is no such datum; did you mean kinetic.speed?"),
        ('"kinetic.speed" = "x"', "the profile says where it comes from"),
        ('adas = ""', "expected the reason"),
    ],
)
def test_a_reason_is_for_a_datum_that_exists_and_is_absent(tmp_path: Path, line: str, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=wrong):
        served(tmp_path, f'[data]\n"kinetic.speed" = {{ from = "Motion.Speed" }}\n[absent]\n{line}\n')
