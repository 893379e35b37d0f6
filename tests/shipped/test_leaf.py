"""A Nissan Leaf: its battery as another tester asked for it, the rest by hand-made frames after public descriptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.records.model import Value
from tests.shipped.drive import Drive, drive, recorded

OFF, ON = ("can1", "11A", "00 80 00 00 00 00 00 00"), ("can1", "11A", "40 40 00 00 00 00 00 00")
UNPLUGGED = ("can1", "390", "00 00 00 00 00 82 00 00")


@pytest.fixture
def battery(shared: Path) -> Drive:
    return drive("nissan-leaf", shared / "data/logs/nissan_ev_uds_gps_css_63s.log.gz")


def newest(folder: Path, *said: tuple[str, str, str]) -> dict[str, Value]:
    """The last value of each datum when these frames (bus, id, payload) are sent again and again."""
    found = drive("nissan-leaf", recorded(folder, said)).said
    return {datum: values[-1][1] for datum, values in found.items()}


def test_the_leafs_charge_is_what_its_battery_computer_answered(battery: Drive) -> None:
    charge = battery.numbers("energies.Electric.level")
    assert charge[0] == pytest.approx(89.2, abs=0.05)
    assert charge[-1] == pytest.approx(89.1, abs=0.05)
    assert charge == sorted(charge, reverse=True)
    assert set(battery.said) == {"energies.Electric.level"}


def test_a_leaf_on_the_road(tmp_path: Path) -> None:
    said = newest(
        tmp_path,
        ON,
        UNPLUGGED,
        ("can0", "284", "27 10 27 20 00 00 00 00"),  # 10,000 and 10,016 times 0.005 km/h
        ("can0", "355", "00 00 00 00 00 00 20 00"),  # miles
        ("can0", "358", "00 00 02 00 00 00 00 00"),
        ("can0", "5A9", "00 2E E0 00 00 00 00 00"),  # 0x2EE fifths of a kilometre
        ("can0", "5C5", "40 00 27 10 00 00 00 00"),  # 10,000
        ("can0", "60D", "00 06 18 00 00 00 00 00"),
        ("can0", "02A", "00 00 00 08 00 00 00 00"),
        ("can1", "1DA", "00 00 00 00 F0 60 00 00"),  # -2,000, in reverse
        ("can1", "54B", "00 01 00 00 00 00 00 00"),
        ("can1", "54C", "00 00 00 00 00 00 7D 00"),  # 125 / 2 - 40
        ("can1", "5BC", "7D 00 00 00 BE 00 00 00"),  # 500 gids, 95 %
        ("can1", "5BC", "8C 00 00 00 BE 10 00 00"),  # 560 gids of a full battery
        ("can1", "1F2", "00 00 00 00 00 00 00 00"),
    )
    assert said == {
        "doorsState.locked.DriverDoor": True,
        "doorsState.opening.RearLeft": "Closed",
        "doorsState.opening.RearRight": "Closed",
        "doorsState.opening.Trunk": "Closed",
        "energies.Electric.autonomy": 150,
        "energies.Electric.battery.health.capacity": 95,
        "energies.Electric.battery.load.capacity": 44_800,
        "energies.Electric.battery.load.residual": 40_000,
        "energies.Electric.charging.chargingMode": "No",
        "energies.Electric.charging.plugged": False,
        "energies.Electric.charging.status": "Disconnected",
        "energies.Electric.charging.type": "Full",
        "engines.Electric.speed": 2000,
        "environment.air.temp": 22.5,
        "ignition.type": "Start",
        "kinetic.moving": True,
        "kinetic.speed": 50.04,
        "lightingSystem.turn.Front.Left": "On",
        "lightingSystem.turn.Front.Right": "Off",
        "lightingSystem.turn.Rear.Left": "On",
        "lightingSystem.turn.Rear.Right": "Off",
        "odometer.mileage": 16093.44,
        "preconditioning.airConditioning.status": "Disabled",
        "safety.belt.Driver": "Normal",
    }


@pytest.mark.parametrize(
    ("frame", "status", "plugged", "mode"),
    [
        ("00 00 00 00 00 82 00 00", "Disconnected", False, "No"),
        ("00 00 00 30 00 88 00 00", "InProgress", True, "Slow"),
        ("00 00 00 00 00 88 00 00", "Stopped", True, "No"),  # the mains failed
        ("00 00 00 00 40 82 00 00", "InProgress", True, "Quick"),
        ("90 00 00 00 40 82 00 00", "Disconnected", True, "Quick"),
        ("00 00 00 30 00 84 00 00", "Finished", True, "No"),
        ("00 00 00 30 00 98 00 00", "Stopped", True, "No"),  # waits for its timer
    ],
)
def test_a_leaf_says_how_it_charges(tmp_path: Path, frame: str, status: str, plugged: bool, mode: str) -> None:
    charging = "energies.Electric.charging"
    said = newest(tmp_path, OFF, ("can1", "390", frame))
    assert (said[f"{charging}.status"], said[f"{charging}.plugged"]) == (status, plugged)
    assert said[f"{charging}.chargingMode"] == mode


@pytest.mark.parametrize(
    ("power", "climate", "status"),
    [
        (OFF, "10 4B 98 12 18 00 00 00", "Enabled"),  # heating on the timer or by remote
        (OFF, "10 71 98 12 18 00 00 00", "Enabled"),  # cooling
        (OFF, "11 08 80 12 00 00 00 00", "Disabled"),
        (ON, "10 49 98 12 18 00 00 00", "Disabled"),  # somebody sits in it
    ],
)
def test_a_leaf_that_is_off_and_heats_or_cools_preconditions(
    tmp_path: Path, power: tuple[str, str, str], climate: str, status: str
) -> None:
    said = newest(tmp_path, power, ("can1", "54B", climate))
    assert said["preconditioning.airConditioning.status"] == status


def test_what_a_leaf_does_not_know_is_absent(tmp_path: Path) -> None:
    said = newest(
        tmp_path,
        ("can0", "5A9", "00 FF F0 00 00 00 00 00"),
        ("can0", "02A", "00 00 00 00 00 00 00 00"),  # off or unknown: an open belt is no omission
        ("can1", "11A", "00 00 00 00 00 00 00 00"),
        ("can1", "1DA", "00 00 00 00 7F FF 00 00"),
        ("can1", "54C", "00 00 00 00 00 00 FF 00"),
        ("can1", "5BC", "FF C0 00 00 00 00 00 00"),
    )
    assert said == {}
