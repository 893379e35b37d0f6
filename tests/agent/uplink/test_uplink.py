"""What the uplink promises, against a real broker: an upload leaves the journal when its receipt has come."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from agent.journal.journal import Journal, Stored
from agent.journal.manifests import Manifests
from agent.journal.segments import Key
from agent.uplink.uplink import Uplink
from contract.configuration import Duration
from contract.receipt import Receipt
from contract.wire import digest
from tests.agent.bridge import Bridge, Wire, eventually, plain_payload
from tests.agent.uplink.lifted import lift, taken_over
from tests.agent.uplink.quick import BOOT, PATIENT, VIN, fill, settings
from tests.conftest import Mosquitto


@pytest.mark.parametrize("protocol", [4, 5])
def test_everything_pending_arrives_and_leaves_the_journal(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests, protocol: int
) -> None:
    keys = fill(journal, range(50))
    chosen = settings(mosquitto.port, protocol=protocol, receipt_timeout=PATIENT)
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, chosen) as uplink:
        assert eventually(lambda: uplink.settled)
        assert set(bridge.held) == keys
        assert set(bridge.arrivals.values()) == {1}
        assert uplink.counters.receipted == uplink.counters.published == 50
        more = fill(journal, range(50, 55))
        uplink.wake()
        assert eventually(lambda: uplink.settled)
        assert set(bridge.held) == keys | more


def test_nothing_leaves_the_journal_before_its_receipt(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    fill(journal, range(5))
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, settings(mosquitto.port)) as uplink:
        bridge.receipts = False
        assert eventually(lambda: len(bridge.arrivals) == 5)
        time.sleep(0.2)
        assert journal.depth == 5
        bridge.say(VIN, Receipt(BOOT, (range(1, 3), range(4, 5))))
        assert eventually(lambda: uplink.counters.receipted == 3)
        assert [stored.key.sequence for stored in journal.pending(9)] == [0, 3]


class Overtaken(Journal):
    """What is secret is taken out of uploads each time that they have just been read to be sent."""

    def pending(self, *arguments: Any, **named: Any) -> list[Stored]:
        found = super().pending(*arguments, **named)
        if found:
            self.rewrite(lambda _key, payload: payload.replace(b"secret", b""), "privacy")
        return found


def test_what_privacy_takes_out_of_what_was_read_already_does_not_leave(
    mosquitto: Mosquitto, tmp_path: Path, manifests: Manifests
) -> None:
    with Bridge(mosquitto.port) as bridge, Overtaken(tmp_path / "overtaken", time.monotonic) as journal:
        for sequence in range(6):
            journal.append(Key(BOOT, sequence), plain_payload(Key(BOOT, sequence)) + b"secret")
            if sequence == 2:
                journal.flush()
        with lift(journal, manifests, settings(mosquitto.port)) as uplink:
            assert eventually(lambda: uplink.settled)
        assert len(bridge.held) == 6
        assert not any(b"secret" in payload for payload in bridge.held.values())


def test_what_is_in_flight_is_bounded(mosquitto: Mosquitto, journal: Journal, manifests: Manifests) -> None:
    fill(journal, range(30))
    slow = settings(mosquitto.port, in_flight=4, receipt_timeout=PATIENT)
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, slow):
        bridge.receipts = False
        assert eventually(lambda: len(bridge.arrivals) == 4)
        time.sleep(0.3)
        assert sorted(key.sequence for key in bridge.arrivals) == [0, 1, 2, 3]
        bridge.say(VIN, Receipt(BOOT, (range(2),)))
        assert eventually(lambda: len(bridge.arrivals) == 6)


def test_a_large_upload_goes_alone_rather_than_never(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    for sequence in range(3):
        journal.append(Key(BOOT, sequence), plain_payload(Key(BOOT, sequence), size=5000))
    narrow = settings(mosquitto.port, in_flight_bytes=1000)
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, narrow) as uplink:
        assert eventually(lambda: uplink.settled)
        assert len(bridge.held) == 3


def test_an_upload_that_was_lost_behind_the_broker_is_sent_again(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    keys, lost = fill(journal, range(6)), Key(BOOT, 2)
    now_s = 0.0
    with Bridge(mosquitto.port) as bridge:
        bridge.deaf = lambda key: key == lost and bridge.arrivals[key] < 3
        # The clock stands until it is put forward: no receipt is late because the machine is slow.
        with Uplink(VIN, settings(mosquitto.port), journal, manifests, lambda: now_s) as uplink:
            # Not again at once, then after the time-out of 0.4 s, then after twice that.
            for step_s, times, sequence in ((0.1, 1, 6), (2, 1, 7), (2, 2, 8)):
                assert taken_over(uplink, sequence - 1 + times, receipted=sequence - 1)
                now_s += step_s
                keys |= fill(journal, range(sequence, sequence + 1))  # The bridge goes on speaking: of others.
                uplink.wake()
            assert eventually(lambda: uplink.settled)
        assert set(bridge.held) == keys
        assert bridge.arrivals == dict.fromkeys(keys, 1) | {lost: 3}


def test_a_bridge_that_is_absent_gets_probes_instead_of_everything_again_and_again(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    keys = fill(journal, range(40))
    before_s = time.monotonic()
    chosen = settings(mosquitto.port, receipt_timeout=Duration(200), connect_timeout=PATIENT)
    with lift(journal, manifests, chosen) as uplink:
        assert eventually(lambda: uplink.counters.published >= 8 + 3)
        # The window of 8, then a probe after 0.2, 0.4 and 0.8 s; not the window every 0.2 s.
        assert time.monotonic() - before_s >= 0.2 + 0.4 + 0.8
        assert uplink.bridge_silent
        assert journal.depth == 40
        with Bridge(mosquitto.port) as bridge:
            assert eventually(lambda: uplink.settled)
            assert set(bridge.held) == keys


def test_a_manifest_is_published_when_it_is_asked_for(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    wanted = manifests.put(b"a manifest")
    fill(journal, range(3))
    with Bridge(mosquitto.port) as bridge:
        bridge.wanted = (wanted,)
        with lift(journal, manifests, settings(mosquitto.port, receipt_timeout=PATIENT)) as uplink:
            assert eventually(lambda: bridge.manifests == [b"a manifest"])
            assert eventually(lambda: uplink.settled)
            time.sleep(0.2)
            assert uplink.counters.manifests == 1  # although each of the three receipts asked for it


def test_a_manifest_is_published_until_the_bridge_no_longer_asks_for_it(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    wanted = manifests.put(b"a manifest")
    port = mosquitto.port
    with Bridge(port) as bridge, Wire(port) as wire, lift(journal, manifests, settings(wire.port)) as uplink:
        assert eventually(lambda: uplink.connected)
        bridge.receipts = False
        bridge.say(VIN, Receipt(bytes(16), wanted=(wanted,)))
        assert eventually(lambda: uplink.counters.manifests == 1)
        assert not uplink.settled  # the broker took it over, but what a broker has may die with it
        wire.cut()
        bridge.subscribed.clear()
        mosquitto.kill()
        mosquitto.start()
        assert bridge.subscribed.wait(60)
        told = len(bridge.manifests)
        bridge.receipts = True
        wire.mend()
        assert eventually(lambda: len(bridge.manifests) > told)
        assert eventually(lambda: uplink.settled)


def test_a_manifest_is_not_sent_unasked_and_an_unknown_one_is_counted(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    manifests.put(b"a manifest")
    fill(journal, range(3))
    with Bridge(mosquitto.port) as bridge:
        bridge.wanted = (digest(b"another manifest"),)
        with lift(journal, manifests, settings(mosquitto.port)) as uplink:
            assert eventually(lambda: uplink.settled and uplink.counters.unknown_manifests > 0)
        assert bridge.manifests == []


def test_a_refused_upload_leaves_the_journal_and_blocks_nothing(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    journal.append(Key(BOOT, 0), b"unreadable")
    fill(journal, range(1, 4))
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, settings(mosquitto.port)) as uplink:
        assert eventually(lambda: uplink.settled)
        assert bridge.refused == [b"unreadable"]
        assert (uplink.counters.refused, uplink.counters.receipted) == (1, 3)


def test_a_receipt_that_cannot_be_read_is_counted_and_ends_nothing(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    chosen = settings(mosquitto.port, receipt_timeout=PATIENT)
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, chosen) as uplink:
        assert eventually(lambda: uplink.connected)
        bridge._client.publish(f"canlift/v1/{VIN}/receipt", b"\xff\x00", qos=1)
        assert eventually(lambda: uplink.counters.unreadable_receipts == 1)
        fill(journal, range(2))
        uplink.wake()
        assert eventually(lambda: uplink.settled)
        assert uplink.counters.connections == 1


def test_receipts_that_came_while_we_were_away_are_waiting(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    fill(journal, range(5))
    with Bridge(mosquitto.port) as bridge, Wire(mosquitto.port) as wire:
        bridge.receipts = False
        with lift(journal, manifests, settings(wire.port, receipt_timeout=PATIENT)) as uplink:
            assert eventually(lambda: len(bridge.arrivals) == 5)
            assert taken_over(uplink, 5)
            wire.cut()
            assert eventually(lambda: not uplink.connected)
            bridge.say(VIN, Receipt(BOOT, (range(5),)))
            time.sleep(0.2)
            assert journal.depth == 5
            wire.mend()
            assert eventually(lambda: uplink.settled)
            assert uplink.counters.published == 5


def test_what_a_lost_connection_left_unsaid_is_sent_again_at_once(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    fill(journal, range(5))
    with Bridge(mosquitto.port) as bridge, Wire(mosquitto.port) as wire:
        bridge.receipts = False
        with lift(journal, manifests, settings(wire.port, receipt_timeout=PATIENT)) as uplink:
            assert eventually(lambda: len(bridge.arrivals) == 5)
            wire.cut()
            bridge.subscribed.clear()
            mosquitto.kill()
            mosquitto.start()
            assert bridge.subscribed.wait(60)
            bridge.receipts = True
            wire.mend()
            assert eventually(lambda: uplink.settled)
            assert uplink.counters.published == 10


def test_the_bytes_on_the_wire_are_those_of_the_packets(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    key = Key(BOOT, 0)
    journal.append(key, plain_payload(key, size=300))
    chosen = settings(mosquitto.port, receipt_timeout=PATIENT)
    with Bridge(mosquitto.port), lift(journal, manifests, chosen) as uplink:
        assert eventually(lambda: uplink.settled)
        topic = len(f"canlift/v1/{VIN}/up")
        # Fixed header 1 + 2, topic 2 + n, packet id 2, properties 1 and the topic's number 3, payload.
        assert uplink.counters.wire_bytes == 3 + 2 + topic + 2 + 1 + 3 + 320
        # TLS there is none, but TCP's and IP's part, and the connection's.
        assert eventually(lambda: uplink.counters.bytes_up > uplink.counters.wire_bytes + 52)
