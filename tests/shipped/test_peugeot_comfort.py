"""A Peugeot with the comfort bus of 2004: standing, and on a trip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloud_bridge.records.model import Value
from tests.shipped.drive import Drive, drive


@pytest.fixture
def parked_peugeot(shared: Path) -> Drive:
    return drive("peugeot-comfort-2004", shared / "data/logs/peugeot_partner_conf_bus_static.log.gz")


@pytest.fixture
def peugeot_trip(shared: Path) -> Drive:
    return drive("peugeot-comfort-2004", shared / "data/derived/psa_conf_trip_a.log.gz")


@pytest.fixture
def truth(shared: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((shared / "data/derived/psa_conf_trip_a.truth.json").read_text())
    return found


@pytest.mark.parametrize(
    ("datum", "value"),
    [
        ("odometer.mileage", 67660.2),
        ("energies.Fuel.level", 92),
        ("energies.Fuel.autonomy", 1020),
        ("engines.Thermic.coolant.temp", 17),
        ("engines.Thermic.oil.temp", 16),
        ("environment.air.temp", 15),
        ("engines.Thermic.speed", 0),
        ("kinetic.speed", 0),
        ("kinetic.moving", False),
        ("ignition.type", "Start"),
        ("powertrain.status", "NotRunning"),
        ("doorsState.opening.Driver", "Closed"),
        ("doorsState.opening.Passenger", "Closed"),
        ("doorsState.opening.RearLeft", "Closed"),
        ("doorsState.opening.RearRight", "Closed"),
        ("doorsState.opening.Trunk", "Closed"),
        ("safety.belt.Driver", "Omission"),
        ("safety.belt.Passenger", "Normal"),
        ("lightingSystem.turn.Front.Left", "Off"),
        ("wipingBlades.active", False),
        ("transmission.gearbox.mode.automatic", False),
        ("environment.luminosity.day", True),
    ],
)
def test_the_parked_peugeot_is_as_it_was(parked_peugeot: Drive, datum: str, value: Value) -> None:
    assert set(parked_peugeot.values(datum)) == {value}


def test_what_the_peugeot_marks_not_available_is_absent(parked_peugeot: Drive) -> None:
    assert parked_peugeot.values("energies.Fuel.consumption.instant") == []
    assert parked_peugeot.values("maintenance.daysBeforeMaintenance") == []
    assert parked_peugeot.values("adas.parkAssist.rear") == []


def test_lamps_that_are_lit_because_the_engine_stands_are_no_alerts(parked_peugeot: Drive) -> None:
    alerts = {datum: set(parked_peugeot.values(datum)) for datum in parked_peugeot.said if datum.startswith("alert.")}
    assert len(alerts) == 30
    assert set(map(frozenset, alerts.values())) == {frozenset({False})}


# Peugeot, a trip.


@pytest.mark.slow
def test_nothing_is_said_while_the_peugeots_bus_wakes_up(peugeot_trip: Drive) -> None:
    assert min(said[0][0] for said in peugeot_trip.said.values()) >= 1000
    assert peugeot_trip.said["kinetic.speed"][0] == (2000, 0)
    assert peugeot_trip.said["environment.air.temp"][0][1] == 18


@pytest.mark.slow
def test_ignition_and_engine_of_the_peugeot_turn_when_they_did(peugeot_trip: Drive, truth: dict[str, float]) -> None:
    def at_ms(event: str) -> int:
        return round(truth[event] * 1000) - peugeot_trip.start_utc_ms

    ignition = peugeot_trip.changes("ignition.type")
    assert [value for _, value in ignition] == ["Stop", "Start", "StartUp", "Start", "Stop"]
    assert ignition[1][0] == pytest.approx(at_ms("ignition_on"), abs=600)
    assert ignition[-1][0] == pytest.approx(at_ms("ignition_off"), abs=600)
    engine = peugeot_trip.changes("powertrain.status")
    assert [value for _, value in engine] == ["NotRunning", "Starting", "Running", "Stopping", "NotRunning"]
    assert engine[2][0] == pytest.approx(at_ms("engine_start"), abs=600)
    assert engine[3][0] == pytest.approx(at_ms("engine_stop"), abs=600)


@pytest.mark.slow
def test_the_peugeots_gauges_are_those_of_the_trip(peugeot_trip: Drive, truth: dict[str, float]) -> None:
    mileage = peugeot_trip.numbers("odometer.mileage")
    assert mileage[0] == truth["odometer_start_km"]
    assert mileage[-1] == pytest.approx(truth["odometer_end_km"], abs=0.1)
    assert mileage == sorted(mileage)
    fuel = peugeot_trip.numbers("energies.Fuel.level")
    assert fuel[0] == truth["fuel_start_pct"]
    assert fuel[-1] == pytest.approx(truth["fuel_end_pct"], abs=1)
    assert max(peugeot_trip.numbers("kinetic.speed")) == pytest.approx(truth["max_speed_kmh"], abs=0.2)
    assert (
        60 <= min(peugeot_trip.numbers("energies.Fuel.autonomy")) <= max(peugeot_trip.numbers("energies.Fuel.autonomy"))
    )
    belt = peugeot_trip.changes("safety.belt.Driver")
    assert [value for _, value in belt] == ["Omission", "Normal", "Omission"]


@pytest.mark.slow
def test_the_peugeots_lamps_warn_exactly_when_they_did(peugeot_trip: Drive, truth: dict[str, float]) -> None:
    on_ms, off_ms = (round((truth["log_start"] + after) * 1000) - peugeot_trip.start_utc_ms for after in (930, 950))
    (_, off), (began_ms, on), (ended_ms, off_again) = peugeot_trip.changes("alert.EngineOilPressureFailure")
    assert (off, on, off_again) == (False, True, False)
    assert began_ms == pytest.approx(on_ms, abs=250)
    assert ended_ms == pytest.approx(off_ms, abs=250)
    _, (low_ms, low) = peugeot_trip.changes("alert.FuelLevelLow")
    assert low is True
    assert low_ms == pytest.approx(round(truth["low_fuel_on"] * 1000) - peugeot_trip.start_utc_ms, abs=1000)
    lit = {datum for datum in peugeot_trip.said if datum.startswith("alert.") and True in peugeot_trip.values(datum)}
    assert lit == {"alert.EngineOilPressureFailure", "alert.FuelLevelLow"}


@pytest.mark.slow
def test_the_dashboard_clock_dates_nothing(peugeot_trip: Drive) -> None:
    assert not peugeot_trip.anchors
