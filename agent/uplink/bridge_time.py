"""The bridge's time: what a receipt says of the calendar.

A receipt that covers an upload was made after the upload was first published and before the receipt came, both of which
are moments on the boot's clock. Half of what is between them is the uncertainty, and what the bridge allows itself
(`contract.receipt.UTC_ERROR_MS`). Only uploads of this start of the agent count: a receipt for an earlier start's may
have waited at the broker since.

When an upload left is remembered for 4,096 of them without a receipt. Beyond that the lowest number is forgotten, and
no number up to it counts any more: its receipt could be of a time before the next that we would see it leave.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.journal.segments import Key
from contract.receipt import UTC_ERROR_MS, Receipt
from contract.upload import Anchor, AnchorSource

LONGEST_MS = 60_000
"""A receipt that took longer says too little."""
MOST = 4096
"""Uploads without a receipt that are remembered."""


class BridgeTime:
    """Hands anchors to `offer`. Used by the uplink's thread."""

    def __init__(self, boot: bytes, clock_ms: Callable[[], int], offer: Callable[[Anchor], None]) -> None:
        """`boot`: of this start of the agent; `clock_ms`: the boot's clock."""
        self._boot = boot
        self._clock_ms = clock_ms
        self._offer = offer
        self._sent_ms: dict[int, int] = {}
        """When each upload was published for the first time, by its number."""
        self._first = 0
        """Numbers below were forgotten, or would be next."""

    def sent(self, key: Key) -> None:
        """An upload is published, for the first time or again."""
        if key.boot == self._boot and key.sequence >= self._first and key.sequence not in self._sent_ms:
            self._sent_ms[key.sequence] = self._clock_ms()
            if len(self._sent_ms) > MOST:
                lowest = min(self._sent_ms)
                del self._sent_ms[lowest]
                self._first = lowest + 1

    def told(self, receipt: Receipt) -> None:
        """A receipt has come."""
        if receipt.boot != self._boot:
            return
        covered = [sequence for sequence in self._sent_ms if receipt.covers(sequence)]
        after_ms = max([self._sent_ms.pop(sequence) for sequence in covered], default=None)
        if after_ms is None or receipt.utc_ms is None:
            return
        took_ms = self._clock_ms() - after_ms
        if took_ms <= LONGEST_MS:
            half_ms = took_ms // 2
            uncertainty_ms = took_ms - half_ms + UTC_ERROR_MS
            self._offer(Anchor(after_ms + half_ms, receipt.utc_ms, uncertainty_ms, AnchorSource.BRIDGE))
