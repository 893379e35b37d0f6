"""Vehicles that may say nothing: not registered, or all of whose certificates are revoked.

The broker refuses them too. But it may be told of it late, or be another one than is thought; what they say all the
same is taken by nobody, and counted where uploads of such vehicles are (`cloud_bridge.ingest.ingest`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from contract.topics import topic

log = logging.getLogger(__name__)


class TurningAway(Protocol):
    """As much of `Receiving` as is needed here."""

    def turn_away(self, vin: str, topic: str, payload: bytes, now_ms: int) -> str | None: ...


class Strangers:
    """Of what comes besides uploads: results of commands, reports. Safe to use from any thread."""

    def __init__(self, receiving: TurningAway, clock_ms: Callable[[], int]) -> None:
        self._receiving = receiving
        self._clock_ms = clock_ms

    def turned_away(self, vin: str, leaf: str, payload: bytes) -> bool:
        """Whether nothing may be taken of it; then it is counted. Raises StoreError."""
        why = self._receiving.turn_away(vin, topic(vin, leaf), payload, self._clock_ms())
        if why is not None:
            log.warning("what came on %s is not taken: %s", topic(vin, leaf), why)
        return why is not None
