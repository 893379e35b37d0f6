"""Certificates of the services that end soon are said in the log: one that has ended lets no vehicle in any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from cloud_bridge.identity.broker_files import BROKER
from cloud_bridge.settings import Settings

WARN = timedelta(days=30)
_AGAIN = timedelta(days=1)

log = logging.getLogger(__name__)


class EndingCertificates:
    """Says it once a day."""

    def __init__(self, files: Iterable[Path], now: Callable[[], datetime]) -> None:
        """PEM files; one that is not there, or is none, is not its matter. `now` gives an aware time."""
        self._files = tuple(files)
        self._now = now
        self._said: datetime | None = None

    def look(self) -> None:
        now = self._now()
        if self._said is not None and now - self._said < _AGAIN:
            return
        self._said = now
        for file in self._files:
            if (ends := _end(file)) is not None and ends - now < WARN:
                what = "has ended" if ends < now else "ends"
                log.warning("%s %s on %s UTC: replace it", file, what, ends.strftime("%Y-%m-%d %H:%M"))


def of_services(settings: Settings) -> list[Path]:
    """What the bridge shows brokers and callers, and the broker whose files it writes."""
    api = None if settings.api.tls is None else settings.api.tls.cert
    named = (settings.mqtt.cert_file, settings.identity.broker_folder / f"{BROKER}.pem", api)
    return [file for file in named if file is not None]


def _end(file: Path) -> datetime | None:
    try:
        return load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
