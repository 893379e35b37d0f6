"""Recorded drives against what is known of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cloud_bridge.records.fold import History, Stretch, advance
from cloud_bridge.records.model import Fault
from contract.catalog import DATA
from tests.cloud_bridge.records.drives import Drive, drive
from tests.cloud_bridge.records.flows import fold

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def peugeot(shared: Path) -> Drive:
    derived = shared / "data" / "derived"
    return drive("peugeot-comfort-2004", derived / "psa_conf_trip_a.log.gz", derived / "psa_conf_trip_a.nmea.gz")


@pytest.fixture(scope="module")
def truth(shared: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((shared / "data" / "derived" / "psa_conf_trip_a.truth.json").read_text())
    return known


@pytest.fixture(scope="module")
def commute(shared: Path) -> Drive:
    return drive("obd2-canmod", shared / "data" / "logs" / "car_obd2_gnss_imu_css_trip1_40min.log.gz")


def test_the_peugeot_s_drive_is_one_trip_from_ignition_on_to_ignition_off(
    peugeot: Drive, truth: dict[str, Any]
) -> None:
    trip = peugeot.records.trip
    assert trip.started_at_ms == pytest.approx(truth["ignition_on"] * 1000, abs=1000)
    assert trip.stopped_at_ms == pytest.approx(truth["ignition_off"] * 1000, abs=1000)
    assert trip.distance_km == pytest.approx(truth["distance_m"] / 1000, rel=0.01)
    assert trip.start_mileage_km == truth["odometer_start_km"]
    assert trip.maximum_speed_kmh == pytest.approx(truth["max_speed_kmh"], abs=0.5)
    assert trip.faults == ()


def test_the_peugeot_s_fuel_is_known_at_both_ends(peugeot: Drive, truth: dict[str, Any]) -> None:
    """The bus gives whole percents."""
    trip = peugeot.records.trip
    (start,), (end,) = trip.start_energies, trip.end_energies
    assert (start.type, start.level) == ("Fuel", truth["fuel_start_pct"])
    assert end.level == pytest.approx(truth["fuel_end_pct"], abs=1)


def test_the_peugeot_s_alerts_are_those_of_its_story(peugeot: Drive, truth: dict[str, Any]) -> None:
    """The oil lamp is scripted to the second; the low fuel lamp follows the level, which is known to the second."""
    alerts = {alert.type: alert for alert in peugeot.records.alerts.values()}
    assert set(alerts) == {"EngineOilPressureFailure", "FuelLevelLow"}
    ((on_s, off_s),) = truth["story"]["oil"]
    oil, fuel = alerts["EngineOilPressureFailure"], alerts["FuelLevelLow"]
    assert oil.started_at_ms == pytest.approx(on_s * 1000, abs=200)
    assert oil.ended_at_ms == pytest.approx(off_s * 1000, abs=200)
    assert fuel.started_at_ms == pytest.approx(truth["low_fuel_on"] * 1000, abs=1000)
    assert fuel.ended_at_ms is None
    assert fuel.start_position is not None


def test_the_peugeot_s_odometer_is_never_written_with_more_than_its_decimal(peugeot: Drive) -> None:
    said = peugeot.said("odometer.mileage")
    assert len(said) > 400
    assert all(len(repr(value).partition(".")[2]) == 1 for _, value in said)


def test_the_commute_is_one_trip_with_its_fuel_and_way(commute: Drive) -> None:
    trip = commute.records.trip
    assert trip.done
    assert trip.distance_km == pytest.approx(41.65, rel=0.01)
    assert [energy.level for energy in (*trip.start_energies, *trip.end_energies)] == pytest.approx(
        [54.9, 51.4], abs=0.05
    )
    within = [
        message.position
        for message in commute.messages
        if message.position is not None and trip.started_at_ms <= message.at_ms <= trip.updated_at_ms
    ]
    assert len(within) > 2000
    assert trip.start_position == within[0]
    assert trip.stop_position == within[-1]


@pytest.mark.parametrize("name", ["peugeot", "commute"])
def test_no_position_is_known_before_the_first_fix(name: str, request: pytest.FixtureRequest) -> None:
    drive: Drive = request.getfixturevalue(name)
    positions = [message.position for message in drive.messages if message.position is not None]
    assert positions[0].at_ms - drive.messages[0].at_ms > 15_000
    assert all(56.2 > position.latitude > 55.8 and 10.3 > position.longitude > 9.8 for position in positions)


@pytest.mark.parametrize("name", ["peugeot", "commute"])
def test_everything_that_a_drive_says_may_be_published(name: str, request: pytest.FixtureRequest) -> None:
    drive: Drive = request.getfixturevalue(name)
    assert drive.unifier.absent == []
    for message in drive.messages:
        assert all(DATA[datum].admits(value) for datum, value in message.values.items())


@pytest.mark.parametrize("name", ["peugeot", "commute"])
def test_nothing_that_a_real_drive_says_is_called_impossible(name: str, request: pytest.FixtureRequest) -> None:
    drive: Drive = request.getfixturevalue(name)
    history = History()
    for stretch in drive.stretches:
        step = advance(history, stretch, drive.rules)
        assert step.implausible == []
        history = step.history


@pytest.mark.parametrize("name", ["peugeot", "commute"])
def test_a_drive_in_one_piece_is_the_same_as_in_uploads(name: str, request: pytest.FixtureRequest) -> None:
    drive: Drive = request.getfixturevalue(name)
    first, last = drive.stretches[0], drive.stretches[-1]
    assert not any(stretch.ends_asleep for stretch in drive.stretches[:-1])
    whole = Stretch(first.from_ms, last.to_ms, drive.messages, last.ends_asleep)
    assert fold([whole], drive.rules) == drive.records


def test_a_car_met_and_left_when_moving_has_an_incomplete_trip(shared: Path) -> None:
    giulia = drive("alfa-giulia", shared / "data" / "logs" / "alfa_giulia_recan_exp3_12s_hard_brake.log.gz")
    trip = giulia.records.trip
    assert trip.faults == (Fault("Unstarted"), Fault("Unfinished"))
    assert trip.maximum_speed_kmh == pytest.approx(35, abs=1)
    assert min(float(value) for _, value in giulia.said("kinetic.acceleration")) < -4


def test_a_car_that_stands_has_a_status_and_no_trip(shared: Path) -> None:
    standing = drive("peugeot-comfort-2004", shared / "data" / "logs" / "peugeot_partner_conf_bus_static.log.gz")
    records = standing.records
    assert records.trips == {}
    known = {datum: known.value for datum, known in records.history.known.items()}
    assert known["odometer.mileage"] == 67660.2
    assert known["energies.Fuel.level"] == 92.0
    assert known["energies.Fuel.autonomy"] == 1020
    assert known["engines.Thermic.coolant.temp"] == 17.0
    assert known["safety.belt.Driver"] == "Omission"
    doors = {datum: value for datum, value in known.items() if datum.startswith("doorsState.opening.")}
    assert len(doors) >= 5
    assert set(doors.values()) == {"Closed"}
