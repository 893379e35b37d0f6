"""What a slow and lossy link still carries: packets are really lost, and TCP is the kernel's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.segments import Key, Priority
from agent.settings.uplink import UplinkSettings
from agent.uplink.uplink import Uplink
from contract.configuration import Duration
from tests.agent.bridge import Bridge, eventually, plain_payload
from tests.agent.uplink.quick import BOOT, VIN
from tests.beds.far import PLAIN_PORT, Far, far_broker

SIZE = 1500


@dataclass
class Stand:
    """A broker and a stand-in for the bridge at the other end of a bad link."""

    far: Far
    bridge: Bridge


@pytest.fixture
def stand(tmp_path: Path, mosquitto_binary: str) -> Iterator[Stand]:
    with far_broker(tmp_path, mosquitto_binary) as far, far.beside(lambda: Bridge(PLAIN_PORT)) as bridge:
        yield Stand(far, bridge)


def fill(journal: Journal, sequences: range, priority: Priority = Priority.HISTORY) -> None:
    for sequence in sequences:
        key = Key(BOOT, sequence)
        journal.append(key, plain_payload(key, SIZE), priority)


def lift(journal: Journal, manifests: Manifests, far: Far) -> Uplink:
    return Uplink(VIN, UplinkSettings(brokers=(f"{far.address}:{PLAIN_PORT}",)), journal, manifests, time.monotonic)


@pytest.mark.slow
def test_an_event_does_not_wait_for_the_history_on_a_slow_link(
    stand: Stand, journal: Journal, manifests: Manifests
) -> None:
    stand.far.be(rate=64_000, delay_s=0.05)
    fill(journal, range(300))
    with lift(journal, manifests, stand.far) as uplink:
        assert eventually(lambda: len(stand.bridge.held) >= 20, 60)
        fill(journal, range(1000, 1001), Priority.EVENT)
        uplink.wake()
        before = len(stand.bridge.held)
        assert eventually(lambda: Key(BOOT, 1000) in stand.bridge.held, 60)
        # What was on its way when it happened: a second and a round trip of 64 kbit/s.
        between = list(stand.bridge.held).index(Key(BOOT, 1000)) - before
        assert between * SIZE <= 2 * 8000 + SIZE


@pytest.mark.slow
def test_after_an_outage_the_newest_comes_first_and_a_dead_line_is_noticed(
    stand: Stand, tmp_path: Path, manifests: Manifests
) -> None:
    with Journal(tmp_path / "live", time.monotonic, newest_first=True) as journal:
        settings = UplinkSettings(brokers=(f"{stand.far.address}:{PLAIN_PORT}",), receipt_timeout=Duration(3000))
        with Uplink(VIN, settings, journal, manifests, time.monotonic) as uplink:
            assert eventually(lambda: uplink.connected)
            stand.far.be(loss=1)
            fill(journal, range(60))
            uplink.wake()
            assert eventually(lambda: not uplink.connected, 30)
            fill(journal, range(60, 100))
            stand.far.be(loss=0)
            assert eventually(lambda: uplink.settled, 60)
    arrived = [key.sequence for key in stand.bridge.held]
    assert sorted(arrived) == list(range(100))
    assert 99 in arrived[:3]
