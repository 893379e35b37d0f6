"""What another derivation changed is named: record by record, datum by datum."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cloud_bridge.deriving.difference import Difference, RecordChange, compare, tell
from cloud_bridge.records.model import Alert, Known, Message, Position, Status, Trip
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import MODEL, PROFILE, VIN, Boot

HERE = Position(10, 2.0, 48.0)
BEFORE = tell(
    [Trip("t", 10, 20, 5.0), Alert("a", 15, "RiskOfIce")],
    Status({"kinetic.speed": Known(3.0, 20), "ignition.type": Known("Start", 20)}, HERE),
    [Message(10, {"kinetic.speed": 1.0}, HERE), Message(20, {"kinetic.speed": 3.0})],
)


def test_the_same_told_twice_is_no_difference() -> None:
    assert not compare(BEFORE, BEFORE)
    assert compare(BEFORE, BEFORE).summary == "nothing changed"


def test_records_are_told_apart_by_their_ids_and_compared_field_by_field() -> None:
    after = tell([Trip("t", 10, 20, 5.5), Alert("b", 16, "RiskOfIce")], None, [])
    assert compare(BEFORE, after).records == (
        RecordChange("changed", "Trip", "t", 10, {"distance_km": (5.0, 5.5)}),
        RecordChange("removed", "Alert", "a", 15, {}),
        RecordChange("added", "Alert", "b", 16, {}),
    )


def test_values_and_times_count_as_much_as_how_often_they_were_said() -> None:
    for messages, speed in (
        ([Message(10, {"kinetic.speed": 1.0}, HERE), Message(20, {"kinetic.speed": 4.0})], (2, 2)),
        ([Message(11, {"kinetic.speed": 1.0}), Message(20, {"kinetic.speed": 3.0}, HERE)], (2, 2)),
        ([Message(10, {"kinetic.speed": 1.0}, HERE)], (2, 1)),
        ([Message(10, {"engines.Thermic.speed": 1}, HERE)], (2, 0)),
    ):
        assert compare(BEFORE, tell([], None, messages)).telemetry["kinetic.speed"] == speed
    moved = tell([], None, [Message(10, {}, Position(10, 2.1, 48.0))])
    assert compare(BEFORE, moved).telemetry == {"kinetic.speed": (2, 0), "position": (1, 1)}


def test_of_the_status_the_values_count_and_the_position() -> None:
    after = tell([], Status({"kinetic.speed": Known(3.0, 99), "odometer.mileage": Known(1.0, 9)}), [])
    assert compare(BEFORE, after).status == {
        "ignition.type": ("Start", None),
        "odometer.mileage": (None, 1.0),
        "position": ([10, 2.0, 48.0, None, None, None, None, False], None),
    }


def test_a_bridge_that_finds_a_changed_profile_says_what_it_changed(
    cloud: Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.send_manifest()
    cloud.send(*[Boot().payload(sequence) for sequence in range(3)])
    with caplog.at_level(logging.INFO):
        cloud.deriver.derive(VIN)
        assert "changed profile" not in caplog.text
        text = PROFILE.replace('"kinetic.speed" = { from = "Motion.Speed" }\n', "")
        (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(text, encoding="utf-8")
        cloud.deriver.derive(VIN)
    assert (
        f"vehicle {VIN} derived again by a changed profile: 1 × trip changed; status of kinetic.speed;" in caplog.text
    )
    assert cloud.deriver.rebuild(VIN) == Difference()
