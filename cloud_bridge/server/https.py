"""HTTPS served by the bridge itself: `[api.tls]`.

A client may show a certificate that `client_ca` has signed; what is shown and was not signed by it ends the connection.
Whether a client has to show one, and which, is its registration's: so the health check and the documentation need none.
A certificate is known by its fingerprint, the SHA-256 of its DER, in lower-case hexadecimal.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from cloud_bridge.settings import ApiTls

CERTIFICATE = "client_certificate"
"""Where the state of a request's scope has the fingerprint of what its connection has shown, if anything."""
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def context(tls: ApiTls) -> ssl.SSLContext:
    """Raises OSError that names the files that cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = _MINIMUM[tls.minimum]
    try:
        made.load_cert_chain(tls.cert, tls.key)
    except OSError as error:
        what = f"{tls.cert} with the key {tls.key} ([api.tls] cert and key)"
        raise OSError(f"{what}: cannot be used as certificate: {error.strerror or error}") from error
    if tls.client_ca is not None:
        try:
            made.load_verify_locations(tls.client_ca)
        except OSError as error:
            what = f"{tls.client_ca} ([api.tls] client_ca)"
            raise OSError(f"{what}: cannot be used as certificate authority: {error.strerror or error}") from error
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


def shown_by(transport: asyncio.BaseTransport) -> str | None:
    """The fingerprint of the other side's certificate; None where it has shown none."""
    line: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    der = None if line is None else line.getpeercert(binary_form=True)
    return None if der is None else hashlib.sha256(der).hexdigest()


def fingerprint_of(file: Path) -> str:
    """Of the first certificate in a PEM file. Raises ValueError that names the file, OSError."""
    # Imported here: who serves does without.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(file.read_bytes()).fingerprint(SHA256()).hex()
    except ValueError as wrong:
        raise ValueError(f"{file}: cannot be read as a certificate in PEM: {wrong}") from wrong


def fingerprint(text: str) -> str:
    """As people write it: in capitals, with colons. Raises ValueError."""
    found = text.replace(":", "").lower()
    if _FINGERPRINT.fullmatch(found) is None:
        raise ValueError(f"{text!r}: expected the SHA-256 of a certificate, 64 hexadecimal digits")
    return found


class Configuration(uvicorn.Config):
    """With a TLS context of our own."""

    def __init__(self, app: Starlette, tls: ssl.SSLContext | None, **others: object) -> None:
        super().__init__(app, **others)  # type: ignore[arg-type]
        self._tls = tls

    def load(self) -> None:
        super().load()
        self.ssl = self._tls
