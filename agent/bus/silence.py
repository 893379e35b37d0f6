"""A bus on which nothing is heard: said once, and again when it speaks.

Where error frames come meanwhile, others speak and are not understood: mostly the interface's bit rate is another one.
Those that come as a bus falls asleep say nothing of the kind.
"""

from __future__ import annotations

import logging

from agent.bus.losses import Losses

log = logging.getLogger(__name__)

SILENT_MS = 30_000
_FALLING_ASLEEP_MS = 1_000
"""After the last frame."""
_REMEDY = "is the interface's bit rate that of the vehicle's bus, and are its two wires connected and not swapped?"


class Silence:
    """Of one bus. Counted (`Losses.silent`, `Losses.only_errors`) while it lasts."""

    def __init__(self, bus: str, what: str, losses: Losses) -> None:
        """`what` reads it, for people."""
        self._bus = bus
        self._what = what
        self._losses = losses
        self._heard_ms: int | None = None
        """When it was last heard, or began to be listened to."""
        self._silent = False
        self._only_errors = False
        self._seen = 0
        """Error frames so far."""
        self._errors = 0
        """Those of them that came since it was last heard."""

    def listen(self, now_ms: int, *, heard: bool) -> None:
        """It was listened to; `heard`: something came that is no error frame."""
        new, self._seen = self._losses.error - self._seen, self._losses.error
        if heard or self._heard_ms is None:
            self._heard_ms = now_ms
            self._errors = 0
            if heard and self._silent:
                self._speaks()
            return
        quiet_ms = now_ms - self._heard_ms
        if quiet_ms > _FALLING_ASLEEP_MS:
            self._errors += new
        if quiet_ms <= SILENT_MS:
            return
        seconds = SILENT_MS // 1000
        if not self._silent:
            self._silent = True
            self._losses.silent += 1
            if not self._errors:
                log.warning("bus %s: %s is silent: nothing that is wanted for %d s", self._bus, self._what, seconds)
        if self._errors and not self._only_errors:
            self._only_errors = True
            self._losses.only_errors += 1
            said = "nothing but error frames for"
            log.warning("bus %s: %s: %s %d s: %s", self._bus, self._what, said, seconds, _REMEDY)

    def _speaks(self) -> None:
        self._silent = False
        self._losses.silent -= 1
        if self._only_errors:
            self._only_errors = False
            self._losses.only_errors -= 1
        log.info("bus %s: %s speaks again", self._bus, self._what)
