"""Monitors over what vehicles sent: each thing that happens while one runs is told once, whatever comes when."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.monitoring.world import FAST, Watched
from tests.cloud_bridge.monitors.bodies import body
from tests.cloud_bridge.vehicle import EPOCH_MS, Boot

BOOT = Boot()


@pytest.fixture
def watched(cloud: Cloud) -> Watched:
    return Watched(cloud)


def test_what_begins_is_told_once_and_again_only_after_it_ended(watched: Watched) -> None:
    monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
    assert watched.say(BOOT.payload(0)) == []
    assert watched.say(BOOT.payload(1, speed_kmh=60.0)) == [10]
    assert watched.say(BOOT.payload(2, speed_kmh=70.0)) == []
    assert watched.say(BOOT.payload(3, speed_kmh=40.0)) == []
    assert watched.say(BOOT.payload(4, speed_kmh=60.0), BOOT.payload(2, speed_kmh=70.0)) == [40]
    assert watched.told(monitor) == [10, 40]


def test_each_order_of_what_comes_tells_each_event_once(tmp_path: Path) -> None:
    speeds = {0: 60.0, 1: 30.0, 2: 60.0, 3: 30.0}
    for number, order in enumerate(permutations(speeds)):
        folder = tmp_path / str(number)
        folder.mkdir()
        cloud = Cloud(folder)
        cloud.register_both()
        watched = Watched(cloud)
        monitor = watched.kept.add("m", body(FAST), EPOCH_MS)
        for sequence in order:
            watched.say(BOOT.payload(sequence, speed_kmh=speeds[sequence]))
        assert watched.told(monitor) == [0, 20]
        cloud.database.close()
