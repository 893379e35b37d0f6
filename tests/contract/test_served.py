"""The agent's `check` tells the truth about which of the published data a model serves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract.catalog import DATA
from contract.profile.profile import load_profile
from contract.served import PUBLISHED, TRIP, Served, served_by

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


def test_the_names_are_those_of_the_published_catalogue_in_its_order(shared: Path) -> None:
    text = (shared / "reference/openapi/data-catalog.yaml").read_text()
    catalogue = re.findall(r"^- name: (.+?)\s*$", text, re.MULTILINE)
    assert len(PUBLISHED) == 139
    assert [datum.name for datum in PUBLISHED] == catalogue


def test_every_datum_is_said_derived_administered_or_not_offered_and_only_one_of_these() -> None:
    for datum in PUBLISHED:
        assert [bool(datum.needs), bool(datum.not_offered), datum.administration].count(True) == 1, datum.name
        assert {key for group in datum.needs for key in group} <= {*DATA, TRIP}, datum.name


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
    assert trip["Trip max speed"] == Served("Trip max speed", True, "derived from Motion.Speed")
    assert not trip["Trip start mileage"].served


@pytest.mark.parametrize(("source", "has"), [("receiver", True), ("none", False)])
def test_the_position_is_served_by_a_receiver_alone(tmp_path: Path, source: str, has: bool) -> None:
    data = served(tmp_path, f'[gnss]\nsource = "{source}"\n')
    names = ["Position coordinates", "Position heading", "Position signal quality", "Position signal fix status"]
    assert [data[name].served for name in names] == [has] * 4


def test_what_no_vehicle_serves_here_is_absent_with_the_reason_even_when_signals_are_mapped(tmp_path: Path) -> None:
    data = served(tmp_path, '[alerts]\nFuelLevelLow = { from = "Key.State", is = ["Low"] }\n')
    assert data["Alert type"] == Served("Alert type", False, "the API does not offer alerts yet")
    assert data["vin"].served
