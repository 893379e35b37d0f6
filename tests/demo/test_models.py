"""The demo knows the model of a recording by what is in it."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

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
        ("logs/toyota_rav4_2018_comma2k19_60s.log.gz", "toyota-rav4"),
        ("logs/ev_uds_isotp_css_299s.log.gz", "hyundai-kona-electric"),
    ],
)
def test_real_recordings_are_known_by_their_messages(shared: Path, recording: str, model: str) -> None:
    assert likest(shared / "data" / recording, PROFILES).model == model


def test_a_truck_is_known_by_the_groups_that_it_sends_whoever_of_it_sends_them(tmp_path: Path) -> None:
    said = ["0CF00411#FFFFFF002DFFFFFF", "18FEF117#FF0050FFFFFFFFFF", "18FEE017#FFFFFFFFFFFFFFFF"]
    log = tmp_path / "truck.log"
    log.write_text("".join(f"(1627274455.{number}00000) can0 {frame}\n" for number, frame in enumerate(said)))
    found = likest(log, PROFILES)
    assert (found.model, found.found) == ("j1939-truck", 3)


def test_a_car_without_a_profile_is_like_none(shared: Path, tmp_path: Path) -> None:
    others = copytree(PROFILES, tmp_path / "config" / "vehicles", ignore=ignore_patterns("toyota-rav4.toml"))
    (tmp_path / "dbc").symlink_to(ROOT / "dbc")
    assert likest(shared / "data" / "logs" / "toyota_rav4_2018_comma2k19_60s.log.gz", others).found == 0
