"""The certificates and the password as their files are at each connection, and for how long the vehicle's still holds.

An operator replaces files while the agent runs, so they are read anew each time. A certificate that ends soon is warned
of, once a day, and one that has ended is named where a connection fails: a broker that does not want it often just
hangs up.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from agent.identity.files import take_up
from agent.settings.uplink import UplinkSettings
from agent.uplink.credentials import WARN_DAYS, Validity, password_in, tls_context, validity

log = logging.getLogger(__name__)

_DAY_S = 86_400.0


class CertificateWatch:
    """`clock` gives monotonic seconds, `utc_ms` the best time that is known, or None."""

    def __init__(self, settings: UplinkSettings, clock: Callable[[], float], utc_ms: Callable[[], int | None]) -> None:
        self._settings = settings
        self._clock = clock
        self._utc_ms = utc_ms
        self._held: Validity | None = None
        """Of the vehicle's certificate; None where there is none."""
        self._warned_s = float("-inf")

    def read(self) -> tuple[ssl.SSLContext | None, str | None]:
        """What a connection needs, as the files are now: TLS and password, None where there is none.

        Raises CredentialsError.
        """
        tls, password_file = self._settings.tls, self._settings.password_file
        if tls is not None and tls.certificate is not None and tls.key is not None:
            _take_up(tls.certificate, tls.key)
        self._held = validity(tls.certificate) if tls is not None and tls.certificate is not None else None
        self.warn()
        return (
            tls_context(tls) if tls is not None else None,
            password_in(password_file) if password_file is not None else None,
        )

    @property
    def held(self) -> Validity | None:
        """Of the vehicle's certificate, as it was read last; None where there is none."""
        return self._held

    def days(self) -> float | None:
        """How long the vehicle's certificate still holds, negative when it has ended; None where nobody knows."""
        utc_ms = self._utc_ms()
        return None if self._held is None or utc_ms is None else (self._held.ends_s - utc_ms / 1000) / _DAY_S

    def warn(self) -> None:
        """Says that it ends soon, once a day."""
        days = self.days()
        if days is not None and days < WARN_DAYS and self._clock() - self._warned_s >= _DAY_S:
            self._warned_s = self._clock()
            log.warning("%s; replace it: it is read again at every connection", self._words())

    def blamed(self, failure: str) -> str:
        """Why a connection failed, with the certificate where it has ended."""
        days = self.days()
        return f"{failure}; {self._words()}" if days is not None and days < 0 else failure

    def _words(self) -> str:
        tls = self._settings.tls
        return f"the vehicle's certificate {tls.certificate if tls else ''} {self._held.words() if self._held else ''}"


def _take_up(certificate: Path, key: Path) -> None:
    """The next pair, where there is one that a power cut had kept from its place."""
    try:
        take_up(certificate, key)
    except OSError as refused:
        log.error("the next certificate cannot take its place: %s", refused)
