"""A box gets its certificate: asked for with a key that stays on it, given in its name, put in its place."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP521R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud_bridge.identity.authority import IdentityError, requested_key
from tests.cloud_bridge.identity.yard import Box, Client, Yard
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN


def request(key: object, *names: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    algorithm = None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)  # type: ignore[arg-type]
    return signed.public_bytes(Encoding.PEM)


def test_a_box_is_enrolled_and_its_key_never_leaves_it(yard: Yard) -> None:
    box = yard.enrolled(VIN)
    key = (box.folder / "vehicle.key").read_bytes()
    elsewhere = [file for file in yard.folder.rglob("*") if file.is_file() and file != box.folder / "vehicle.key"]
    assert not any(key in file.read_bytes() for file in elsewhere)
    assert stat.S_IMODE((box.folder / "vehicle.key").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((box.folder / "vehicle.pem").read_bytes())
    assert certificate.subject.rfc4514_string() == f"CN={VIN}"
    lasts = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=364) < lasts <= timedelta(days=365)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not list(box.folder.glob("*.next"))


def test_a_bundle_for_the_bench_is_let_in_as_it_is(open_yard: Yard) -> None:
    box = Box(open_yard.folder / "box", VIN)
    assert open_yard.run("vehicle", "enroll", VIN.lower(), "--bundle", str(box.folder)) == 0
    client = Client(open_yard.vehicles_port, box.context(), VIN)
    assert client.let_in
    client.close()


def test_request_and_answer_go_through_pipes(yard: Yard) -> None:
    box = Box(yard.folder / "box", VIN)
    typed = [
        ["agent.cli", "enroll", "--config", str(box.config)],
        ["cloud_bridge.cli", "vehicle", "enroll", VIN, "--request", "-", "--config", str(yard.config)],
        ["agent.cli", "enroll", "--answer", "-", "--config", str(box.config)],
    ]
    said = b""
    for words in typed:
        said = subprocess.run([sys.executable, "-m", *words], input=said, stdout=subprocess.PIPE, check=True).stdout
    assert b"is in place" in said
    box.context()


def test_asked_again_a_box_asks_for_the_same_key_and_gets_the_same_certificate(yard: Yard) -> None:
    box = Box(yard.folder / "box", VIN)
    answers = []
    for _ in range(2):
        assert box.run("enroll", "--request", str(box.folder / "vehicle.csr")) == 0
        words = ["--request", str(box.folder / "vehicle.csr"), "--out", str(box.folder / "answer.pem")]
        assert yard.run("vehicle", "enroll", VIN, *words) == 0
        answers.append((box.folder / "answer.pem").read_bytes())
    assert answers[0] == answers[1]


def test_a_box_that_is_enrolled_again_keeps_what_it_has_until_the_answer_comes(open_yard: Yard) -> None:
    box = open_yard.enrolled(VIN)
    first = (box.folder / "vehicle.pem").read_bytes()
    assert box.run("enroll", "--request", str(box.folder / "vehicle.csr")) == 0
    client = Client(open_yard.vehicles_port, box.context(), VIN)
    assert client.let_in
    client.close()
    open_yard.enroll(box)
    assert (box.folder / "vehicle.pem").read_bytes() != first
    again = Client(open_yard.vehicles_port, box.context(), VIN)
    assert again.let_in
    again.close()


def test_an_answer_to_another_box_is_not_taken(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    ours, twin, other = (Box(yard.folder / name, vin) for name, vin in (("a", VIN), ("b", VIN), ("c", OTHER_VIN)))
    for box in (twin, other):
        yard.enroll(box)
    capsys.readouterr()
    assert ours.run("enroll", "--answer", str(twin.folder / "answer.pem")) == 1
    assert "it answers no request of this box" in capsys.readouterr().err.replace("the certificate", "it")
    assert ours.run("enroll", "--request", str(ours.folder / "vehicle.csr")) == 0
    for box, said in ((twin, "it answers another request"), (other, f"is of {OTHER_VIN}, and not of {VIN}")):
        assert ours.run("enroll", "--answer", str(box.folder / "answer.pem")) == 1
        assert said in capsys.readouterr().err
    lone = ours.folder / "lone.pem"
    lone.write_bytes((twin.folder / "vehicle.pem").read_bytes())
    assert ours.run("enroll", "--answer", str(lone)) == 1
    assert "the answer has 1 certificates" in capsys.readouterr().err
    assert not (ours.folder / "vehicle.pem").exists()


def test_settings_that_say_nothing_of_certificates_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Box(tmp_path / "box", VIN)
    box.config.write_text(f'vin = "{VIN}"\n[uplink.tls]\nca = "ca.pem"\n')
    assert box.run("enroll") == 2
    assert "[uplink.tls] has to say where ca, certificate and key are to be" in capsys.readouterr().err
    box.config.write_text('[uplink.tls]\nca = "a"\ncertificate = "b"\nkey = "c"\n')
    assert box.run("enroll") == 2
    assert "vin is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            lambda: request(generate_private_key(SECP256R1()), OTHER_VIN),
            f"in the name of {OTHER_VIN}, and not of {VIN}",
        ),
        (lambda: request(generate_private_key(SECP256R1()), VIN, "x"), f"in the name of {VIN}, x, and not of {VIN}"),
        (lambda: request(generate_private_key(SECP256R1())), "in the name of nobody"),
        (lambda: request(generate_rsa_key(65537, 1024), VIN), "none of EC P-256"),
        (lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", "cannot be read"),
        (lambda: b"", "cannot be read as PKCS #10, in PEM or DER: expected what `canlift-agent enroll` writes$"),
        (lambda: b"\x30" * 20_000, "has 20000 bytes: at most 16384 are read"),
    ],
)
def test_a_request_that_is_not_the_vehicles_own_is_refused(made: Callable[[], bytes], said: str) -> None:
    with pytest.raises(IdentityError, match=said):
        requested_key(made(), VIN)


def test_a_request_that_its_key_has_not_signed_is_refused() -> None:
    asked = x509.load_pem_x509_csr(request(generate_private_key(SECP256R1()), VIN)).public_bytes(Encoding.DER)
    forged = asked[:-1] + bytes([asked[-1] ^ 1])
    with pytest.raises(IdentityError, match="not signed by the key that it names"):
        requested_key(forged, VIN)


@pytest.mark.parametrize(
    "key", [generate_private_key(SECP521R1()), Ed25519PrivateKey.generate()], ids=["ec", "ed25519"]
)
def test_a_box_may_bring_a_key_of_another_kind(key: object) -> None:
    assert requested_key(request(key, VIN), VIN) == key.public_key()  # type: ignore[attr-defined]


def test_only_a_vehicle_that_is_known_is_enrolled(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = Box(yard.folder / "box", "VF3TESTCAR0000009")
    asked = stranger.folder / "vehicle.csr"
    assert stranger.run("enroll", "--request", str(asked)) == 0
    assert yard.run("vehicle", "enroll", stranger.vin, "--request", str(asked)) == 1
    assert "not registered: VF3TESTCAR0000009" in capsys.readouterr().err


def test_a_second_authority_is_not_made_over_the_first(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    before = (yard.folder / "identity" / "vehicles.key").read_bytes()
    assert yard.run("ca", "init") == 1
    assert "another one would make every vehicle a stranger" in capsys.readouterr().err
    assert (yard.folder / "identity" / "vehicles.key").read_bytes() == before


def test_the_authoritys_keys_are_for_their_owner_only(yard: Yard) -> None:
    folder = yard.folder / "identity"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("vehicles", "services", "bridge"):
        assert stat.S_IMODE((folder / f"{name}.key").stat().st_mode) == 0o600


def test_without_an_authority_it_is_said_how_to_make_one(
    tmp_path: Path, mosquitto_binary: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = Yard(tmp_path, mosquitto_binary)
    assert bare.run("broker", "config") == 1
    assert "make one with `canlift-bridge ca init`" in capsys.readouterr().err


def test_an_authority_with_another_ones_key_is_named(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    folder = yard.folder / "identity"
    (folder / "vehicles.key").write_bytes((folder / "services.key").read_bytes())
    assert yard.run("vehicle", "enroll", VIN, "--bundle", str(yard.folder / "box")) == 1
    assert f"is not the key of {folder / 'vehicles.pem'}" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["a b", "", "https://mqtt.example.org", "mqtt.example.org:8883", "a..b", "-a"])
def test_what_no_vehicle_could_know_the_broker_by_is_no_host(
    yard: Yard, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (yard.folder / "broker" / "broker.pem").read_bytes()
    assert yard.run("broker", "config", f"--host={host}") == 2
    assert f"--host {host!r}: expected a name such as mqtt.example.org, or an address" in capsys.readouterr().err
    assert (yard.folder / "broker" / "broker.pem").read_bytes() == before


def test_two_listeners_cannot_have_one_port(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    text = yard.config.read_text().replace(
        f"vehicles_port = {yard.vehicles_port}", f"vehicles_port = {yard.bridge_port}"
    )
    yard.config.write_text(text)
    assert yard.run("broker", "config") == 2
    assert "they are two listeners" in capsys.readouterr().err
