"""What the demo shows is compared with what was driven, and what is not shown is missed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.verify import wrong
from tests.conftest import ROOT


@pytest.fixture
def truth() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "demo" / "drive.truth.json").read_text())
    return read


@pytest.fixture
def status(truth: dict[str, Any]) -> dict[str, Any]:
    return {
        "odometer": {"mileage": truth["odometer_km"]},
        "energies": [{"level": truth["fuel_pct"]}],
        "lastPosition": {"geometry": {"coordinates": truth["position"]}},
        "ignition": {"type": "Stop"},
        "doorsState": {"opening": [{"identifier": "Driver", "state": "Closed"}]},
    }


@pytest.fixture
def trips(truth: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "startedAt": trip["startedAt"],
            "stoppedAt": trip["stoppedAt"],
            "distance": trip["distance_km"],
            "startMileage": trip["startMileage_km"],
            "startEnergies": [{"level": trip["fuel_start_pct"]}],
            "endEnergies": [{"level": trip["fuel_end_pct"]}],
            "kinetic": {"maxSpeed": trip["maxSpeed_kmh"]},
        }
        for trip in truth["trips"]
    ]


def test_nothing_is_wrong_with_what_was_driven(
    truth: dict[str, Any], status: dict[str, Any], trips: list[dict[str, Any]]
) -> None:
    assert wrong(truth, status, trips) == []


def test_every_difference_is_named(truth: dict[str, Any], status: dict[str, Any], trips: list[dict[str, Any]]) -> None:
    status["odometer"]["mileage"] += 1
    status["doorsState"]["opening"][0]["state"] = "Open"
    trips[0]["distance"] += 1
    said = wrong(truth, status, trips)
    assert [text.split(":")[0] for text in said] == ["odometer", "door Driver", "trip 1 distance"]
    assert wrong(truth, status, trips[1:])[-1] == f"{len(trips) - 1} trips are shown, {len(trips)} were driven"


@pytest.mark.parametrize("datum", ["odometer", "energies", "lastPosition", "ignition", "doorsState"])
def test_what_is_not_shown_is_missed(
    truth: dict[str, Any], status: dict[str, Any], trips: list[dict[str, Any]], datum: str
) -> None:
    del status[datum]
    assert wrong(truth, status, trips) == [f"'{datum}' is not shown"]
