"""Kill -9 of broker, bridge and agent at random moments of a drive: every sample arrives, and arrives once."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Mosquitto
from tests.e2e.world import FLEET, World

pytestmark = pytest.mark.slow

LOG = ROOT / "demo" / "drive.log.gz"
NMEA = ROOT / "demo" / "drive.nmea.gz"
CALM, SHAKEN = "VF3DEM0CARLFT2026", "VF3DEM0CARLFT2027"
WITHIN_S = 240
SLOWLY = ("--speed", "15")
"""Two minutes: it is not over before everything was killed, however long that takes."""


def drive(world: World, vin: str, *options: str) -> subprocess.Popen[str]:
    settings = world.folder / "agent.toml"
    settings.write_text(
        '[uplink]\nreceipt_timeout = "2s"\nfirst_backoff = "100ms"\nlongest_backoff = "1s"\nconnect_timeout = "2s"\n'
    )
    return world.replay(
        LOG, vin, "demo-car", "--nmea", str(NMEA), "--cadence", "2s", "--config", str(settings), *options
    )


def stored(world: World, vin: str) -> dict[str, Any]:
    vehicles: list[dict[str, Any]] = json.loads(world.manage("vehicle", "list", "--json"))
    return next(vehicle for vehicle in vehicles if vehicle["vin"] == vin)


def victims(rng: random.Random) -> list[str]:
    """Each of the three, three times, in any order."""
    order = ["broker", "bridge", "agent"] * 3
    rng.shuffle(order)
    return order


@pytest.fixture
def world(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, mosquitto)
    yield world
    world.kill_bridge()


@pytest.mark.parametrize("seed", range(2))
def test_every_sample_arrives_once_whatever_is_killed(world: World, seed: int) -> None:
    calm, shaken = (world.add_vehicle(vin, "demo-car") for vin in (CALM, SHAKEN))
    world.add_client()
    world.start_bridge()
    undisturbed = drive(world, CALM)
    printed, _ = undisturbed.communicate(timeout=WITHIN_S)
    assert undisturbed.returncode == 0, printed

    rng = random.Random(seed)
    agent = drive(world, SHAKEN, *SLOWLY)
    try:
        for victim in victims(rng):
            time.sleep(rng.uniform(0.3, 1.2))
            assert agent.poll() is None, "the drive was over before everything was killed"
            if victim == "broker":
                world.broker.kill()
                time.sleep(rng.uniform(0, 0.3))
                world.broker.start()
            elif victim == "bridge":
                world.kill_bridge()
                world.start_bridge()
            else:
                agent.kill()
                agent.communicate()
                agent = drive(world, SHAKEN, *SLOWLY)
        agent.kill()
        agent.communicate()
        agent = drive(world, SHAKEN)
        printed, _ = agent.communicate(timeout=WITHIN_S)
        assert agent.returncode == 0, f"{printed}\nthe bridge said:\n{world.bridge_log()}"
    finally:
        agent.kill()
        agent.communicate()
    assert world.said(FLEET, shaken) == world.said(FLEET, calm)
    numbers = stored(world, SHAKEN)
    assert numbers["uploads"] == stored(world, CALM)["uploads"]
    assert (numbers["missing"], numbers["evicted"], numbers["refusals"]) == (0, 0, {})
