"""A Toyota RAV4 on a motorway, as it was recorded with a better receiver beside it, and what it did not do there."""

from __future__ import annotations

import gzip
from bisect import bisect
from pathlib import Path

import pytest

from cloud_bridge.records.model import Value
from tests.shipped.drive import Drive, drive, recorded

LOG = "data/logs/toyota_rav4_2018_comma2k19_60s"


@pytest.fixture
def motorway(shared: Path) -> Drive:
    return drive("toyota-rav4", shared / f"{LOG}.log.gz")


@pytest.mark.slow
def test_the_rav4_is_as_fast_as_the_receiver_beside_it_measured(motorway: Drive, shared: Path) -> None:
    with gzip.open(shared / f"{LOG}.truth.csv.gz", "rt") as file:
        rows = [line.split(",") for line in file][1:]
    at_s, true_kmh = [float(row[0]) for row in rows], [3.6 * float(row[1]) for row in rows]
    said = [
        (speed, true_kmh[bisect(at_s, motorway.start_utc_ms / 1000 + at_ms / 1000)])
        for at_ms, speed in motorway.said["kinetic.speed"]
        if at_s[0] < motorway.start_utc_ms / 1000 + at_ms / 1000 < at_s[-1]
    ]
    assert len(said) > 50
    # A wheel's speed is a little above the ground's.
    assert all(-1 <= float(speed) - truth <= 3 for speed, truth in said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("datum", "values"),
    [
        ("powertrain.status", ["Running"]),
        ("odometer.mileage", [25088.064, 25089.673]),  # 15,589 and 15,590 miles
        ("adas.accr", ["StandBy", "Activated"]),
        ("adas.esp", [True]),
        ("doorsState.opening.RearLeft", ["Closed"]),
        ("drivingBehavior.mode", ["Normal"]),
        ("transmission.gearbox.mode.automatic", [True]),
        ("transmission.gearbox.ratio", []),
        ("lightingSystem.turn.Rear.Left", ["Off"]),
    ],
)
def test_the_rav4_said_so_on_the_motorway(motorway: Drive, datum: str, values: list[Value]) -> None:
    changes = motorway.changes(datum) if datum in motorway.said else []
    assert list(dict.fromkeys(value for _, value in changes)) == values


def newest(folder: Path, *said: tuple[str, str]) -> dict[str, Value]:
    """The last value of each datum when these frames (id, payload) are sent again and again."""
    found = drive("toyota-rav4", recorded(folder, [("can0", *frame) for frame in said])).said
    return {datum: values[-1][1] for datum, values in found.items()}


@pytest.mark.parametrize(
    ("frame", "datum", "value"),
    [
        (("614", "29 00 00 10 00 00 00 00"), "lightingSystem.turn.Front.Left", "On"),
        (("614", "29 00 00 20 00 00 00 00"), "lightingSystem.turn.Front.Right", "On"),
        (("614", "29 00 00 38 00 00 00 00"), "lightingSystem.turn.Rear.Left", "On"),  # both
        (("622", "12 00 00 08 00 00 00 00"), "lightingSystem.fog.Front.Left", "On"),
        (("620", "10 00 00 2A B0 04 00 00"), "doorsState.opening.RearLeft", "Open"),
        (("620", "10 00 00 2A B0 08 00 00"), "doorsState.opening.RearRight", "Open"),
        (("3BC", "00 10 00 00 00 00 00 00"), "transmission.gearbox.ratio", "Reverse"),
        (("3BC", "00 01 00 00 32 00 00 00"), "transmission.gearbox.ratio", "Ratio3"),
        (("3BC", "00 00 00 00 00 01 00 00"), "drivingBehavior.mode", "Eco"),
        (("3BC", "04 00 00 00 00 00 00 00"), "drivingBehavior.mode", "Sport"),
        (("3B7", "00 08 00 00 00 00 00 00"), "adas.esp", False),
        (("611", "21 00 00 22 00 00 3C E5"), "odometer.mileage", 15_589),
    ],
)
def test_the_rav4_says_by_hand_made_frames(tmp_path: Path, frame: tuple[str, str], datum: str, value: Value) -> None:
    assert newest(tmp_path, frame)[datum] == value


def test_a_belt_that_is_open_is_an_omission_while_the_engine_runs(tmp_path: Path) -> None:
    running, open_belt = ("1C4", "08 00 00 08 00 00 00 00"), ("620", "10 00 00 2A B0 00 00 40")
    assert newest(tmp_path, running, open_belt)["safety.belt.Driver"] == "Omission"
    assert "safety.belt.Driver" not in newest(tmp_path, ("1C4", "00 00 00 00 00 00 00 00"), open_belt)


def test_a_frame_of_the_rav4_with_a_wrong_checksum_says_nothing(tmp_path: Path) -> None:
    right = "00 00 00 00 1D 0B 7A 5E"  # 0xB4 + 8 + the bytes before
    assert newest(tmp_path, ("0B4", right))["kinetic.speed"] == 29.38
    assert "kinetic.speed" not in newest(tmp_path, ("0B4", right[:-2] + "5F"))
