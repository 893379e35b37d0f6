"""A Peugeot e-208, which says what it is asked."""

from __future__ import annotations

from pathlib import Path

from tests.shipped.drive import answers, drive


def test_what_an_e_208_answers_is_published(tmp_path: Path) -> None:
    # Answers as owners have published them, but for the odometer's number.
    said = [
        (1, 0x694, "62 D4 10 B9 D1"),
        (1.1, 0x694, "62 D8 60 01 06 40"),
        (1.2, 0x694, "62 D8 15 1B 80"),
        (1.3, 0x686, "62 D4 9C 00 00 30 39"),
        (1.4, 0x682, "62 D4 34 1B"),
        (1.5, 0x682, "62 D8 EF 1D"),
        (11, 0x694, "62 D4 10 B9 C0"),
        (12, 0x694, "7F 22 31"),
    ]
    car = drive("peugeot-e-208", answers(tmp_path, said))
    assert car.numbers("energies.Electric.level") == [92.9, 92.9]
    assert set(car.values("energies.Electric.battery.health.capacity")) == {100}
    assert set(car.values("odometer.mileage")) == {12345}
    assert set(car.values("environment.air.temp")) == {27}


def test_what_an_e_208_does_not_know_is_absent(tmp_path: Path) -> None:
    said = [
        (1, 0x694, "62 D4 10 FF FF"),
        (1.1, 0x694, "62 D8 60 00 00 00"),
        (1.2, 0x686, "62 D4 9C 00 00 FF FF"),
        (1.3, 0x686, "62 D4 9C FF FF FF FF"),
        (1.4, 0x682, "62 D4 34 FA"),
        (2, 0x682, "62 D8 EF FF"),
    ]
    assert drive("peugeot-e-208", answers(tmp_path, said)).said == {}
