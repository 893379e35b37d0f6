"""Keys and requests for certificates, and what is looked at before an answer is taken. Loads cryptography: only for
who asks."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from agent.disk.small import SMALL_BYTES, read_small
from agent.identity.files import issuer_of, keep, next_of


class IdentityError(Exception):
    """A key or certificate is not as it has to be; the text says which and why."""


def requested(vin: str, key: Path) -> bytes:
    """A request (PKCS #10, DER) for the next key, which is made where there is none. Asked again, for the same key.

    Raises IdentityError, OSError.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, vin)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(_next_key(key), hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def as_pem(request: bytes) -> bytes:
    return x509.load_der_x509_csr(request).public_bytes(Encoding.PEM)


def signed(key: Path, content: bytes) -> bytes:
    """By the present key, ECDSA with SHA-256. Raises IdentityError, OSError."""
    return _load(key).sign(content, ECDSA(hashes.SHA256()))


def serial_number(certificate: Path) -> int:
    """Raises IdentityError, OSError."""
    return _certificates(certificate, certificate.read_bytes())[0].serial_number


def take(vin: str, certificate: Path, key: Path, answer: bytes, issuer: bytes | None) -> None:
    """Keeps the certificate that `answer` (PEM or DER) begins with, as the next one. `issuer` (PEM): who must have
    signed it; None: whom the answer names last, who is kept.

    Raises IdentityError where it is not the vehicle's, OSError.
    """
    found = _certificates(Path("the answer"), answer)
    signer = found[-1] if issuer is None else _certificates(issuer_of(certificate), issuer)[0]
    names = [str(one.value) for one in found[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [vin]:
        raise IdentityError(f"the certificate is of {', '.join(names) or 'nobody'}, and not of {vin}")
    if not next_of(key).exists():
        raise IdentityError(f"there is no key {next_of(key)}: the certificate answers no request of this box")
    if found[0].public_key() != _load(next_of(key)).public_key():
        raise IdentityError(f"the certificate is not of the key {next_of(key)}: it answers another request")
    try:
        found[0].verify_directly_issued_by(signer)
    except (InvalidSignature, ValueError, TypeError) as wrong:
        raise IdentityError("who signed the certificate is not who signs this vehicle's") from wrong
    if issuer is None:
        keep(issuer_of(certificate), signer.public_bytes(Encoding.PEM))
    keep(next_of(certificate), found[0].public_bytes(Encoding.PEM))


def broker_authority(answer: bytes) -> bytes:
    """Who signs brokers' certificates, PEM: the second of three in an answer to an enrolment. Raises IdentityError."""
    found = _certificates(Path("the answer"), answer)
    if len(found) != 3:
        raise IdentityError(
            f"the answer has {len(found)} certificates: expected the vehicle's, that of who signs brokers, and that of"
            " who signs vehicles, as `canlift-bridge vehicle enroll` writes them"
        )
    return found[1].public_bytes(Encoding.PEM)


def _next_key(key: Path) -> EllipticCurvePrivateKey:
    file = next_of(key)
    if file.exists():
        return _load(file)
    made = generate_private_key(SECP256R1())
    keep(file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _load(file: Path) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(read_small(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise IdentityError(f"{file}: cannot be read as a private key: {wrong}") from wrong
    if not isinstance(key, EllipticCurvePrivateKey):
        raise IdentityError(f"{file}: is no key of an elliptic curve, as `canlift-agent enroll` makes them")
    return key


def _certificates(file: Path, content: bytes) -> list[x509.Certificate]:
    if len(content) > 4 * SMALL_BYTES:
        raise IdentityError(f"{file}: has {len(content)} bytes, which no certificate has")
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError as wrong:
        raise IdentityError(f"{file}: cannot be read as a certificate, in PEM or DER") from wrong
