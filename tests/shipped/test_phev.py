"""A plug-in hybrid, of which the standard's PIDs tell: charge and fuel, with and without its engine."""

from __future__ import annotations

from pathlib import Path

from tests.shipped.drive import answers, drive


def test_a_plug_in_hybrid_drives_electrically_and_then_with_its_engine(tmp_path: Path) -> None:
    electric = [(second, 0x7E8, "41 0C 00 00 0D 3C 5E 00 00") for second in range(5)]
    mixed = [(5 + second, 0x7E8, "41 0C 1F 40 0D 3C 5E 00 78") for second in range(5)]
    rest = [(0.5, 0x7E8, "41 5B B3 2F 80 A6 00 01 86 A0 46 3C"), (9.5, 0x7E8, "41 5B B2")]
    car = drive("obd2-phev", answers(tmp_path, sorted([*electric, *mixed, *rest])))
    assert [value for _, value in car.changes("energies.Electric.level")] == [70.2, 69.8]
    assert car.values("energies.Fuel.level")[0] == 50.2
    assert car.values("odometer.mileage")[0] == 10_000
    assert car.values("environment.air.temp")[0] == 20
    assert [value for _, value in car.changes("engines.Thermic.speed")] == [0, 2000]
    assert [value for _, value in car.changes("energies.Fuel.consumption.instant")] == [0, 10]
    assert set(car.values("kinetic.speed")) == {60}
    assert set(car.values("kinetic.moving")) == {True}


def test_what_a_plug_in_hybrid_does_not_say_by_the_standard_is_not_worked_out(tmp_path: Path) -> None:
    said = [(second, 0x7E8, "41 0C 00 00 0D 3C") for second in range(5)]
    car = drive("obd2-phev", answers(tmp_path, said))
    assert not {datum for datum in car.said if datum.startswith(("propulsion", "powertrain", "energies."))}
