"""Certificates, against a real broker that wants them: what is wrong is said, and a renewed file serves at once."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.settings.uplink import Tls
from agent.uplink.credentials import (
    CredentialsError,
    dates_problem,
    judges_dates,
    tls_context,
    validity,
)
from agent.uplink.uplink import Uplink
from contract.configuration import Duration
from tests.agent.bridge import Bridge, Mute, eventually
from tests.agent.uplink.authority import Authority, Pair
from tests.agent.uplink.quick import VIN, fill, settings
from tests.conftest import Mosquitto, free_port

IP = "IP:127.0.0.1"
OTHERS = "another service, or a captive portal"
YEAR = timedelta(days=365)


def serve(mosquitto: Mosquitto, authority: Authority, pair: Pair, more: str = "tls_version tlsv1.3\n") -> int:
    """The port of a listener that wants certificates of the authority's."""
    port = free_port()
    mosquitto.kill()
    mosquitto.extra = (
        f"user root\nlistener {port} 127.0.0.1\ncertfile {pair.certificate}\nkeyfile {pair.key}\n"
        f"cafile {authority.certificate}\nrequire_certificate true\nuse_identity_as_username true\n{more}"
    )
    mosquitto.start()
    return port


def utc_ms() -> int:
    return time.time_ns() // 1_000_000


def lift(journal: Journal, manifests: Manifests, port: int, tls: Tls) -> Uplink:
    chosen = settings(port, tls=tls, receipt_timeout=Duration(5000), connect_timeout=Duration(5000))
    return Uplink(VIN, chosen, journal, manifests, time.monotonic, utc_ms=utc_ms)


def test_a_vehicle_with_a_certificate_is_let_in_by_tls_1_3_and_one_without_is_told_why(
    mosquitto: Mosquitto, tmp_path: Path, journal: Journal, manifests: Manifests, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    port = serve(mosquitto, authority, authority.issue("broker", "broker", host=IP))
    own = authority.issue("vehicle", VIN)
    fill(journal, range(3))
    with Bridge(mosquitto.port):
        with lift(journal, manifests, port, Tls(ca=authority.certificate)):
            assert eventually(lambda: "the broker wants a certificate of the vehicle's" in caplog.text)
        with lift(journal, manifests, port, Tls(authority.certificate, *own)) as uplink:
            assert eventually(lambda: uplink.settled)
            days = uplink.certificate_days()
            assert days is not None
            assert 364 < days <= 365
            assert eventually(lambda: uplink.counters.bytes_down > 1000)  # The handshake is counted.


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("expired", "the broker's certificate is not believed: certificate has expired"),
        ("elsewhere", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (
            "stranger",
            f"certificate is not believed: unable to get local issuer certificate (the broker's, or that of {OTHERS}?)",
        ),
    ],
)
def test_a_broker_that_is_not_to_be_believed_gets_nothing_and_the_log_says_why(
    mosquitto: Mosquitto, tmp_path: Path, journal: Journal, manifests: Manifests,
    caplog: pytest.LogCaptureFixture, made: str, said: str,
) -> None:  # fmt: skip
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    broker = {
        "expired": lambda: authority.issue("broker", "broker", -YEAR, timedelta(days=-1), IP),
        "elsewhere": lambda: authority.issue("broker", "broker", host="DNS:elsewhere.example"),
        "stranger": lambda: other.issue("broker", "broker", host=IP),
    }[made]()
    port = serve(mosquitto, authority, broker)
    fill(journal, range(1))
    with lift(journal, manifests, port, Tls(authority.certificate, *authority.issue("vehicle", VIN))) as uplink:
        assert eventually(lambda: said in caplog.text), caplog.text
        assert eventually(lambda: said in uplink.failure)
        assert (uplink.counters.connections, journal.depth) == (0, 1)


def test_a_broker_that_speaks_only_tls_1_2_is_named_as_such(
    tmp_path: Path, journal: Journal, manifests: Manifests
) -> None:
    authority = Authority(tmp_path)
    own, broker = authority.issue("vehicle", VIN), authority.issue("broker", "broker", host=IP)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.load_cert_chain(*broker)
    listener = socket.create_server(("127.0.0.1", 0))
    spoken: list[str | None] = []

    def answer() -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                with line, suppress(ssl.SSLError), old.wrap_socket(line, server_side=True) as secured:
                    spoken.append(secured.version())

    server = threading.Thread(target=answer)
    server.start()
    port: int = listener.getsockname()[1]
    try:
        with lift(journal, manifests, port, Tls(authority.certificate, *own)) as uplink:
            assert eventually(lambda: "the broker speaks no version of TLS that" in uplink.failure), uplink.failure
        assert spoken == []
        with lift(journal, manifests, port, Tls(authority.certificate, *own, "1.2")):
            assert eventually(lambda: "TLSv1.2" in spoken)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.join()


def test_a_certificate_that_expires_while_it_runs_is_named_and_a_new_one_serves_without_a_restart(
    mosquitto: Mosquitto, tmp_path: Path, journal: Journal, manifests: Manifests, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    port = serve(mosquitto, authority, authority.issue("broker", "broker", host=IP))
    own = authority.issue("vehicle", VIN, ends=timedelta(seconds=3))
    ends_s = validity(own.certificate).ends_s
    with lift(journal, manifests, port, Tls(authority.certificate, *own)) as uplink:
        assert eventually(lambda: uplink.connected or time.time() > ends_s)
        assert eventually(lambda: time.time() > ends_s + 1)
        keys = fill(journal, range(3))
        mosquitto.kill()
        mosquitto.start()
        assert eventually(lambda: f"the vehicle's certificate {own.certificate} holds from" in uplink.failure)
        assert f"to {datetime.fromtimestamp(ends_s, UTC):%Y-%m-%d %H:%M} UTC" in uplink.failure
        assert not uplink.connected
        authority.issue("vehicle", VIN)
        with Bridge(mosquitto.port) as bridge:
            assert eventually(lambda: uplink.settled)
            assert set(bridge.held) == keys
    assert "replace it: it is read again at every connection" in caplog.text


def test_a_certificate_that_is_gone_while_it_runs_ends_nothing(
    mosquitto: Mosquitto, tmp_path: Path, journal: Journal, manifests: Manifests
) -> None:
    authority = Authority(tmp_path)
    port = serve(mosquitto, authority, authority.issue("broker", "broker", host=IP))
    own = authority.issue("vehicle", VIN)
    with lift(journal, manifests, port, Tls(authority.certificate, *own)) as uplink:
        assert eventually(lambda: uplink.connected)
        whole = own.certificate.read_bytes()
        own.certificate.unlink()
        mosquitto.kill()
        mosquitto.start()
        assert eventually(lambda: f"{own.certificate}: cannot be used as certificate" in uplink.failure)
        own.certificate.write_bytes(whole)
        assert eventually(lambda: uplink.connected)


def test_dates_are_read_as_openssl_reads_them(tmp_path: Path) -> None:
    authority, now_s = Authority(tmp_path), time.time()
    for years in (1, 40):  # From 2050 on a certificate writes its dates otherwise.
        held = validity(authority.issue("one", "one", -YEAR, years * YEAR).certificate)
        assert held.begins_s == pytest.approx(now_s - YEAR.total_seconds(), abs=60)
        assert held.ends_s == pytest.approx(now_s + years * YEAR.total_seconds(), abs=60)


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    file = tmp_path / "vehicle.pem"
    for text in ("nothing", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"):
        file.write_text(text)
        with pytest.raises(CredentialsError, match=r"vehicle\.pem: cannot be used as certificate"):
            validity(file)


def test_a_certificate_that_is_not_there_yet_is_asked_for_by_a_command_that_is_named(tmp_path: Path) -> None:
    file, key = tmp_path / "vehicle.pem", tmp_path / "vehicle.key"
    with pytest.raises(CredentialsError, match=r"vehicle.pem: .*No such file .*; `canlift-agent enroll` asks for one"):
        validity(file)
    with pytest.raises(CredentialsError, match=r"No such file .*; `canlift-agent enroll` asks for one"):
        tls_context(Tls(certificate=file, key=key))


def test_a_clock_that_is_wrong_for_certain_judges_no_certificate_and_the_best_known_time_does(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = Tls(authority.certificate, *authority.issue("vehicle", VIN))
    assert judges_dates(tls_context(tls))
    assert not judges_dates(tls_context(tls, now_s=0))
    shown = {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Feb  1 00:00:00 2026 GMT"}
    inside_ms, after_ms = 1_768_000_000_000, 1_770_000_000_000
    assert dates_problem(shown, inside_ms) is None
    assert dates_problem(shown, None) is None
    assert dates_problem(shown, after_ms) == (
        "the broker's certificate holds from 2026-01-01 00:00 to 2026-02-01 00:00 UTC"
    )


@pytest.mark.parametrize("answer", [b"", b"\x16\x03\x03\x00\x7a\x02"], ids=["nothing", "half a ServerHello"])
def test_a_broker_that_is_silent_in_the_handshake_is_left_for_the_next(
    mosquitto: Mosquitto,
    tmp_path: Path,
    journal: Journal,
    manifests: Manifests,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
) -> None:
    authority = Authority(tmp_path)
    port = serve(mosquitto, authority, authority.issue("broker", "broker", host=IP))
    fill(journal, range(3))
    tls = Tls(authority.certificate, *authority.issue("vehicle", VIN))
    with Mute(answer) as mute, Bridge(mosquitto.port):
        # Shorter than the keep-alive, which has nothing to say here.
        chosen = settings(mute.port, port, tls=tls, connect_timeout=Duration(1500), receipt_timeout=Duration(5000))
        with Uplink(VIN, chosen, journal, manifests, time.monotonic, utc_ms=utc_ms) as uplink:
            assert eventually(lambda: uplink.settled)
        assert mute.connections >= 1
        assert f"127.0.0.1:{mute.port}: cannot connect: no answer within 1.5 s" in caplog.text


def test_a_connection_whose_handshake_fails_is_closed_at_once() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        wrapped = tls_context(Tls()).wrap_socket(ours, server_hostname="broker", do_handshake_on_connect=False)
        wrapped.settimeout(30)
        with pytest.raises(ssl.SSLError):
            wrapped.do_handshake()
        assert wrapped.fileno() == -1
