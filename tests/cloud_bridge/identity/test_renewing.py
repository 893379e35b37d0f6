"""The next certificate, by the connection that the present one makes: from both ends, through a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.identity.asking import requested, serial_number, signed
from agent.identity.files import issuer_of, next_of
from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.settings.uplink import UplinkSettings
from agent.uplink.certificate import CertificateWatch
from agent.uplink.renewal import Renewal
from agent.uplink.uplink import Uplink
from cloud_bridge.clock import clock_ms
from cloud_bridge.identity.authority import Purpose, issue, new_authority
from cloud_bridge.identity.renewing import SOONEST_MS, Renewing, renewed
from cloud_bridge.store.port.identities import Issued
from contract.configuration import Duration
from contract.renewal import RenewalRequest, Renewed, decode_request, encode_renewed, signed_content
from contract.wire import digest
from tests.agent.bridge import eventually
from tests.cloud_bridge.identity.yard import Box, Client, Yard, lets_in
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN

DAY_MS = 86_400_000
SOON_S = 120
"""A certificate that lasts so long needs its next one at once: it began five minutes before it was given."""


@contextmanager
def answering(yard: Yard) -> Iterator[Renewing]:
    storage = yard.storage()
    renewing = Renewing(yard.settings.mqtt, storage.issuer, storage.identities, clock_ms)
    renewing.start()
    try:
        assert renewing.connected.wait(30)
        yield renewing
    finally:
        renewing.stop()
        storage.close()


@contextmanager
def uplink(yard: Yard, box: Box) -> Iterator[Uplink]:
    settings = UplinkSettings(brokers=(f"localhost:{yard.vehicles_port}",), tls=box.tls, first_backoff=Duration(50))
    with Journal(box.folder / "journal", time.monotonic) as journal:
        manifests = Manifests(box.folder / "manifests")
        with Uplink(box.vin, settings, journal, manifests, time.monotonic, utc_ms=clock_ms) as lifted:
            assert eventually(lambda: lifted.connected, 30)
            yield lifted


def due(yard: Yard) -> Box:
    box = Box(yard.folder / "box", VIN)
    yard.enroll_for(box, SOON_S)
    return box


def content(box: Box) -> tuple[bytes, bytes]:
    return (box.folder / "vehicle.pem").read_bytes(), (box.folder / "vehicle.key").read_bytes()


def test_a_vehicle_has_its_next_certificate_before_the_present_one_ends(open_yard: Yard) -> None:
    box = due(open_yard)
    before = content(box)
    with answering(open_yard), uplink(open_yard, box) as lifted:
        assert eventually(lambda: (lifted.certificate_days() or 0) > 360, 30)
    certificate, key = content(box)
    assert certificate != before[0]
    assert key != before[1]  # The key is another one too.
    assert lets_in(box, open_yard.vehicles_port)
    assert not list(box.folder.glob("*.next"))


def test_a_certificate_with_two_thirds_of_its_time_left_is_kept(open_yard: Yard) -> None:
    box = open_yard.enrolled(VIN)
    watch = watched(box)
    now_ms = clock_ms()
    for days, asks in ((0, False), (240, False), (246, True), (364, True), (366, False)):
        asking = renewal(box, watch, now_ms + days * DAY_MS)
        assert (asking.request() is not None) is asks, days
        assert asking.request() is None  # Not twice in an hour.


def test_where_nobody_knows_the_time_or_who_signs_nothing_is_asked(open_yard: Yard) -> None:
    box = due(open_yard)
    watch = watched(box)
    assert renewal(box, watch, None).request() is None
    assert renewal(box, watch, clock_ms()).request() is not None
    assert box.tls.certificate is not None
    issuer_of(box.tls.certificate).unlink()
    assert renewal(box, watch, clock_ms()).request() is None


def test_a_certificate_that_others_than_its_authority_signed_is_not_taken(
    open_yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    box = due(open_yard)
    before = content(box)
    asking = renewal(box, watched(box), clock_ms())
    request = asking.request()
    assert request is not None
    asked = decode_request(request).request
    key = x509.load_der_x509_csr(asked).public_key()
    now, stranger = datetime.now(UTC), new_authority("canlift vehicles", datetime.now(UTC))
    forged = issue(stranger, key, VIN, Purpose.VEHICLE, now, Duration.parse("1d"))  # type: ignore[arg-type]
    asking.answer(encode_renewed(Renewed(digest(asked), forged.public_bytes(Encoding.DER))))
    assert "who signed the certificate is not who signs this vehicle's" in caplog.text
    assert content(box) == before
    assert box.tls.certificate is not None
    assert not next_of(box.tls.certificate).exists()


def test_an_answer_to_nothing_that_was_asked_changes_nothing(open_yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    box = due(open_yard)
    before = content(box)
    asking = renewal(box, watched(box), clock_ms())
    asking.answer(encode_renewed(Renewed(bytes(8), b"early")))
    assert asking.request() is not None
    others = (Renewed(bytes(8), b"other"), Renewed(bytes(8), why="no"))
    for payload in (b"", b"\xff", *map(encode_renewed, others)):
        asking.answer(payload)
    assert content(box) == before
    assert "cannot be read" in caplog.text
    assert "is refused" not in caplog.text


def test_asked_again_for_the_same_key_there_is_the_same_certificate(yard: Yard) -> None:
    box = due(yard)
    storage = yard.storage()
    asked = honest(box)
    first, second = (renewed(VIN, asked, storage.issuer, storage.identities, clock_ms()) for _ in range(2))
    assert first.certificate is not None
    assert first == second
    assert len(storage.identities.of(VIN)) == 2
    storage.close()


def test_another_key_is_not_certified_within_an_hour_nor_early_in_the_life_of_the_present_one(yard: Yard) -> None:
    box = yard.enrolled(VIN)
    storage = yard.storage()
    issued_at_ms = storage.identities.of(VIN)[-1].issued_at_ms

    def asks(now_ms: int) -> Renewed:
        assert box.tls.key is not None
        next_of(box.tls.key).unlink(missing_ok=True)
        return renewed(VIN, honest(box), storage.issuer, storage.identities, now_ms)

    assert asks(clock_ms()).why == "more than half of the present certificate's time is left: ask later"
    in_time_ms = issued_at_ms + 300 * DAY_MS
    (present,) = storage.identities.of(VIN)
    storage.identities.add(Issued(1, VIN, present.der, in_time_ms, in_time_ms + 365 * DAY_MS))
    assert asks(in_time_ms + SOONEST_MS - 1).why == ("there is another certificate that is not an hour old: ask later")
    assert asks(in_time_ms + SOONEST_MS + 1).certificate is not None
    storage.close()


def test_who_cannot_prove_to_be_the_vehicle_gets_no_certificate(yard: Yard) -> None:
    box, other = yard.enrolled(VIN), yard.enrolled(OTHER_VIN)
    storage = yard.storage()

    def why(asked: RenewalRequest, vin: str = VIN, now_ms: int | None = None) -> str | None:
        return renewed(vin, asked, storage.issuer, storage.identities, now_ms or late()).why

    asked, others = honest(box), honest(other)
    request, serial, signature = asked.request, asked.serial, asked.signature
    assert why(RenewalRequest(request, serial, others.signature)) == (
        "the key of the present certificate has not signed the request"
    )
    assert "is none that this bridge gave it" in str(why(RenewalRequest(request, others.serial, signature)))
    # What was asked for in one name is not given in another, whoever signed it.
    foreign = request_of(OTHER_VIN)
    assert box.tls.key is not None
    by_us = RenewalRequest(foreign, serial, signed(box.tls.key, signed_content(VIN, foreign)))
    assert f"in the name of {OTHER_VIN}, and not of {VIN}" in str(why(by_us))
    assert "is none that this bridge gave it" in str(why(asked, OTHER_VIN))
    assert "has ended" in str(why(asked, now_ms=clock_ms() + 366 * DAY_MS))
    storage.identities.revoke(VIN, clock_ms())
    assert why(asked) == "the present certificate is revoked: enroll the box"
    assert len(storage.identities.of(VIN)) == 1
    storage.close()


def test_what_cannot_be_read_as_a_request_ends_nothing(open_yard: Yard) -> None:
    box = due(open_yard)
    with answering(open_yard):
        vehicle = Client(open_yard.vehicles_port, box.context(), VIN)
        for payload in (b"", b"\xff" * 100, b"\x00" * 9000):
            assert vehicle.publish(f"canlift/v1/{VIN}/certificate/request", payload) == "Success"
        vehicle.close()
        with uplink(open_yard, box) as lifted:
            assert eventually(lambda: (lifted.certificate_days() or 0) > 360, 30)


def late() -> int:
    """In 300 days: the certificate of today needs its next one."""
    return clock_ms() + 300 * DAY_MS


def watched(box: Box) -> CertificateWatch:
    watch = CertificateWatch(UplinkSettings(tls=box.tls), time.monotonic, clock_ms)
    watch.read()
    return watch


def renewal(box: Box, watch: CertificateWatch, utc_ms: int | None) -> Renewal:
    certificate, key = box.tls.certificate, box.tls.key
    assert certificate is not None
    assert key is not None
    return Renewal(box.vin, certificate, key, watch, time.monotonic, lambda: utc_ms)


def honest(box: Box) -> RenewalRequest:
    certificate, key = box.tls.certificate, box.tls.key
    assert certificate is not None
    assert key is not None
    request = requested(box.vin, key)
    return RenewalRequest(request, serial_number(certificate), signed(key, signed_content(box.vin, request)))


def request_of(vin: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, vin)])
    key = generate_private_key(SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)
