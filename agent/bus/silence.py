"""A bus that says nothing: said once, and again when it speaks."""

from __future__ import annotations

import logging

from agent.bus.losses import Losses

log = logging.getLogger(__name__)

SILENT_MS = 30_000


class Silence:
    """Of one bus. Counted (`Losses.silent`) while it lasts."""

    def __init__(self, bus: str, what: str, losses: Losses) -> None:
        """`what` reads it, for people."""
        self._bus = bus
        self._what = what
        self._losses = losses
        self._heard_ms: int | None = None
        """When it was last heard, or began to be listened to."""
        self._silent = False

    def listen(self, now_ms: int, *, heard: bool) -> None:
        """It was listened to; `heard`: something came."""
        if heard or self._heard_ms is None:
            self._heard_ms = now_ms
            if heard and self._silent:
                self._silent = False
                self._losses.silent -= 1
                log.info("bus %s: %s speaks again", self._bus, self._what)
        elif not self._silent and now_ms - self._heard_ms > SILENT_MS:
            self._silent = True
            self._losses.silent += 1
            seconds = SILENT_MS // 1000
            log.warning("bus %s: %s is silent: nothing that is wanted for %d s", self._bus, self._what, seconds)
