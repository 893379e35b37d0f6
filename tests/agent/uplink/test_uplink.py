"""What the uplink promises, against a real broker: an upload leaves the journal when its receipt has come."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.journal.journal import Journal, Stored
from agent.journal.manifests import Manifests
from agent.journal.segments import Key
from agent.settings.uplink import Tls, UplinkSettings
from agent.uplink.credentials import CredentialsError
from agent.uplink.uplink import Uplink
from contract.configuration import Duration
from contract.receipt import Receipt
from contract.wire import digest
from tests.agent.bridge import Bridge, Crowded, Mute, Wire, eventually, plain_payload
from tests.agent.uplink.quick import BOOT, PATIENT, VIN, fill, settings
from tests.conftest import Mosquitto, free_port, needed


def lift(journal: Journal, manifests: Manifests, chosen: UplinkSettings) -> Uplink:
    return Uplink(VIN, chosen, journal, manifests, time.monotonic)


def taken_over(uplink: Uplink, published: int, receipted: int = 0) -> bool:
    """Whether in the end so many have been published and the broker has all of them, and so many are receipted."""
    counters, exchange = uplink.counters, uplink._exchange
    counted = (published, receipted)
    return eventually(lambda: (counters.published, counters.receipted) == counted and not exchange._unacknowledged)


def connected(uplink: Uplink, times: int) -> bool:
    return eventually(lambda: uplink.counters.connections >= times)


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
            for times, sequence in ((1, 6), (2, 7)):
                assert taken_over(uplink, sequence - 1 + times, receipted=sequence - 1)
                now_s += 2
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


@pytest.mark.slow
def test_a_killed_broker_costs_nothing(mosquitto: Mosquitto, journal: Journal, manifests: Manifests) -> None:
    """The broker has no persistence: what it had taken over and not delivered is gone with it."""
    rng = random.Random(7)
    keys: set[Key] = set()
    with Bridge(mosquitto.port) as bridge, lift(journal, manifests, settings(mosquitto.port)) as uplink:
        stop = threading.Event()

        def drive() -> None:
            for sequence in range(300):
                keys.update(fill(journal, range(sequence, sequence + 1)))
                uplink.wake()
                stop.wait(0.01)

        driver = threading.Thread(target=drive)
        driver.start()
        for kill in range(3):
            # Only who is connected can be hung up on.
            assert connected(uplink, kill + 1)
            time.sleep(rng.uniform(0.2, 0.8))
            mosquitto.kill()
            time.sleep(rng.uniform(0, 0.5))
            mosquitto.start()
        driver.join()
        assert eventually(lambda: uplink.settled)
        assert set(bridge.held) == keys == {Key(BOOT, sequence) for sequence in range(300)}
        assert uplink.counters.connections >= 4
        assert uplink.counters.receipted == 300


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


CONNACK_5 = bytes([0x20, 0x03, 0x00, 0x00, 0x00])


@pytest.mark.parametrize(
    "answer",
    [b"", CONNACK_5, b"HTTP/1.1 400 Bad Request\r\n\r\n", CONNACK_5 + bytes([0x90, 4, 0, 1, 0, 1]), b"\x00" * 99],
    ids=["nothing", "only CONNACK", "HTTP", "no word on publishes", "zeros"],
)
def test_a_broker_that_accepts_and_does_not_serve_is_left_for_the_next(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests, answer: bytes
) -> None:
    keys = fill(journal, range(3))
    with Mute(answer) as mute, Bridge(mosquitto.port) as bridge:
        with lift(journal, manifests, settings(mute.port, mosquitto.port)) as uplink:
            assert eventually(lambda: uplink.settled)
        assert mute.connections >= 1
        assert set(bridge.held) == keys


def test_a_broker_whose_machine_answers_nothing_is_left_for_the_next(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests, caplog: pytest.LogCaptureFixture
) -> None:
    keys = fill(journal, range(3))
    with Crowded() as crowded, Bridge(mosquitto.port) as bridge:
        with lift(journal, manifests, settings(crowded.port, mosquitto.port)) as uplink:
            assert eventually(lambda: uplink.settled)
        assert f"127.0.0.1:{crowded.port}: cannot connect: no answer within 1 s" in caplog.text
        assert set(bridge.held) == keys


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


def test_a_broker_with_tls_is_believed_only_with_a_certificate_of_ours(
    mosquitto: Mosquitto, tmp_path: Path, journal: Journal, manifests: Manifests
) -> None:
    certificate, key, port = tmp_path / "broker.pem", tmp_path / "broker.key", free_port()
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    make = [needed("openssl", "openssl"), *options.split(), "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    mosquitto.kill()
    # Started as root it would give that up, and could not read its key in root's folder.
    mosquitto.extra = f"user root\nlistener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
    mosquitto.start()
    fill(journal, range(5))
    with Bridge(mosquitto.port) as bridge:
        with lift(journal, manifests, settings(port, tls=Tls())) as stranger:
            assert eventually(lambda: stranger.counters.failures > 0)
            assert stranger.counters.connections == 0
        with lift(journal, manifests, settings(port, tls=Tls(ca=certificate))) as uplink:
            assert eventually(lambda: uplink.settled)
        assert len(bridge.held) == 5


def test_a_broker_that_wants_a_password_gets_the_one_of_the_settings(
    mosquitto: Mosquitto, tmp_path: Path, journal: Journal, manifests: Manifests, caplog: pytest.LogCaptureFixture
) -> None:
    passwords, password = tmp_path / "passwords", tmp_path / "password"
    make = [needed("mosquitto_passwd", "mosquitto"), "-b", "-c", str(passwords), "vehicle", "s3cret"]
    subprocess.run(make, check=True, capture_output=True)
    password.write_text("s3cret\n")
    mosquitto.kill()
    mosquitto.extra = f"user root\nallow_anonymous false\npassword_file {passwords}\n"
    mosquitto.start()
    fill(journal, range(2))
    with lift(journal, manifests, settings(mosquitto.port)):
        assert eventually(lambda: "the broker refuses us: Not authorized" in caplog.text)
    with lift(journal, manifests, settings(mosquitto.port, user="vehicle", password_file=password)) as uplink:
        assert eventually(lambda: uplink.counters.published >= 2)
    assert "s3cret" not in caplog.text


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


def test_a_certificate_that_is_absent_is_named_before_anything_starts(
    tmp_path: Path, journal: Journal, manifests: Manifests
) -> None:
    with pytest.raises(CredentialsError, match=r"absent\.pem: cannot be used as certificate authority"):
        lift(journal, manifests, settings(1, tls=Tls(ca=tmp_path / "absent.pem")))


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


def test_a_broker_name_that_is_none_is_left_for_the_next(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    fill(journal, range(2))
    chosen = msgspec.structs.replace(settings(mosquitto.port), brokers=("a..b", f"127.0.0.1:{mosquitto.port}"))
    with Bridge(mosquitto.port), lift(journal, manifests, chosen) as uplink:
        assert eventually(lambda: uplink.settled)
