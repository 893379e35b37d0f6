"""The demo knows the model of a recording by what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.models import likest
from tests.conftest import ROOT

PROFILES = ROOT / "config" / "vehicles"


def test_the_demo_drive_is_the_demo_car_s() -> None:
    found = likest(ROOT / "demo" / "drive.log.gz", PROFILES)
    assert (found.model, found.found) == ("demo-car", found.wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recording", "model"),
    [
        ("logs/peugeot_partner_conf_bus_static.log.gz", "peugeot-comfort-2004"),
        ("derived/psa_conf_trip_a.log.gz", "peugeot-comfort-2004"),
        ("logs/car_obd2_gnss_imu_css_trip1_40min.log.gz", "obd2-canmod"),
        ("logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz", "alfa-giulia"),
    ],
)
def test_real_recordings_are_known_by_their_messages(shared: Path, recording: str, model: str) -> None:
    assert likest(shared / "data" / recording, PROFILES).model == model


def test_a_car_without_a_profile_is_like_none(shared: Path) -> None:
    assert likest(shared / "data" / "logs" / "toyota_rav4_2018_comma2k19_60s.log.gz", PROFILES).found == 0
