"""What a slow and lossy link still carries: packets are really lost, and TCP is the kernel's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from tests.beds.link import enter
from tests.conftest import ROOT, absent, needed

SIZE = 1500


@contextmanager
def standing_in(namespace: str) -> Iterator[Bridge]:
    """The bridge on loopback in the namespace: its sockets stay where the thread was that made them."""
    ready, done = threading.Event(), threading.Event()
    found: list[Bridge] = []

    def live() -> None:
        enter(namespace)
        with Bridge(1883) as bridge:
            found.append(bridge)
            ready.set()
            done.wait()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        done.set()
        thread.join(20)


@dataclass
class Far:
    """A broker and a bridge at the other end of a bad link."""

    address: str
    bridge: Bridge
    _link: subprocess.Popen[str]

    def be(self, **changes: float) -> None:
        assert self._link.stdin is not None
        self._link.stdin.write(json.dumps(changes) + "\n")
        self._link.stdin.flush()


@pytest.fixture
def far(tmp_path: Path, mosquitto_binary: str) -> Iterator[Far]:
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        absent("needs root and /dev/net/tun for a network of its own")
    ip, number = needed("ip", "iproute2"), os.getpid() % 250
    name, here, there = f"cl{os.getpid()}", f"100.64.{number}.1", f"100.64.{number}.2"
    config = tmp_path / "far.conf"
    config.write_text(f"listener 1883 {there}\nlistener 1883 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    with ExitStack() as stack:
        subprocess.run([ip, "netns", "add", name], check=True)
        stack.callback(subprocess.run, [ip, "netns", "delete", name], check=True)
        link = subprocess.Popen(
            [sys.executable, "-m", "tests.beds.link", name, here, there],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.enter_context(link)
        stack.callback(link.kill)
        assert link.stdout is not None
        assert link.stdout.readline() == "up\n"
        broker = stack.enter_context(
            subprocess.Popen(
                [ip, "netns", "exec", name, mosquitto_binary, "-c", str(config)], stderr=subprocess.DEVNULL
            )
        )
        stack.callback(broker.kill)
        assert eventually(lambda: _answers(there))
        yield Far(there, stack.enter_context(standing_in(name)), link)


def _answers(address: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, 1883)) == 0


def fill(journal: Journal, sequences: range, priority: Priority = Priority.HISTORY) -> None:
    for sequence in sequences:
        key = Key(BOOT, sequence)
        journal.append(key, plain_payload(key, SIZE), priority)


def lift(journal: Journal, manifests: Manifests, far: Far) -> Uplink:
    return Uplink(VIN, UplinkSettings(brokers=(f"{far.address}:1883",)), journal, manifests, time.monotonic)


@pytest.mark.slow
def test_a_backlog_drains_over_a_slow_link_that_loses_every_fifth_packet(
    far: Far, journal: Journal, manifests: Manifests
) -> None:
    far.be(rate=64_000, loss=0.2, delay_s=1.0)
    fill(journal, range(20))
    began_s = time.monotonic()
    with lift(journal, manifests, far) as uplink:
        assert eventually(lambda: uplink.settled, 240), uplink.counters
        took_s = time.monotonic() - began_s
        counters = uplink.counters
    assert 20 * SIZE * 8 / 64_000 / took_s > 0.02, counters
    assert set(far.bridge.held) == {Key(BOOT, sequence) for sequence in range(20)}
    assert counters.repeated <= 4


@pytest.mark.slow
def test_an_event_does_not_wait_for_the_history_on_a_slow_link(
    far: Far, journal: Journal, manifests: Manifests
) -> None:
    far.be(rate=64_000, delay_s=0.05)
    fill(journal, range(300))
    with lift(journal, manifests, far) as uplink:
        assert eventually(lambda: len(far.bridge.held) >= 40, 60)
        before = len(far.bridge.held)
        fill(journal, range(1000, 1001), Priority.EVENT)
        uplink.wake()
        assert eventually(lambda: Key(BOOT, 1000) in far.bridge.held, 60)
        # What was on its way when it happened: a second and a round trip of 64 kbit/s.
        between = len(far.bridge.held) - before
        assert between * SIZE <= 2 * 8000 + SIZE


@pytest.mark.slow
def test_after_an_outage_the_newest_comes_first_and_a_dead_line_is_noticed(
    far: Far, tmp_path: Path, manifests: Manifests
) -> None:
    with Journal(tmp_path / "live", time.monotonic, newest_first=True) as journal:
        settings = UplinkSettings(brokers=(f"{far.address}:1883",), receipt_timeout=Duration(3000))
        with Uplink(VIN, settings, journal, manifests, time.monotonic) as uplink:
            assert eventually(lambda: uplink.connected)
            far.be(loss=1)
            fill(journal, range(60))
            uplink.wake()
            assert eventually(lambda: not uplink.connected, 30)
            fill(journal, range(60, 100))
            far.be(loss=0)
            assert eventually(lambda: uplink.settled, 60)
    arrived = [key.sequence for key in far.bridge.held]
    assert sorted(arrived) == list(range(100))
    assert 99 in arrived[:3]
