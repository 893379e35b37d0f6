"""Retention: what was received long ago is deleted, in small steps that hold up nothing else for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from cloud_bridge.settings import Retention
from cloud_bridge.store.port.errors import StaleError
from cloud_bridge.store.port.upkeep import Pruning

AT_ONCE = 200
"""Uploads, or quarantined payloads, deleted in one transaction."""


class Pruned(msgspec.Struct):
    """How much was deleted."""

    uploads: int = 0
    manifests: int = 0
    quarantined: int = 0
    derived: int = 0
    """Of how many uploads."""
    notifications: int = 0
    remotes: int = 0

    def __bool__(self) -> bool:
        return any(msgspec.structs.astuple(self))


class Pruner:
    def __init__(
        self, store: Pruning, retention: Retention, clock_ms: Callable[[], int], at_once: int = AT_ONCE
    ) -> None:
        self._store = store
        self._retention = retention
        self._clock_ms = clock_ms
        self._at_once = at_once

    def prune(self, go_on: Callable[[], bool] = lambda: True) -> Pruned:
        """Deletes what is older than it is kept. `go_on` is called between steps, to pause or to end."""
        pruned = Pruned()
        for what, number in self._steps(self._clock_ms()):
            setattr(pruned, what, getattr(pruned, what) + number)
            if not go_on():
                break
        return pruned

    def _steps(self, now_ms: int) -> Iterator[tuple[str, int]]:
        """What was deleted in each, and how much."""
        raw_ms, derived_ms = now_ms - self._retention.raw, now_ms - self._retention.derived
        while number := self._store.prune_uploads(raw_ms, self._at_once):
            yield "uploads", number
        while number := self._store.prune_manifests(raw_ms, self._at_once):
            yield "manifests", number
        while number := self._store.prune_quarantine(raw_ms, self._at_once):
            yield "quarantined", number
        while number := self._store.prune_remotes(derived_ms, self._at_once):
            yield "remotes", number
        for vin in self._store.to_prune(derived_ms):
            with suppress(StaleError):  # It was erased meanwhile.
                while number := self._store.prune_derived(vin, derived_ms):
                    yield "derived", number
        while number := self._store.prune_notifications(now_ms - self._retention.notifications, self._at_once):
            yield "notifications", number


def describe(pruned: Pruned) -> str:
    if not pruned:
        return "nothing is older than it is kept"
    return (
        f"deleted: {pruned.uploads} uploads, what was derived of {pruned.derived}, {pruned.manifests} manifests that"
        f" none names any more, {pruned.quarantined} refused payloads, {pruned.notifications} notifications that were"
        f" delivered or given up, {pruned.remotes} remote actions"
    )
