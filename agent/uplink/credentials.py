"""What the vehicle shows a broker, and how it judges what the broker shows: certificates, password, TLS.

The files are read at every connection, so a renewed certificate serves without a restart.

The dates of certificates are compared with the system's clock, and a box without a battery-backed clock may wake up in
1970. Where that clock says a time before the vehicle's own certificate was made, it is wrong for certain: then the
dates are compared with the best time that is known from elsewhere (`utc_ms`), and with none where none is known.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agent.disk.small import read_small
from agent.settings.uplink import Tls

SOMEBODY_ELSE = "another service, or a captive portal"
"""Who answers where a broker was expected."""
WARN_DAYS = 30
"""So long before the vehicle's certificate ends, it is said."""
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for."""
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_ALERTS = {
    "CERTIFICATE_EXPIRED": "the broker says that the vehicle's certificate has expired",
    "UNKNOWN_CA": "the broker does not know who signed the vehicle's certificate",
    "CERTIFICATE_REQUIRED": "the broker wants a certificate of the vehicle's, and [uplink.tls] names none",
    "CERTIFICATE_REVOKED": "the broker says that the vehicle's certificate is revoked",
    "BAD_CERTIFICATE": "the broker does not accept the vehicle's certificate",
    "CERTIFICATE_UNKNOWN": "the broker does not accept the vehicle's certificate",
    "ACCESS_DENIED": "the broker does not let the vehicle's certificate in",
    "PROTOCOL_VERSION": "the broker speaks no version of TLS that [uplink.tls] minimum allows",
    "UNSUPPORTED_PROTOCOL": "the broker speaks no version of TLS that [uplink.tls] minimum allows",
    "WRONG_VERSION_NUMBER": f"what answers there does not speak TLS: {SOMEBODY_ELSE}",
}
"""By what OpenSSL calls it."""
_UNKNOWN_ISSUER = {7, 18, 19, 20}
"""X509_V_ERR_… of OpenSSL: signed by somebody of the same name, by itself, by an unknown root, by somebody unknown."""


class CredentialsError(Exception):
    """Certificates or password cannot be used; the text says which file and why."""


class Validity(NamedTuple):
    """From when to when a certificate holds, Unix seconds."""

    begins_s: int
    ends_s: int

    def words(self) -> str:
        begin, end = (datetime.fromtimestamp(at_s, UTC) for at_s in self)
        return f"holds from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def validity(file: Path) -> Validity:
    """Of the first certificate in a PEM file. Raises CredentialsError."""
    try:
        pem = _PEM.search(file.read_text(encoding="ascii", errors="replace"))
        if pem is None:
            raise ValueError("no certificate is in it")
        return _validity_in(ssl.PEM_cert_to_DER_cert(pem[0]))
    except OSError as error:
        raise CredentialsError(f"{file}: cannot be used as certificate: {_why(error)}") from error
    except (ValueError, IndexError) as error:
        raise CredentialsError(f"{file}: cannot be used as certificate: {error}") from error


class _Closing(ssl.SSLSocket):
    """A connection that is closed when its handshake fails: paho leaves such a one open, until it is collected."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except (OSError, ValueError):
            self.close()
            raise


def tls_context(tls: Tls, now_s: float | None = None) -> ssl.SSLContext:
    """For one connection, `now_s` by the system's clock.

    Raises CredentialsError when a file is absent, unreadable or no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:
        what = f"{tls.ca}: cannot be used as certificate authority"
        raise CredentialsError(f"{what}: {error.strerror or error}") from error
    context.minimum_version = _MINIMUM[tls.minimum]
    context.sslsocket_class = _Closing
    if tls.certificate is not None:
        try:
            context.load_cert_chain(tls.certificate, tls.key)
        except OSError as error:
            what = f"{tls.certificate} with the key {tls.key}"
            raise CredentialsError(f"{what}: cannot be used as certificate: {_why(error)}") from error
        if (time.time() if now_s is None else now_s) < validity(tls.certificate).begins_s:
            context.verify_flags |= _NO_CHECK_TIME
    return context


def judges_dates(context: ssl.SSLContext) -> bool:
    """Whether the TLS library compares dates, because the system's clock may be right."""
    return not context.verify_flags & _NO_CHECK_TIME


def dates_problem(shown: Mapping[str, object] | None, utc_ms: int | None) -> str | None:
    """What is wrong with the dates of a broker's certificate (`ssl.SSLSocket.getpeercert`); None when nothing is."""
    if not shown or utc_ms is None:
        return None
    begins_s, ends_s = (ssl.cert_time_to_seconds(str(shown[name])) for name in ("notBefore", "notAfter"))
    if begins_s <= utc_ms / 1000 <= ends_s:
        return None
    return f"the broker's certificate {Validity(begins_s, ends_s).words()}"


def explained(failure: str | BaseException) -> str:
    """A failure of TLS in words for the person who can do something about it."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        whose = f" (the broker's, or that of {SOMEBODY_ELSE}?)" if failure.verify_code in _UNKNOWN_ISSUER else ""
        return f"the broker's certificate is not believed: {failure.verify_message}{whose}"
    text = str(failure)
    for name, words in _ALERTS.items():
        if re.search(rf"\bSSL: \w*{name}\b", text):
            return f"{words} ({text})"
    return text


def password_in(file: Path) -> str:
    """Raises CredentialsError when the file cannot be read."""
    try:
        return read_small(file).decode("utf-8").partition("\n")[0]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise CredentialsError(f"{file}: cannot be used as password file: {why}") from error


def _why(error: OSError) -> str:
    why = error.strerror or str(error)
    return f"{why}; `canlift-agent enroll` asks for one" if isinstance(error, FileNotFoundError) else why


def _validity_in(der: bytes) -> Validity:
    """Certificate, tbsCertificate, and in that the fifth item but for the version (RFC 5280 section 4.1)."""
    inside, _ = _item(der, 0)
    at, _ = _item(der, inside)
    if der[at] == 0xA0:  # The version, which is optional.
        at = _item(der, at)[1]
    for _ in range(3):  # Number, algorithm, issuer.
        at = _item(der, at)[1]
    at, _ = _item(der, at)
    begins_s, at = _time(der, at)
    return Validity(begins_s, _time(der, at)[0])


def _item(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the item at `at` begins and ends (X.690 section 8.1)."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[at + 2 : begin], "big")
    return begin, begin + length


def _time(der: bytes, at: int) -> tuple[int, int]:
    begin, end = _item(der, at)
    text = der[begin:end].decode("ascii")
    # UTCTime has two digits of the year, GeneralizedTime (tag 24) four.
    if der[at] != 24:  # As RFC 5280 reads them, not as Python does.
        text = ("19" if text >= "5" else "20") + text
    return int(datetime.strptime(text, "%Y%m%d%H%M%S%z").timestamp()), end
