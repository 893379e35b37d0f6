"""The models that come with the project: their files compile, and real recordings read as what really was."""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import correlation
from typing import NamedTuple

import pytest

from agent.bus.recording import Recording
from agent.databases.loading import load
from agent.plan.compiling import compile_plan
from agent.sampling.sampler import Sampler
from cloud_bridge.records.model import Value
from cloud_bridge.unify.unifier import Unifier
from contract.profile.profile import load_profile
from contract.served_page import PAGE, page, shipped
from contract.upload import Anchor, AnchorSource, Reason, Upload
from tests.agent.isotp.test_assembler import frames_of

ROOT = Path(__file__).resolve().parent.parent
PROFILES = sorted((ROOT / "config" / "vehicles").glob("*.toml"))
DATABASES = sorted((ROOT / "dbc").glob("*.dbc"))
MODELS = {"alfa-giulia", "demo-car", "obd2", "obd2-canmod", "peugeot-comfort-2004", "peugeot-e-208"}


class Drive(NamedTuple):
    """What a recording says, as published data."""

    said: dict[str, list[tuple[int, Value]]]
    """(ms since the first frame, value), by datum."""
    raws: dict[str, list[int | None]]
    """What was sampled on the grids, by signal."""
    anchors: frozenset[Anchor]
    start_utc_ms: int

    def values(self, datum: str) -> list[Value]:
        return [value for _, value in self.said.get(datum, [])]

    def numbers(self, datum: str) -> list[float]:
        return [value for value in self.values(datum) if isinstance(value, int | float)]

    def changes(self, datum: str) -> list[tuple[int, Value]]:
        said = self.said.get(datum, [])
        return said[:1] + [new for old, new in pairwise(said) if old[1] != new[1]]

    def at(self, datum: str, at_ms: int) -> Value:
        """The newest value at a time."""
        said = self.said[datum]
        return said[bisect(said, at_ms, key=lambda sample: sample[0]) - 1][1]


@cache
def drive(model: str, log: Path) -> Drive:
    plan = compile_plan(ROOT / "config" / "vehicles" / f"{model}.toml")
    recording = Recording([log], buses=plan.buses)
    sampler = Sampler(plan, 0)
    batches, end_ms = [], 0
    for frames in recording.batches():
        batches += sampler.feed(frames)
        end_ms = frames[-1].at_ms
    last = sampler.close(end_ms, Reason.CADENCE)
    batches += [] if last is None else [last]
    unifier = Unifier(plan.manifest, plan.profile)
    assert unifier.absent == []
    said: dict[str, list[tuple[int, Value]]] = {}
    raws: dict[str, list[int | None]] = {}
    for sequence, batch in enumerate(batches):
        start_ms, end_ms, anchor = batch.start_ms, batch.end_ms, batch.anchor
        upload = Upload(
            *(bytes(16), sequence, "VF3ABCDE0FG123456", bytes(8), batch.reason, start_ms, end_ms, anchor),
            *(batch.ledger, batch.grids, batch.changes),
        )
        for grid in batch.grids:
            for signal, column in zip(plan.manifest.groups[grid.group].signals, grid.columns, strict=True):
                raws.setdefault(signal.name, []).extend(column)
        for sample in unifier.unify(upload):
            said.setdefault(sample.datum, []).append((sample.at_ms, sample.value))
    assert recording.start_utc_ms is not None
    return Drive(said, raws, frozenset(batch.anchor for batch in batches if batch.anchor), recording.start_utc_ms)


@pytest.fixture
def parked_peugeot(shared: Path) -> Drive:
    return drive("peugeot-comfort-2004", shared / "data/logs/peugeot_partner_conf_bus_static.log.gz")


@pytest.fixture
def peugeot_trip(shared: Path) -> Drive:
    return drive("peugeot-comfort-2004", shared / "data/derived/psa_conf_trip_a.log.gz")


@pytest.fixture
def commute(shared: Path) -> Drive:
    return drive("obd2-canmod", shared / "data/logs/car_obd2_gnss_imu_css_trip1_40min.log.gz")


@pytest.fixture
def giulia(shared: Path) -> Drive:
    return drive("alfa-giulia", shared / "data/logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz")


@pytest.fixture
def truth(shared: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((shared / "data/derived/psa_conf_trip_a.truth.json").read_text())
    return found


# The files.


def test_the_models_are_those_that_are_promised() -> None:
    assert {path.stem for path in PROFILES} == MODELS


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_named_as_its_file_and_compiles_with_databases_that_need_no_healing(path: Path) -> None:
    plan = compile_plan(path)
    assert plan.profile.model == plan.manifest.model == path.stem
    assert not any(plan.findings.values())


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_datum_and_alert_of_a_profile_can_be_given(path: Path) -> None:
    plan = compile_plan(path)
    assert Unifier(plan.manifest, plan.profile).absent == []


def test_the_page_of_what_is_served_is_what_the_profiles_make_of_it() -> None:
    assert PAGE.read_text() == page(shipped()), "write it again: make served"


def test_every_database_is_used_by_a_profile() -> None:
    used = {file for path in PROFILES for bus in load_profile(path).buses.values() for file in bus.databases}
    assert used == set(DATABASES)


@pytest.mark.parametrize("path", DATABASES, ids=lambda path: path.stem)
def test_a_database_of_ours_fits_its_frames(path: Path) -> None:
    loaded = load(path)
    assert not loaded.findings
    for message in loaded.layouts:
        assert max(signal.payload_bytes for signal in message.signals) <= message.length
        for signal in message.signals:
            widest = 2**signal.length
            low, high = (-widest // 2, widest // 2 - 1) if signal.signed else (0, widest - 1)
            assert all(low <= raw <= high for raw in signal.choices)
            assert len(set(signal.choices.values())) == len(signal.choices)


# Peugeot, standing.


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


# Any OBD-II car.


@pytest.mark.slow
def test_the_commute_burns_what_it_burnt(commute: Drive) -> None:
    fuel = commute.numbers("energies.Fuel.level")
    assert fuel[0] == pytest.approx(54.9, abs=0.1)
    assert fuel[-1] == pytest.approx(51.4, abs=0.1)
    assert [value for _, value in commute.changes("powertrain.status")] == ["NotRunning", "Running"]
    assert max(commute.numbers("kinetic.speed")) == 88
    assert commute.numbers("engines.Thermic.coolant.temp")[0] == 24


@pytest.mark.slow
def test_the_commute_has_no_position_before_its_first_fix_and_then_a_whole_one(commute: Drive) -> None:
    first_ms = commute.said["position.longitude"][0][0]
    assert first_ms > 129_000
    assert all(
        commute.said[f"position.{part}"][0][0] == first_ms for part in ("latitude", "altitude", "satellites", "fix")
    )
    assert set(commute.values("position.fix")) == {"2D", "3D"}
    assert all(55.8 < latitude < 56.2 for latitude in commute.numbers("position.latitude"))
    assert all(9.8 < longitude < 10.3 for longitude in commute.numbers("position.longitude"))
    assert all(0 < altitude < 250 for altitude in commute.numbers("position.altitude"))
    assert all(0 <= heading <= 360 for heading in commute.numbers("position.heading"))


@pytest.mark.slow
def test_the_commute_is_dated_by_its_satellites_once_their_time_is_confirmed(commute: Drive) -> None:
    assert {anchor.source for anchor in commute.anchors} == {AnchorSource.GNSS}
    for anchor in commute.anchors:
        recorded_ms = commute.start_utc_ms + anchor.at_ms
        assert recorded_ms - anchor.utc_ms == pytest.approx(4500, abs=300)


def test_an_inertial_sample_that_says_it_is_invalid_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "imu.log"
    right, invalid = "0B2DA08C0000FE07", "0000000000000000"
    payloads = [right] * 100
    payloads[40] = payloads[70] = invalid
    lines = [f"({1627274455 + tenth / 10:.1f}) can1 009#{payload}" for tenth, payload in enumerate(payloads)]
    log.write_text("\n".join(lines) + "\n")
    sampled = drive("obd2-canmod", log).raws["Imu.AccelerationX"]
    # Raw 0 is -64 m/s². Samples are taken each second.
    assert (sampled.count(None), 0 in sampled) == (2, False)
    assert len(sampled) >= 9


# Cars that are asked.


def answers(folder: Path, said: Sequence[tuple[float, int, str]]) -> Path:
    """A recording of answers: seconds, id and ISO-TP message."""
    lines = [
        f"({1627274455 + at_s + 0.01 * number:.3f}) can0 {ident:03X}#{frame.hex().upper()}"
        for at_s, ident, message in said
        for number, frame in enumerate(frames_of(bytes.fromhex(message)))
    ]
    log = folder / "answers.log"
    log.write_text("\n".join(lines) + "\n")
    return log


def test_any_car_answers_together_and_by_29_bit_ids_alike(tmp_path: Path) -> None:
    said: list[tuple[float, int, str]] = [(second, 0x7E8, "41 0C 1A F8 0D 28") for second in range(5)]
    said += [(5 + second, 0x7E8, "41 0D 29") for second in range(3)]
    said += [(8.5, 0x7E8, "41 05 7B 0F 3C 01 81 07 65 04"), (9, 0x7E8, "41 2F 80 46 41 A6 00 01 09 32")]
    car = drive("obd2", answers(tmp_path, said))
    assert car.numbers("engines.Thermic.speed")[:2] == [1726, 1726]
    assert car.numbers("kinetic.speed")[:2] == [40, 40]
    assert car.numbers("kinetic.speed")[-1] == 41
    assert car.values("powertrain.status")[0] == "Running"
    assert car.values("engines.Thermic.coolant.temp")[0] == 83
    assert car.values("odometer.mileage")[0] == 6789
    assert car.values("environment.air.temp")[0] == 25
    assert car.values("alert.EngineFault")[0] is True


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
    assert car.numbers("energies.Electric.level") == pytest.approx([92.908, 92.875], abs=0.001)
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


# Alfa Romeo Giulia.


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
