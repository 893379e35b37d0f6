"""A truck with J1939: idling as it was recorded, and on the road by hand-made frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.records.model import Value
from tests.shipped.drive import Drive, drive, recorded


@pytest.fixture
def truck(shared: Path) -> Drive:
    return drive("j1939-truck", shared / "data/logs/truck_j1939_css_127s.log.gz")


@pytest.mark.parametrize(
    ("datum", "values"),
    [
        ("kinetic.speed", {0}),
        ("odometer.mileage", {13832.875}),
        ("energies.Fuel.level", {74.8}),
        ("engines.Thermic.coolant.temp", {71, 72}),
        ("engines.Thermic.coolant.level", {100}),
        ("powertrain.status", {"Running"}),
        ("alert.ParticleFilterRegenerating", {False}),
        ("alert.EngineFault", {True}),  # four faults, told in broadcasts of three frames
        ("alert.EngineFailure", {False}),
    ],
)
def test_the_truck_idles_as_it_did(truck: Drive, datum: str, values: set[Value]) -> None:
    assert set(truck.values(datum)) == values


def test_the_trucks_engine_turns_evenly_and_its_fluids_warm_up(truck: Drive) -> None:
    assert all(646 < speed < 654 for speed in truck.numbers("engines.Thermic.speed"))
    oil, air = truck.numbers("engines.Thermic.oil.temp"), truck.numbers("environment.air.temp")
    assert (oil[0], oil[-1]) == pytest.approx((72.8, 73.8), abs=0.1)
    assert all(13 < temperature < 14 for temperature in air)


def test_what_the_truck_marks_not_available_and_what_cannot_be_while_it_stands_is_absent(truck: Drive) -> None:
    assert truck.values("engines.Thermic.oil.level") == []
    assert truck.values("engines.Thermic.air.temp") == []
    assert truck.values("energies.Fuel.consumption.instant") == []


def test_a_truck_on_the_road_says_what_its_bus_says(tmp_path: Path) -> None:
    """Made by hand after the standard's layouts."""
    said = [
        ("0CF00400", "FF FF FF 00 2D FF FF FF"),  # 0x2D00 / 8 rpm
        ("18FEF100", "FF 00 50 FF FF FF FF FF"),  # 0x5000 / 256 km/h
        ("18FEF200", "FF FF 00 06 FF FF FF FF"),  # 0x0600 / 512 km/L
        ("18FEE900", "FF FF FF FF 10 27 00 00"),  # 10,000 half litres
        ("18F00503", "FF FF FF 84 FF FF FF FF"),  # 132 - 125
        ("18FECA00", "14 FF 00 00 00 00 FF FF"),  # amber and red
        ("18FECA0B", "00 FF 00 00 00 00 FF FF"),  # the brakes' own are dark
        ("18F0010B", "FF FF FF FF FF D3 FF FF"),  # amber on, red off
        ("18FD7C00", "F4 F7 FF FF FF FF FF FF"),  # lamp blinks, regenerating
        ("18FEFF00", "FD FF FF FF FF FF FF FF"),
    ]
    truck = drive("j1939-truck", recorded(tmp_path, [("can0", *frame) for frame in said]))
    newest = {datum: values[-1][1] for datum, values in truck.said.items()}
    assert newest == {
        "alert.AbsBrakingSystemFault": True,
        "alert.BrakingSystemFailure": False,
        "alert.EngineFailure": True,
        "alert.EngineFault": True,
        "alert.ParticleFilterFull": True,
        "alert.ParticleFilterRegenerating": True,
        "alert.WaterInTheDieselFuelFilter": True,
        "energies.Fuel.consumption.instant": 33.333,
        "energies.Fuel.consumption.total": 500_000,
        "engines.Thermic.speed": 1440,
        "kinetic.moving": True,
        "kinetic.speed": 80,
        "powertrain.status": "Running",
        "transmission.gearbox.ratio": "Ratio7",
    }
