"""An Alfa Romeo Giulia that sprints and brakes hard."""

from __future__ import annotations

from pathlib import Path
from statistics import correlation

import pytest

from tests.shipped.drive import Drive, drive


@pytest.fixture
def giulia(shared: Path) -> Drive:
    return drive("alfa-giulia", shared / "data/logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz")


def test_the_giulia_sprints_and_brakes_as_it_did(giulia: Drive) -> None:
    assert max(giulia.numbers("kinetic.speed")) == pytest.approx(35.4, abs=0.2)
    assert min(giulia.numbers("kinetic.acceleration")) == pytest.approx(-5.1, abs=0.11)
    assert set(giulia.values("kinetic.moving")) == {True}
    assert set(giulia.values("powertrain.status")) == {"Running"}
    assert 1000 < min(giulia.numbers("engines.Thermic.speed")) < max(giulia.numbers("engines.Thermic.speed")) < 4000


def test_the_giulias_acceleration_rises_and_falls_with_the_slope_of_its_speed(giulia: Drive) -> None:
    """Two signals of two messages, read apart: were one of them misread, they would not agree."""
    slopes, said = [], []
    for at_ms in range(500, 12_000, 100):
        after, before = giulia.at("kinetic.speed", at_ms + 200), giulia.at("kinetic.speed", at_ms - 200)
        # The sensor is smoothed: it follows the wheels by some 150 ms.
        acceleration = giulia.at("kinetic.acceleration", at_ms + 150)
        assert isinstance(after, float)
        assert isinstance(before, float)
        assert isinstance(acceleration, float)
        slopes.append((after - before) / 3.6 / 0.4)
        said.append(acceleration)
    assert correlation(slopes, said) > 0.9
