"""A bridge that is killed at any moment tells what its monitors saw, once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from cloud_bridge.settings import Mqtt, Settings
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.evaluating.truth import is_told, rows, truth
from tests.cloud_bridge.evaluating.world import FAST, OIL, Watched
from tests.cloud_bridge.fleet_of_one import Sender
from tests.cloud_bridge.monitors.bodies import body
from tests.cloud_bridge.test_bridge import BOOT, Process, register, settings_for
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN
from tests.conftest import Mosquitto

UPLOADS = 400


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto) -> Settings:
    made = settings_for(tmp_path, Mqtt(port=mosquitto.port))
    register(made)
    return made


@pytest.mark.slow
def test_killing_the_bridge_at_any_moment_loses_no_event_and_repeats_none(
    tmp_path: Path, settings: Settings, mosquitto: Mosquitto
) -> None:
    before = Watched(Cloud(tmp_path))
    monitors = [before.kept.add(name, body(asked), EPOCH_MS) for name, asked in (("f", FAST), ("o", OIL))]
    before.cloud.database.close()
    randomly = random.Random(5)
    payloads = {
        number: BOOT.payload(number, speed_kmh=60.0 if number % 10 > 4 else 30.0, oil=number % 16 > 7)
        for number in range(UPLOADS)
    }
    process = Process(tmp_path, settings)
    told_at_kills: list[set[str]] = []
    try:
        with Sender(mosquitto.port, BOOT.id, payloads) as sender:
            for _ in range(5):
                process.address()
                time.sleep(randomly.uniform(0.3, 0.8))
                process.kill()
                cloud = Cloud(tmp_path)
                told_at_kills.append({row.id for monitor in monitors for row in rows(cloud, monitor, VIN)})
                cloud.database.close()
                process.start()
            sender.wait_receipted()
    finally:
        process.kill()
    after = Watched(Cloud(tmp_path))
    after.cloud.now_ms = EPOCH_MS + 10_000_000
    after.evaluate()
    happened = truth(after.cloud, VIN)
    for monitor in monitors:
        told = rows(after.cloud, monitor, VIN)
        beginnings = [event for event in happened[monitor].events if not event.refresh]
        assert len(beginnings) >= UPLOADS // 16
        for event in beginnings:
            assert is_told(happened[monitor].episodes[event.id], told)
    # What was told before a kill is there still, and was not taken back.
    last = {row.id for monitor in monitors for row in rows(after.cloud, monitor, VIN)}
    assert all(each <= last for each in told_at_kills)
    assert after.evaluate() == 0
    after.cloud.database.close()
