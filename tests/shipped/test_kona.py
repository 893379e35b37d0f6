"""A Hyundai Kona electric: what another tester asked it, standing, and hand-made answers of a drive."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shipped.drive import Drive, answers, drive


@pytest.fixture
def standing(shared: Path) -> Drive:
    return drive("hyundai-kona-electric", shared / "data/logs/ev_uds_isotp_css_299s.log.gz")


def test_the_kona_stands_in_the_cold_with_half_its_charge(standing: Drive) -> None:
    assert {datum: set(values) for datum in standing.said if (values := standing.values(datum))} == {
        "energies.Electric.level": {50},
        "environment.air.temp": {7},
        "ignition.type": {"Stop"},
        "kinetic.moving": {False},
        "kinetic.speed": {0},
    }


def battery(charge: int, ignition: bool) -> str:
    payload = bytearray.fromhex("62 01 01") + bytes(59)
    payload[7], payload[53] = charge, 0x09 | ignition << 2
    return payload.hex()


def climate(speed: int, outside: int) -> str:
    payload = bytearray.fromhex("62 01 00") + bytes(35)
    payload[9], payload[32] = outside, speed
    return payload.hex()


def test_a_kona_on_the_road(tmp_path: Path) -> None:
    health = bytearray.fromhex("62 01 05") + bytes(43)
    health[28:30] = (985).to_bytes(2, "big")
    said = [
        (1, 0x7EC, battery(171, True)),
        (1.2, 0x7BB, climate(88, 90)),
        (1.4, 0x7EC, health.hex()),
        (1.6, 0x778, "62 BC 03 00 00 00 00 A0 00 00"),
        (6, 0x7EC, battery(170, True)),
        (6.2, 0x7BB, climate(90, 90)),
    ]
    car = drive("hyundai-kona-electric", answers(tmp_path, said))
    assert {datum: values[-1][1] for datum, values in car.said.items()} == {
        "doorsState.opening.Driver": "Open",
        "doorsState.opening.Passenger": "Closed",
        "doorsState.opening.Trunk": "Open",
        "energies.Electric.battery.health.capacity": 99,  # 98.5 %, to the whole percent that is published
        "energies.Electric.level": 85,
        "environment.air.temp": 5,
        "ignition.type": "Start",
        "kinetic.moving": True,
        "kinetic.speed": 90,
    }


def test_what_a_kona_does_not_know_is_absent(tmp_path: Path) -> None:
    car = drive("hyundai-kona-electric", answers(tmp_path, [(1, 0x7BB, climate(0xFF, 0xFF)), (2, 0x7EC, "7F 22 31")]))
    assert car.said == {}
