"""Real recordings through the whole vehicle side up to the upload: what is sampled is what the car said."""

from __future__ import annotations

import csv
import gzip
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.recording import Recording
from agent.gnss.recorded import fixes, merged
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.upload import Count, Reason
from tests.agent.model import number

VEHICLES = Path(__file__).resolve().parents[2] / "config" / "vehicles"


class Drive:
    """A recording, sampled."""

    def __init__(self, model: str, log: Path, nmea: Path | None = None, cadence_ms: int | None = None) -> None:
        self.plan = compile_plan(VEHICLES / f"{model}.toml", cadence_ms=cadence_ms)
        losses = Losses()
        recording = Recording([log], self.plan.buses, losses=losses)
        assert recording.start_utc_ms is not None
        self.start_utc_ms = recording.start_utc_ms
        batches: Iterator[list[Frame]] = recording.batches()
        if nmea is not None:
            batches = merged(batches, fixes(nmea, recording.start_utc_ms, losses))
        self.frames = [frame for batch in batches for frame in batch]
        assert losses.unreadable == 0
        self.batches = sampled(self.plan, self.frames)
        self.counts = sum((Counter(batch.ledger.counts) for batch in self.batches), Counter[Count]())

    def raws(self, name: str) -> list[tuple[int, int | None]]:
        """Every sample of a signal by time, absent ones too."""
        wanted = number(self.plan, name)
        found: list[tuple[int, int | None]] = []
        for batch in self.batches:
            for grid in batch.grids:
                group = self.plan.groups[grid.group]
                if wanted in group.signals:
                    column = grid.columns[wanted - group.signals.start]
                    found += [(grid.start_ms + row * group.interval_ms, raw) for row, raw in enumerate(column)]
            found += [(change.at_ms, change.raw) for change in batch.changes if change.signal == wanted]
        return sorted(found, key=lambda sample: sample[0])

    def values(self, name: str) -> list[tuple[int, float]]:
        """Physical values."""
        signals = [signal for group in self.plan.manifest.groups for signal in group.signals]
        signal = signals[number(self.plan, name)]
        return [(at_ms, raw * signal.scale + signal.offset) for at_ms, raw in self.raws(name) if raw is not None]

    def named(self, name: str) -> list[tuple[int, str]]:
        """Value names."""
        signals = [signal for group in self.plan.manifest.groups for signal in group.signals]
        choices = signals[number(self.plan, name)].choices
        return [(at_ms, choices[raw]) for at_ms, raw in self.raws(name) if raw is not None]

    def changed(self, name: str) -> list[tuple[int, int | None]]:
        wanted = number(self.plan, name)
        return [(c.at_ms, c.raw) for batch in self.batches for c in batch.changes if c.signal == wanted]


def sampled(plan: Plan, frames: list[Frame], at_once: int = 4096) -> list[Batch]:
    sampler = Sampler(plan, 0)
    batches = [
        batch for begin in range(0, len(frames), at_once) for batch in sampler.feed(frames[begin : begin + at_once])
    ]
    last = sampler.close(frames[-1].at_ms, Reason.SLEEP)
    assert last is not None
    return [*batches, last]


def at(samples: list[tuple[int, float]], at_ms: int) -> float:
    """The sample nearest to a time."""
    position = bisect_left(samples, at_ms, key=lambda sample: sample[0])
    return min(samples[max(0, position - 1) : position + 1], key=lambda sample: abs(sample[0] - at_ms))[1]


@pytest.fixture(scope="module")
def static(shared: Path) -> Drive:
    return Drive("peugeot-comfort-2004", shared / "data/logs/peugeot_partner_conf_bus_static.log.gz")


@pytest.fixture(scope="module")
def trip(shared: Path) -> Drive:
    derived = shared / "data/derived"
    return Drive("peugeot-comfort-2004", derived / "psa_conf_trip_a.log.gz", derived / "psa_conf_trip_a.nmea.gz")


@pytest.fixture(scope="module")
def commute(shared: Path) -> Drive:
    return Drive("obd2-canmod", shared / "data/logs/car_obd2_gnss_imu_css_trip1_40min.log.gz")


def test_a_peugeot_with_its_ignition_on_says_its_mileage_fuel_and_doors(static: Drive) -> None:
    last = {
        name: static.values(name)[-1][1]
        for name in ("Vehicle.TotalDistance", "Gauges.FuelLevel", "TripComputer.Range", "Vehicle.CoolantTemperature")
    }
    assert last == pytest.approx(
        {"Vehicle.TotalDistance": 67660.2, "Gauges.FuelLevel": 92, "TripComputer.Range": 1020,
         "Vehicle.CoolantTemperature": 17}
    )  # fmt: skip
    for door in ("FrontLeft", "FrontRight", "RearLeft", "RearRight", "Trunk"):
        assert {name for _, name in static.named(f"Doors.{door}")} == {"Closed"}
    assert {name for _, name in static.named("Lamps.DriverBelt")} == {"On"}


def test_what_the_bus_marks_not_available_is_absent_and_counted(static: Drive) -> None:
    # 0x221: the trip computer's consumption is marked invalid; its range is not.
    assert static.values("TripComputer.InstantConsumption") == []
    assert static.values("TripComputer.Range") != []
    assert static.counts[Count.INVALID] > 0


@pytest.fixture(scope="module")
def truth(shared: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((shared / "data/derived/psa_conf_trip_a.truth.json").read_text())
    return found


def moment(drive: Drive, seconds: object) -> int:
    """A time of the truth on the boot's clock."""
    assert isinstance(seconds, float)
    return round(seconds * 1000) - drive.start_utc_ms


def test_the_derived_trip_is_sampled_as_it_was_driven(trip: Drive, shared: Path) -> None:
    with gzip.open(shared / "data/derived/psa_conf_trip_a.truth.csv.gz", "rt") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    speed, odometer, fuel = (
        trip.values(name) for name in ("Motion.VehicleSpeed", "Vehicle.TotalDistance", "Gauges.FuelLevel")
    )
    driven = [row for row in rows if row["speed_kmh"] > 0]
    assert len(driven) > 1500
    for row in driven:
        at_ms = moment(trip, row["t_utc"])
        assert abs(at(speed, at_ms) - row["speed_kmh"]) <= 6
        # The bus says whole per cents, cut off, twice a second.
        assert abs(at(fuel, at_ms) - row["fuel_pct"]) <= 1.5
    assert fuel[0][1] == pytest.approx(rows[0]["fuel_pct"], abs=1)
    assert fuel[-1][1] == pytest.approx(rows[-1]["fuel_pct"], abs=1)
    errors = sorted(abs(at(speed, moment(trip, row["t_utc"])) - row["speed_kmh"]) for row in driven)
    assert errors[len(errors) // 2] < 0.6
    assert odometer[0][1] == pytest.approx(rows[0]["odometer_km"], abs=0.1)
    assert odometer[-1][1] == pytest.approx(rows[-1]["odometer_km"], abs=0.1)
    for _, kilometres in odometer:
        assert 67660.1 < kilometres < 67702


def test_alert_lamps_change_when_the_truth_says(trip: Drive, truth: dict[str, object]) -> None:
    story = truth["story"]
    assert isinstance(story, dict)
    ((oil_on, oil_off),) = story["oil"]
    oil = [(at_ms, raw) for at_ms, raw in trip.changed("Warnings.OilPressure") if raw is not None]
    on = next(at_ms for at_ms, raw in oil if raw == 1)
    off = next(at_ms for at_ms, raw in oil if raw == 0 and at_ms > on)
    # The lamps are said every 200 ms.
    assert 0 <= on - moment(trip, oil_on) <= 200
    assert 0 <= off - moment(trip, oil_off) <= 200
    assert sum(raw == 1 for _, raw in oil) == 1
    low_fuel = next(at_ms for at_ms, raw in trip.changed("Lamps.LowFuel") if raw == 1)
    # The truth has this one to the second.
    assert abs(low_fuel - moment(trip, truth["low_fuel_on"])) <= 1000
    lamps = (frame for frame in trip.frames if frame.id == 0x128 and frame.data[0] & 0x10)
    assert low_fuel == next(lamps).at_ms


def test_ignition_changes_when_the_truth_says(trip: Drive, truth: dict[str, object]) -> None:
    ignition = trip.named("Vehicle.Ignition")
    on = next(at_ms for at_ms, name in ignition if name in ("On", "Cranking"))
    off = next(at_ms for at_ms, name in ignition if name == "Off" and at_ms > on)
    assert abs(on - moment(trip, truth["ignition_on"])) <= 1000
    assert abs(off - moment(trip, truth["ignition_off"])) <= 1000


def test_there_is_no_position_before_the_first_fix_and_none_is_zero(trip: Drive) -> None:
    latitudes = trip.raws("GNSS.Latitude")
    first = next(at_ms for at_ms, raw in latitudes if raw is not None)
    searching = [frame for frame in trip.frames if frame.bus == "GNSS" and frame.at_ms < first]
    assert len(searching) >= 10
    assert all(raw is None for at_ms, raw in latitudes if at_ms < first)
    assert all(raw is None or abs(raw) > 10_000_000 for _, raw in latitudes)
    assert len([raw for _, raw in latitudes if raw is not None]) > 2000


def test_nothing_is_dated_by_the_dashboards_clock(trip: Drive) -> None:
    assert {batch.anchor for batch in trip.batches} == {None}
    assert not any("Clock" in signal.name or "Time" in signal.name.partition(".")[0] for signal in trip.plan.signals)


def test_a_commute_says_the_speed_that_its_gnss_measured(commute: Drive) -> None:
    speed = dict(commute.raws("Obd.VehicleSpeed"))
    measured: list[tuple[int, float]] = []
    for frame in commute.frames:
        # CANmod.gps: speed in mm/s in the 20 bits from bit 1 of message 7, valid by bit 0 of the same.
        if frame.bus == "can1" and frame.id == 7 and frame.data[0] & 1:
            raw = int.from_bytes(frame.data, "little")
            measured.append((frame.at_ms, (raw >> 1 & 0xFFFFF) * 0.001 * 3.6))
    errors: list[float] = []
    for (before_ms, before), (after_ms, after) in pairwise(measured):
        if after_ms - before_ms > 1500:
            continue
        for at_ms in range(before_ms, after_ms):
            kmh = speed.get(at_ms)
            if kmh is not None:
                between = before + (after - before) * (at_ms - before_ms) / (after_ms - before_ms)
                errors.append(abs(kmh - between))
    assert len(errors) > 1500
    errors.sort()
    # The receiver's speed lags by some tenths of a second: while the car brakes hard that is more than 3 km/h.
    assert errors[len(errors) * 99 // 100] <= 3
    assert errors[len(errors) // 2] <= 1
    fuel = commute.values("Obd.FuelLevel")
    assert (round(fuel[0][1], 1), round(fuel[-1][1], 1)) == (54.9, 51.4)


def test_a_commute_has_no_position_in_its_first_15_seconds_and_is_dated_by_satellites(commute: Drive) -> None:
    first = next(at_ms for at_ms, raw in commute.raws("GnssPosition.Latitude") if raw is not None)
    assert first > 15_000
    anchors = [batch.anchor for batch in commute.batches if batch.anchor is not None]
    assert anchors
    # The logger's clock was 4.5 s ahead.
    assert all(4000 < commute.start_utc_ms + anchor.at_ms - anchor.utc_ms < 5000 for anchor in anchors)


def test_frames_that_the_imu_marks_invalid_are_left_out(commute: Drive) -> None:
    assert min(value for _, value in commute.values("Imu.AccelerationX")) > -20


def test_a_flipped_bit_in_a_checksummed_frame_costs_that_frame_only_and_is_counted(shared: Path) -> None:
    drive = Drive("alfa-giulia", shared / "data/logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz")
    assert drive.counts[Count.CHECKSUM] == 0
    speed = drive.values("WheelSpeeds.FrontLeft")
    assert 9 < max(value for _, value in speed) < 11
    assert min(value for _, value in drive.values("Dynamics.LongitudinalAcceleration")) < -4.5

    wheels = next(message for message in drive.plan.messages if message.name == "WheelSpeeds")
    position = next(
        index
        for index, frame in enumerate(drive.frames)
        if frame.id == wheels.id and frame.at_ms > 5900 and drive.frames[index + 1].at_ms <= 6000
    )
    frame = drive.frames[position]
    followed = [each for each in drive.frames[position + 1 :] if each.id == wheels.id and each.at_ms <= 6000]
    # The flipped frame would have been the newest one at 6 s.
    frames = [each for each in drive.frames if each not in followed]
    data = bytearray(frame.data)
    data[0] ^= 0x40
    frames[frames.index(frame)] = frame._replace(data=bytes(data))
    batches = sampled(drive.plan, frames)

    damaged = Drive.__new__(Drive)
    damaged.plan, damaged.batches = drive.plan, batches
    assert sum(batch.ledger.counts.get(Count.CHECKSUM, 0) for batch in batches) == 1
    before = [each for each in drive.frames[:position] if each.id == wheels.id][-1]
    raw = drive.plan.messages[drive.plan.signals[number(drive.plan, "WheelSpeeds.FrontLeft")].message].decode(
        before.data
    )
    slot = drive.plan.signals[number(drive.plan, "WheelSpeeds.FrontLeft")].slot
    assert dict(damaged.raws("WheelSpeeds.FrontLeft"))[6000] == raw[slot]


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
def test_a_real_drive_is_sampled_alike_however_it_is_handed_over(trip: Drive, at_once: int) -> None:
    frames = trip.frames[:40_000]
    assert sampled(trip.plan, frames, at_once) == sampled(trip.plan, frames)
