"""A Peugeot with the comfort bus of 2004: standing, and on a trip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloud_bridge.records.model import Value
from tests.shipped.drive import Drive, drive, recorded


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
        ("adas.lvv", False),
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


# Each lamp, by hand-made frames.

AWAKE = ("can0", "036", "0E 00 00 06 01 00 00 A0")
RUNNING = ("can0", "0F6", "8A 39 0A 52 FA 6E 6E 20")
"""Ignition on, engine running, no test of the lamps, the wheel at the left, no turn signal."""


def lit(ident: str, length: int, *bits: int) -> tuple[str, str, str]:
    """A frame with these bits set: eight times the byte, and the bit from the least significant on."""
    payload = bytearray(length)
    for bit in bits:
        payload[bit // 8] |= 1 << bit % 8
    return "can0", ident, payload.hex()


def shown(folder: Path, *said: tuple[str, str, str]) -> dict[str, Value]:
    found = drive("peugeot-comfort-2004", recorded(folder, [AWAKE, RUNNING, *said])).said
    return {datum: values[-1][1] for datum, values in found.items()}


@pytest.mark.parametrize(
    ("lamp", "alert"),
    [
        (lit("168", 8, 7), "EngineTemperatureFailure"),
        (lit("168", 8, 5), "CoolantLevellow"),
        (lit("168", 8, 4), "OilLevelLow"),
        (lit("168", 8, 3), "EngineOilPressureFailure"),
        (lit("168", 8, 2), "BrakingSystemFailure"),
        (lit("168", 8, 0), "TireUnderInflationDetectionSystemFault"),
        (lit("168", 8, 31), "BrakingSystemFailure"),
        (lit("168", 8, 30), "SuspensionFault"),
        (lit("168", 8, 29), "AbsBrakingSystemFault"),
        (lit("168", 8, 28), "EspAsrSystemFault"),
        (lit("168", 8, 27), "GearboxFault"),
        (lit("168", 8, 26), "ReplaceBrakePads"),
        (lit("168", 8, 25), "EngineFault"),
        (lit("168", 8, 24), "WaterInTheDieselFuelFilter"),
        (lit("168", 8, 37), "AirbagOrSeatBeltPretensionerOrActiveHoodFailure"),
        (lit("168", 8, 34), "BatteryChargeOrElectricalCircuitSystemFailure"),
        (lit("168", 8, 33), "BatteryChargeOrElectricalCircuitSystemFailure"),
        (lit("168", 8, 40), "EngineFault"),
        (lit("168", 8, 53), "PowerSteeringFault"),
        (lit("168", 8, 52), "ParkingBrakeOrHillStartSystemFailure"),
        (lit("168", 8, 51), "ParkingBrakeOrHillStartSystemFailure"),
        (lit("128", 8, 4), "FuelLevelLow"),
        (lit("0E8", 7, 35), "AddWasherFluid"),
        (lit("0D6", 6, 7), "RetractableRoofMechanismFault"),
        (lit("0D6", 6, 0), "RoofOperationNotPossibleSpeedUnknown"),
        (lit("0E1", 7, 5), "ParkAssistSystemFault"),
        (lit("0E1", 7, 2), "ParkAssistSystemFault"),
    ],
)
def test_each_lamp_of_the_peugeot_is_one_alert_and_no_other(
    tmp_path: Path, lamp: tuple[str, str, str], alert: str
) -> None:
    dark = [lit("168", 8), lit("128", 8), lit("0E8", 7), lit("0D6", 6)]
    said = shown(tmp_path, *(frame for frame in dark if frame[1] != lamp[1]), lamp)
    alerts = {datum: value for datum, value in said.items() if datum.startswith("alert.")}
    assert {datum for datum, value in alerts.items() if value} == {f"alert.{alert}"}


@pytest.mark.parametrize(("bit", "slow"), [(12, "LowSpeed"), (11, "")])
@pytest.mark.parametrize(
    ("door", "name"),
    [
        *((7, "LeftFrontDoorOpen"), (6, "RightFrontDoorOpen"), (5, "LeftRearDoorOpen"), (4, "RightRearDoorOpen")),
        *((3, "TrunkOrHoodOpen"), (2, "TrunkOrHoodOpen"), (1, "RearWindowOpen")),
    ],
)
def test_a_door_of_the_peugeot_warns_by_its_name_when_it_is_driven_open(
    tmp_path: Path, door: int, name: str, bit: int, slow: str
) -> None:
    said = shown(tmp_path, lit("220", 2, door), lit("128", 8, bit))
    assert {datum for datum, value in said.items() if value is True and datum.startswith("alert.")} == {
        f"alert.{name}{slow}"
    }


@pytest.mark.parametrize(
    ("gearbox", "selected", "gear", "ratio"),
    [
        (0, 1, 0, "Reverse"),
        (0, 2, 0, "Neutral"),
        (0, 3, 4, "Ratio4"),
        (0, 9, 0, "Ratio1"),
        (2, 4, 0, "Ratio6"),
        (0, 0, 0, None),  # parked
        (0, 3, 0, None),  # declutched
        (1, 11, 0, None),  # changed by hand
    ],
)
def test_the_peugeot_names_its_gear(tmp_path: Path, gearbox: int, selected: int, gear: int, ratio: str | None) -> None:
    said = shown(tmp_path, ("can0", "128", f"00 00 00 00 00 00 {selected << 4 | gear << 1:02X} {gearbox:02X}"))
    assert said.get("transmission.gearbox.ratio") == ratio


@pytest.mark.parametrize(
    ("frame", "datum", "value"),
    [
        ("1A8 02 FF FF 00 00 0E CA B3", "adas.lvv", False),
        ("1A8 82 FF FF 00 00 0E CA B3", "adas.lvv", True),
        ("2E1 00 30 00 00 00", "adas.esp", True),
        ("2E1 00 10 00 00 00", "adas.esp", False),
        ("2E1 00 00 00 00 00", "adas.esp", None),
        ("0E1 80 00 00 00 00 00 00", "adas.bsm", "Inactive"),
        ("0E1 80 02 00 00 00 00 00", "adas.bsm", "Active"),
        ("0E1 80 08 00 00 00 00 00", "adas.bsm", "Disabled"),
        ("0E1 80 0E 00 00 00 00 00", "adas.bsm", "Fault"),
    ],
)
def test_the_peugeots_assistance_is_as_it_says(tmp_path: Path, frame: str, datum: str, value: Value | None) -> None:
    ident, _, payload = frame.partition(" ")
    assert shown(tmp_path, lit("361", 6, 33), ("can0", ident, payload)).get(datum) == value


def test_a_peugeot_without_a_monitor_of_the_blind_spot_says_nothing_of_it(tmp_path: Path) -> None:
    assert "adas.bsm" not in shown(tmp_path, lit("361", 6), ("can0", "0E1", "80 00 00 00 00 00 00"))
