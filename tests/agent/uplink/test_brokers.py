"""A broker that is killed, mute, foreign or misnamed costs nothing: it is left for the next, or named."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import pytest

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.segments import Key
from agent.settings.uplink import Tls
from agent.uplink.credentials import CredentialsError
from tests.agent.bridge import Bridge, Crowded, Mute, eventually
from tests.agent.uplink.lifted import connected, lift
from tests.agent.uplink.quick import BOOT, fill, settings
from tests.conftest import Mosquitto, free_port, needed


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


def test_a_certificate_that_is_absent_is_named_before_anything_starts(
    tmp_path: Path, journal: Journal, manifests: Manifests
) -> None:
    with pytest.raises(CredentialsError, match=r"absent\.pem: cannot be used as certificate authority"):
        lift(journal, manifests, settings(1, tls=Tls(ca=tmp_path / "absent.pem")))


def test_a_broker_name_that_is_none_is_left_for_the_next(
    mosquitto: Mosquitto, journal: Journal, manifests: Manifests
) -> None:
    fill(journal, range(2))
    chosen = msgspec.structs.replace(settings(mosquitto.port), brokers=("a..b", f"127.0.0.1:{mosquitto.port}"))
    with Bridge(mosquitto.port), lift(journal, manifests, chosen) as uplink:
        assert eventually(lambda: uplink.settled)
