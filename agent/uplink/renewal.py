"""Asks for the next certificate when two thirds of the present one's time are over, and takes it.

Only where `agent.identity.files` has who signs: a certificate that came from elsewhere is replaced by hand. What is
asked for is kept on the disk, so a request that was cut off is made again for the same key. What that takes,
cryptography above all, is loaded when there is something to ask for, and not before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from agent.disk.small import read_small
from agent.identity.files import issuer_of, take_up
from agent.uplink.certificate import CertificateWatch
from agent.uplink.credentials import CredentialsError
from contract.wire import WireError, digest

AGAIN_S = 3600.0
LEFT = 1 / 3
"""Of the certificate's time, when the next one is asked for."""

log = logging.getLogger(__name__)


class Renewal:
    """All methods are for the uplink's thread."""

    def __init__(
        self,
        vin: str,
        certificate: Path,
        key: Path,
        watch: CertificateWatch,
        clock: Callable[[], float],
        utc_ms: Callable[[], int | None],
    ) -> None:
        """`clock` gives monotonic seconds, `utc_ms` the best time known, or None."""
        self._vin = vin
        self._certificate = certificate
        self._key = key
        self._watch = watch
        self._clock = clock
        self._utc_ms = utc_ms
        self._asked: bytes | None = None
        """The digest of the request that waits for its answer."""
        self._next_s = float("-inf")

    @property
    def possible(self) -> bool:
        return issuer_of(self._certificate).exists()

    def request(self) -> bytes | None:
        """What to publish now; None where nothing is due."""
        held, utc_ms = self._watch.held, self._utc_ms()
        if held is None or utc_ms is None or self._clock() < self._next_s or not self.possible:
            return None
        left_s = held.ends_s - utc_ms / 1000
        if not 0 < left_s < LEFT * (held.ends_s - held.begins_s):
            return None
        self._next_s = self._clock() + AGAIN_S
        from agent.identity.asking import IdentityError, requested, serial_number, signed
        from contract.renewal import RenewalRequest, encode_request, signed_content

        try:
            request = requested(self._vin, self._key)
            signature = signed(self._key, signed_content(self._vin, request))
            asked = RenewalRequest(request, serial_number(self._certificate), signature)
        except (IdentityError, OSError) as wrong:
            log.error("the next certificate cannot be asked for: %s", wrong)
            return None
        self._asked = digest(request)
        log.info("asking for the next certificate: the present one ends in %d days", left_s // 86_400)
        return encode_request(asked)

    def answer(self, payload: bytes) -> None:
        """What came on the certificate topic."""
        from contract.renewal import decode_renewed

        try:
            answer = decode_renewed(payload)
        except WireError as wrong:
            log.warning("an answer about the next certificate cannot be read: %s", wrong)
            return
        if self._asked is None or answer.request != self._asked:
            return
        self._asked = None
        if answer.certificate is None:
            log.error("the next certificate is refused: %s", answer.why)
            return
        from agent.identity.asking import IdentityError, take

        try:
            issuer = read_small(issuer_of(self._certificate))
            take(self._vin, self._certificate, self._key, answer.certificate, issuer)
            take_up(self._certificate, self._key)
            self._watch.read()
        except (IdentityError, CredentialsError, OSError, ValueError) as wrong:
            log.error("the next certificate is not taken: %s", wrong)
        else:
            log.info("there is a new certificate, which the next connection shows")
