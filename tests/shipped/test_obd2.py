"""Any car with OBD-II: a commute that another tester asked about, and the answers that the agent asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.upload import AnchorSource
from tests.shipped.drive import Drive, answers, drive


@pytest.fixture
def commute(shared: Path) -> Drive:
    return drive("obd2-canmod", shared / "data/logs/car_obd2_gnss_imu_css_trip1_40min.log.gz")


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


def test_fuel_by_the_hour_becomes_fuel_by_the_way_and_none_while_it_stands(tmp_path: Path) -> None:
    said = [(second, 0x7E8, "41 5E 00 64 0D 32") for second in range(4)]  # 5 L/h at 50 km/h
    said += [(4 + second, 0x7E8, "41 5E 00 10 0D 00") for second in range(4)]
    car = drive("obd2", answers(tmp_path, said))
    consumption = [value for at_ms, value in car.said["energies.Fuel.consumption.instant"] if at_ms < 4000]
    assert set(consumption) == {10}
    assert max(at_ms for at_ms, _ in car.said["energies.Fuel.consumption.instant"]) < 4500
