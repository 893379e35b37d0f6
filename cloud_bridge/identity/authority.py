"""A certificate authority (X.509, RFC 5280): what it signs, as functions of what it is given.

There are two of them, which have nothing to do with each other. One signs the certificates of vehicles, the other those
of the services: of brokers, which vehicles believe, and of the bridge. So a stolen vehicle's key is good for nothing
but this vehicle's topics, whatever a broker makes of it. Keys are of the curve P-256, signatures ECDSA with SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.configuration import Duration

AUTHORITY_LASTS = timedelta(days=20 * 365)
SKEW = timedelta(minutes=5)
"""A certificate begins so long before it is made: others' clocks may be behind."""
_LARGEST_REQUEST = 16_384
_SMALLEST_RSA = 2048

PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


class IdentityError(Exception):
    """A certificate, a request or an authority is not as it has to be; the text says which and why."""


class Purpose(Enum):
    VEHICLE = "vehicle"
    BRIDGE = "bridge"
    BROKER = "broker"

    @property
    def usage(self) -> x509.ExtendedKeyUsage:
        role = ExtendedKeyUsageOID.SERVER_AUTH if self is Purpose.BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
        return x509.ExtendedKeyUsage([role])


class Authority(NamedTuple):
    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


class Revocation(NamedTuple):
    serial: int
    at: datetime


def new_key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def new_authority(name: str, now: datetime) -> Authority:
    key = new_key()
    subject = _named(name)
    builder = (
        _begun(subject, subject, key.public_key(), now, now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Authority(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Authority,
    key: PublicKey,
    name: str,
    purpose: Purpose,
    now: datetime,
    lasts: Duration,
    hosts: Iterable[str] = (),
) -> x509.Certificate:
    """A certificate that ends no later than the authority. `hosts`: names and addresses of a broker."""
    ends = min(now + timedelta(milliseconds=lasts), authority.certificate.not_valid_after_utc)
    builder = (
        _begun(_named(name), authority.certificate.subject, key, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(purpose.usage, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    if names := [_alternative(host) for host in hosts]:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def revoked(authority: Authority, revocations: Iterable[Revocation], now: datetime) -> x509.CertificateRevocationList:
    """The list (CRL) that a broker reads.

    It lasts as long as the authority. One that ended before would shut out every vehicle, on the day that nobody made
    the next one.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now)
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for serial, at in revocations:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, hashes.SHA256())


def requested_key(request: bytes, vin: str) -> PublicKey:
    """The key that a certificate is asked for (PKCS #10, PEM or DER) in the name of the vehicle. Nothing else of the
    request counts. Raises IdentityError."""
    if len(request) > _LARGEST_REQUEST:
        raise IdentityError(f"the request has {len(request)} bytes: at most {_LARGEST_REQUEST} are read")
    try:
        load = x509.load_pem_x509_csr if b"-----BEGIN" in request else x509.load_der_x509_csr
        read = load(request)
        names = [str(one.value) for one in read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key, signed = read.public_key(), read.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise IdentityError(
            "the request cannot be read as PKCS #10, in PEM or DER: expected what `canlift-agent enroll` writes"
        ) from wrong
    if names != [vin]:
        raise IdentityError(f"the request is in the name of {', '.join(names) or 'nobody'}, and not of {vin}")
    if not signed:
        raise IdentityError("the request is not signed by the key that it names")
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, (SECP256R1, SECP384R1, SECP521R1)):
        return key
    if isinstance(key, Ed25519PublicKey) or (isinstance(key, RSAPublicKey) and key.key_size >= _SMALLEST_RSA):
        return key
    raise IdentityError(f"the request's key is none of EC P-256, P-384, P-521, Ed25519, or RSA of {_SMALLEST_RSA} bits")


def pem(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return signed.public_bytes(Encoding.PEM)


def key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
