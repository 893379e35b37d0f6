"""What is too large for the broker holds up nothing, is kept and named, and goes when a broker takes it."""

from __future__ import annotations

import time

import pytest

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.segments import Key
from contract.configuration import Duration
from tests.agent.bridge import Bridge, eventually, plain_payload
from tests.agent.uplink.lifted import lift
from tests.agent.uplink.quick import BOOT, fill, settings
from tests.conftest import Mosquitto


def limited(mosquitto: Mosquitto, line: str) -> Bridge:
    """A broker with one more line of configuration, and a bridge on it."""
    mosquitto.kill()
    mosquitto.extra = f"{line}\n"
    mosquitto.start()
    return Bridge(mosquitto.port)


@pytest.mark.parametrize(
    ("line", "protocol"),
    [
        ("max_packet_size 2000", 5),  # announced
        ("max_packet_size 2000", 4),  # hangs up
        ("message_size_limit 2000", 5),  # a reason code that MQTT 5 does not have there
        ("message_size_limit 2000", 4),  # taken over and thrown away
    ],
)
def test_what_is_too_large_for_the_broker_holds_up_nothing_and_is_kept_and_named(
    mosquitto: Mosquitto,
    journal: Journal,
    manifests: Manifests,
    caplog: pytest.LogCaptureFixture,
    line: str,
    protocol: int,
) -> None:
    large = [Key(BOOT, sequence) for sequence in range(12)]  # more than may be in flight
    for key in large:
        journal.append(key, plain_payload(key, size=5000))
    small = fill(journal, range(12, 20))
    chosen = settings(mosquitto.port, protocol=protocol, receipt_timeout=Duration(100))
    with limited(mosquitto, line) as bridge, lift(journal, manifests, chosen) as uplink:
        for sequence in range(20, 60):  # The bridge goes on speaking.
            small |= fill(journal, range(sequence, sequence + 1))
            uplink.wake()
            time.sleep(0.05)
        assert eventually(lambda: set(bridge.held) == small)
        assert eventually(lambda: journal.depth == len(large))
        assert all(key in journal for key in large)
        assert eventually(lambda: "upload 0 of boot" in caplog.text and "max_packet_size" in caplog.text)
        assert uplink.put_aside > 0
        assert not uplink.settled


def test_what_was_too_large_goes_when_the_broker_takes_it(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    key = Key(BOOT, 0)
    journal.append(key, plain_payload(key, size=5000))
    fill(journal, range(1, 4))
    with lift(journal, manifests, settings(mosquitto.port)) as uplink:
        with limited(mosquitto, "max_packet_size 2000") as bridge:
            assert eventually(lambda: len(bridge.held) == 3 and journal.depth == 1)
            assert eventually(lambda: uplink.put_aside == 1)
        with limited(mosquitto, "") as bridge:
            assert eventually(lambda: uplink.settled)
            assert set(bridge.held) == {key}
        assert eventually(lambda: uplink.put_aside == 0)


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_manifest_that_is_too_large_for_the_broker_holds_up_no_upload(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests, caplog: pytest.LogCaptureFixture, protocol: int
) -> None:
    wanted = manifests.put(bytes(5000))
    keys = fill(journal, range(20))
    chosen = settings(mosquitto.port, protocol=protocol)
    with limited(mosquitto, "max_packet_size 2000") as bridge:
        bridge.wanted = (wanted,)
        with lift(journal, manifests, chosen) as uplink:
            assert eventually(lambda: set(bridge.held) == keys and journal.depth == 0)
            more = fill(journal, range(20, 25))
            uplink.wake()
            assert eventually(lambda: set(bridge.held) == keys | more and journal.depth == 0)
            assert eventually(lambda: f"manifest {wanted.hex()}" in caplog.text)
            assert not uplink.settled
