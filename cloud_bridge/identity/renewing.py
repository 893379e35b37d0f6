"""Vehicles ask for their next certificate before the present one ends (`contract.renewal`), and get it.

A request is believed if the key of a certificate that the vehicle was given, that holds and was not revoked, has signed
it, and half of its time is over. Asked again for the same key the vehicle gets the same certificate; for another one
not within an hour: a box that has lost its mind does not fill the database. Of a group of bridges one answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from cloud_bridge.identity.authority import IdentityError, requested_key
from cloud_bridge.identity.issuing import Issuer
from cloud_bridge.mqtt.listening import Heard, Listening
from cloud_bridge.settings import Mqtt
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.identities import Identities, Issued
from contract.renewal import RenewalRequest, Renewed, decode_request, encode_renewed, signed_content
from contract.topics import CERTIFICATE, CERTIFICATE_REQUEST, topic
from contract.wire import WireError, digest

SOONEST_MS = 3_600_000
_IN_FLIGHT = 64

log = logging.getLogger(__name__)


def renewed(vin: str, asked: RenewalRequest, issuer: Issuer, identities: Identities, now_ms: int) -> Renewed:
    """The answer. Raises StoreError, and OSError where the authority's files cannot be read."""
    number = digest(asked.request)
    try:
        certificates = identities.of(vin)
        _expect_authentic(vin, asked, certificates, now_ms)
        _expect_seldom(vin, asked, certificates, now_ms)
        certificate = issuer.enroll(vin, asked.request)
    except IdentityError as wrong:
        log.warning("vehicle %s asked for its next certificate, and does not get it: %s", vin, wrong)
        return Renewed(number, why=str(wrong))
    log.info("vehicle %s has its next certificate, until %s", vin, f"{certificate.not_valid_after_utc:%Y-%m-%d}")
    return Renewed(number, certificate.public_bytes(Encoding.DER))


def _expect_authentic(vin: str, asked: RenewalRequest, certificates: list[Issued], now_ms: int) -> None:
    present = next((one for one in certificates if one.serial == asked.serial), None)
    if present is None:
        raise IdentityError("the present certificate is none that this bridge gave it: enroll the box")
    if present.revoked_at_ms is not None:
        raise IdentityError("the present certificate is revoked: enroll the box")
    if present.ends_at_ms < now_ms:
        raise IdentityError("the present certificate has ended: enroll the box")
    certificate = x509.load_der_x509_certificate(present.der)
    begins_ms = certificate.not_valid_before_utc.timestamp() * 1000
    if now_ms < (begins_ms + present.ends_at_ms) / 2:
        raise IdentityError("more than half of the present certificate's time is left: ask later")
    key = certificate.public_key()
    if not isinstance(key, EllipticCurvePublicKey):
        raise IdentityError("the present certificate's key is of no elliptic curve: enroll the box")
    try:
        key.verify(asked.signature, signed_content(vin, asked.request), ECDSA(hashes.SHA256()))
    except InvalidSignature as wrong:
        raise IdentityError("the key of the present certificate has not signed the request") from wrong


def _expect_seldom(vin: str, asked: RenewalRequest, certificates: list[Issued], now_ms: int) -> None:
    key = requested_key(asked.request, vin)
    for one in certificates:
        is_new = one.serial != asked.serial and one.issued_at_ms > now_ms - SOONEST_MS
        if is_new and x509.load_der_x509_certificate(one.der).public_key() != key:
            raise IdentityError("there is another certificate that is not an hour old: ask later")


class Renewing:
    """On a connection of its own. Answers in its thread: vehicles renew once a year."""

    def __init__(self, settings: Mqtt, issuer: Issuer, identities: Identities, clock_ms: Callable[[], int]) -> None:
        """Raises OSError (ssl.SSLError included) when a file that `settings` name cannot be used."""
        self._issuer = issuer
        self._identities = identities
        self._clock_ms = clock_ms
        self._listening = Listening(
            settings, "certificates", CERTIFICATE_REQUEST, self._take, in_flight=_IN_FLIGHT, what="certificates"
        )

    @property
    def connected(self) -> threading.Event:
        """Set while subscribed."""
        return self._listening.connected

    def start(self) -> None:
        self._listening.start()

    def stop(self) -> None:
        self._listening.stop()

    def _take(self, heard: Heard) -> None:
        vin = heard.vin
        try:
            asked = decode_request(heard.payload)
            answer = renewed(vin, asked, self._issuer, self._identities, self._clock_ms())
        except WireError as wrong:
            log.warning("what vehicle %s sent to ask for a certificate cannot be read: %s", vin, wrong)
        except (StoreError, IdentityError, OSError) as error:
            log.error("vehicle %s asks for its next certificate, and cannot have it now: %s", vin, error)
        else:
            self._listening.publish(topic(vin, CERTIFICATE), encode_renewed(answer))
