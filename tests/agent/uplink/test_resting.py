"""An uplink that has nothing to do rests, and one that is stopped ends, whatever the broker does."""

from __future__ import annotations

import time

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.uplink.uplink import Uplink
from contract.configuration import Duration
from tests.agent.bridge import Crowded, Mute, eventually
from tests.agent.uplink.lifted import lift
from tests.agent.uplink.quick import PATIENT, fill, settings
from tests.conftest import Mosquitto, free_port


def rests(uplink: Uplink) -> bool:
    """Whether its thread takes next to nothing of a processor for a while, whatever else the process does."""
    clock = time.pthread_getcpuclockid(uplink._thread.ident or 0)
    before_s, took_s = time.monotonic(), time.clock_gettime(clock)
    time.sleep(1.5)
    return time.clock_gettime(clock) - took_s < 0.06 * (time.monotonic() - before_s)


def test_without_any_broker_nothing_is_lost_and_the_processor_rests(journal: Journal, manifests: Manifests) -> None:
    fill(journal, range(100))
    with lift(journal, manifests, settings(free_port(), first_backoff=Duration(200))) as uplink:
        assert eventually(lambda: uplink.counters.failures > 0)  # What it needs is loaded.
        assert rests(uplink)
        assert journal.depth == 100
        assert uplink.alive
    assert uplink.counters.connections == 0


def test_an_idle_connection_rests(mosquitto: Mosquitto, journal: Journal, manifests: Manifests) -> None:
    with lift(journal, manifests, settings(mosquitto.port, receipt_timeout=PATIENT)) as uplink:
        assert eventually(lambda: uplink.connected)
        assert rests(uplink)


def test_stopping_does_not_wait_for_a_broker_that_is_not_there(journal: Journal, manifests: Manifests) -> None:
    day = Duration(86_400_000)
    uplink = lift(journal, manifests, settings(free_port(), first_backoff=day, longest_backoff=day))
    uplink.start()
    assert eventually(lambda: uplink.counters.failures > 0)
    uplink.stop()
    assert eventually(lambda: not uplink.alive)


def test_stopping_does_not_wait_for_a_broker_that_does_not_answer(journal: Journal, manifests: Manifests) -> None:
    with Mute() as mute:
        uplink = lift(journal, manifests, settings(mute.port, connect_timeout=Duration(600_000)))
        uplink.start()
        assert eventually(lambda: mute.connections == 1)
        uplink.stop()
        assert eventually(lambda: not uplink.alive)


def test_stopping_leaves_a_connection_that_is_being_made_to_itself(journal: Journal, manifests: Manifests) -> None:
    with Crowded() as crowded:
        uplink = lift(journal, manifests, settings(crowded.port, connect_timeout=Duration(600_000)))
        uplink.start()
        time.sleep(0.2)
        before_s = time.monotonic()
        uplink.stop()
        assert time.monotonic() - before_s < 60
    assert eventually(lambda: not uplink.alive)
