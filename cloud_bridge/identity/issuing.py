"""Certificates given to vehicles and taken back: what is signed is written down, and what is revoked is listed.

The database says which certificates there are. The list of those revoked is a file made of it, for brokers. OpenSSL,
which reads it there, takes another list for newer only where it is so by a whole second, and none of the future: so
lists are made a second apart at least, one at a time.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from cloud_bridge.identity.authority import (
    Authority,
    IdentityError,
    PublicKey,
    Purpose,
    Revocation,
    issue,
    new_authority,
    new_key,
    pem,
    requested_key,
    revoked,
)
from cloud_bridge.identity.folder import BRIDGE, REVOKED, SERVICES, VEHICLES, Folder, write
from cloud_bridge.store.port.identities import Identities, Issued
from contract.configuration import Duration

BRIDGE_NAME = "canlift-bridge"
"""Whom a broker's access list lets read and write everything."""
SERVICE_LASTS = Duration.parse("730d")
PROBE_NAME = "canlift-probe"
_PROBE_LASTS = Duration.parse("1d")
_LONGEST_WAIT = timedelta(seconds=5)
_LOCK = "lock"


class Pair(NamedTuple):
    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


def make_authorities(folder: Folder, name: str, now: datetime) -> None:
    """Both of them, and the bridge's certificate. Raises IdentityError where there are some."""
    if folder.there:
        raise IdentityError(
            f"{folder.path} has a certificate authority: another one would make every vehicle a stranger. Move the"
            " folder away to begin anew"
        )
    services = new_authority(f"{name} services", now)
    folder.keep(SERVICES, services)
    keep_bridge(folder, services, now)
    folder.keep(VEHICLES, new_authority(f"{name} vehicles", now))


def keep_bridge(folder: Folder, services: Authority, now: datetime) -> None:
    """A new certificate of the bridge's."""
    key = new_key()
    certificate = issue(services, key.public_key(), BRIDGE_NAME, Purpose.BRIDGE, now, SERVICE_LASTS)
    folder.keep(BRIDGE, Authority(certificate, key))


class Issuer:
    """`clock_ms` gives Unix milliseconds, and goes on by itself."""

    def __init__(
        self,
        folder: Folder,
        broker: Path,
        identities: Identities,
        lasts: Duration,
        clock_ms: Callable[[], int],
    ) -> None:
        """Reads nothing yet. `broker`: the folder that a broker reads the list from; `lasts`: how long certificates of
        vehicles do."""
        self.folder = folder
        self._broker = broker
        self._identities = identities
        self._lasts = lasts
        self._clock_ms = clock_ms

    def enroll(self, vin: str, request: bytes) -> x509.Certificate:
        """For the key that a box asks for. Asked again for the same key, the same certificate. Raises IdentityError."""
        return self.sign(vin, requested_key(request, vin))

    def sign(self, vin: str, key: PublicKey) -> x509.Certificate:
        now = self._now()
        for issued in self._identities.of(vin):
            known = x509.load_der_x509_certificate(issued.der)
            if issued.revoked_at_ms is None and known.public_key() == key and now < known.not_valid_after_utc:
                return known
        authority = self.folder.authority(VEHICLES)
        certificate = issue(authority, key, vin, Purpose.VEHICLE, now, self._lasts)
        self._identities.add(self._issued(certificate, vin, now))
        return certificate

    def bundle(self, vin: str) -> Pair:
        """A key made here, with its certificate: for the bench."""
        key = new_key()
        return Pair(self.sign(vin, key.public_key()), key)

    def chain(self) -> bytes:
        """What a box keeps beside its certificate, PEM: who signs brokers, then who signs vehicles."""
        return pem(self.folder.certificate(SERVICES)) + pem(self.folder.certificate(VEHICLES))

    def probe(self) -> Pair:
        """Of no vehicle, and revoked already: a broker that refuses it has read the newest list."""
        now, key = self._now(), new_key()
        authority = self.folder.authority(VEHICLES)
        certificate = issue(authority, key.public_key(), PROBE_NAME, Purpose.VEHICLE, now, _PROBE_LASTS)
        at_ms = self._clock_ms()
        ends_ms = _ms(certificate.not_valid_after_utc)
        self._identities.add(Issued(certificate.serial_number, None, b"", at_ms, ends_ms, revoked_at_ms=at_ms))
        return Pair(certificate, key)

    def publish(self) -> None:
        """Writes the list of those revoked, for brokers. Raises IdentityError, OSError."""
        with self._alone():
            authority = self.folder.authority(VEHICLES)
            at = self._a_second_later()
            revocations = [
                Revocation(issued.serial, _utc(issued.revoked_at_ms))
                for issued in self._identities.revoked(_ms(at))
                if issued.revoked_at_ms is not None
            ]
            content = pem(revoked(authority, revocations, at))
            write(self.folder.path / REVOKED, content)
            if self._broker.is_dir():
                write(self._broker / REVOKED, content)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One list is made at a time, also by several programs."""
        self.folder.authority(VEHICLES)
        with (self.folder.path / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _a_second_later(self) -> datetime:
        newest = self.folder.newest_list()
        if newest is None:
            return self._now()
        first = newest.last_update_utc + timedelta(seconds=1)
        if first - self._now() > _LONGEST_WAIT:
            raise IdentityError(
                f"{self.folder.path / REVOKED} is of {newest.last_update_utc:%Y-%m-%d %H:%M:%S} UTC, which is yet to"
                " come: set the clock, or delete the file if it was wrong then"
            )
        while self._now() < first:
            time.sleep(0.05)
        return self._now()

    def _issued(self, certificate: x509.Certificate, vin: str, now: datetime) -> Issued:
        der = certificate.public_bytes(Encoding.DER)
        return Issued(certificate.serial_number, vin, der, _ms(now), _ms(certificate.not_valid_after_utc))

    def _now(self) -> datetime:
        return _utc(self._clock_ms()).replace(microsecond=0)


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
