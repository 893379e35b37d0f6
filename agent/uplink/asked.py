"""The manifests that the bridge has asked for, until it no longer asks.

A broker's word is none here either: what it took over may die with it. The bridge answers a manifest with a receipt
that does not ask for it any more; when none comes in time, the manifest is owed again.
"""

from __future__ import annotations

from collections.abc import Iterable

_NEVER = float("-inf")


class Asked:
    """Times are seconds on one monotonic clock. Other threads may ask for its length: what goes from one state to the
    other is in both for a moment, and never in none."""

    def __init__(self, timeout_s: float, patience_s: float) -> None:
        """`timeout_s`: how long the bridge has to answer; `patience_s`: how long the broker has to take one over."""
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._owed: dict[bytes, float] = {}
        """Not taken over by the broker yet, with the time they were last sent."""
        self._told: dict[bytes, float] = {}
        """Taken over by the broker, with the time."""

    def __len__(self) -> int:
        return len(self._owed) + len(self._told)

    def owes(self, manifest: bytes) -> bool:
        """Whether it has still to be sent, or the broker has still to take it over."""
        return manifest in self._owed

    def asked(self, wanted: Iterable[bytes], now_s: float) -> None:
        """A receipt came, which asks for these."""
        asked = set(wanted)
        self._told = {manifest: at_s for manifest, at_s in self._told.items() if manifest in asked}
        for manifest in asked:
            # Receipts that were on their way when the manifest was sent still ask for it.
            if now_s - self._told.get(manifest, _NEVER) >= self._timeout_s:
                self._owed.setdefault(manifest, _NEVER)

    def sent(self, manifest: bytes, now_s: float) -> None:
        self._owed[manifest] = now_s

    def taken_over(self, manifest: bytes, now_s: float) -> None:
        """The broker has it."""
        self._told[manifest] = now_s
        self._owed.pop(manifest, None)

    def unknown(self, manifest: bytes) -> None:
        """It is not kept here, and cannot be sent."""
        self._owed.pop(manifest, None)

    def reconnected(self, *, remembered: bool) -> None:
        """A new connection: what was on its way is owed again, and what the broker took over too if it forgot us."""
        if not remembered:
            self._owed |= self._told
            self._told.clear()
        self._owed = dict.fromkeys(self._owed, _NEVER)

    def due(self, now_s: float) -> list[bytes]:
        """What is to be sent now."""
        for manifest, told_at_s in list(self._told.items()):
            if now_s - told_at_s >= self._timeout_s:
                self._owed.setdefault(manifest, _NEVER)
                del self._told[manifest]
        return [manifest for manifest, sent_at_s in self._owed.items() if now_s - sent_at_s >= self._patience_s]
