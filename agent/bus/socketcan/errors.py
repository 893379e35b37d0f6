"""Error frames: what the CAN controller says of itself, counted, and the worst of it named in the log.

An error frame's id is a set of classes (`linux/can/error.h`). A controller at a damaged wire sends thousands a second:
the log gets one line in `SAY_EVERY_MS`, with the number of those that it did not get.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.bus.losses import Losses

log = logging.getLogger(__name__)

SAY_EVERY_MS = 60_000
ALL = 0x1FFF_FFFF
_BUS_OFF = 0x40
_RESTARTED = 0x100
_CLASSES = {
    0x01: "transmit timeout",
    0x02: "lost arbitration",
    0x04: "controller problem",
    0x08: "protocol violation",
    0x10: "transceiver",
    0x20: "no acknowledgement",
    _BUS_OFF: "bus off",
    0x80: "bus error",
    _RESTARTED: "restarted",
}


class ErrorFrames:
    def __init__(self, bus: str, losses: Losses, clock_ms: Callable[[], int]) -> None:
        self._bus = bus
        self._losses = losses
        self._clock_ms = clock_ms
        self._say_at_ms: dict[bool, int] = {}
        """By whether the controller is off, when the next line may be said."""
        self._unsaid = 0

    def came(self, classes: int, count: int) -> None:
        """`count` error frames of the same classes."""
        self._losses.error += count
        off = bool(classes & _BUS_OFF)
        if off:
            self._losses.bus_off += count
        now_ms = self._clock_ms()
        if now_ms < self._say_at_ms.get(off, now_ms):
            self._unsaid += count
            return
        self._say_at_ms[off] = now_ms + SAY_EVERY_MS
        names = ", ".join(name for bit, name in _CLASSES.items() if classes & bit) or f"class {classes:#x}"
        more = f" ({self._unsaid} more error frames since the last line)" if self._unsaid else ""
        self._unsaid = 0
        log.warning("bus %s: the controller reports: %s%s", self._bus, names, more)
