"""What is deleted."""

from __future__ import annotations

from typing import Protocol


class Erasing(Protocol):
    """Leaves nothing of a vehicle."""

    def erase(self, vin: str) -> dict[str, int]:
        """Whether it is registered or not. How many rows were deleted, by table. Raises RegistryError where there is
        nothing of it, StoreError where it is deleted and its bytes may be left."""
        ...


class Pruning(Protocol):
    """Deletes what was received before a time, Unix milliseconds; a little with each call."""

    def prune_uploads(self, before_ms: int, limit: int) -> int:
        """At most `limit` of them; how many. What their boots' anchors say is kept while anything of these is there."""
        ...

    def prune_manifests(self, before_ms: int, limit: int) -> int:
        """Those that no upload names."""
        ...

    def prune_quarantine(self, before_ms: int, limit: int) -> int: ...
    def prune_notifications(self, before_ms: int, limit: int) -> int:
        """Those that were delivered or given up before, of which nothing can be told again: no data of the vehicle are
        there that are as old as what they tell of."""
        ...

    def prune_remotes(self, before_ms: int, limit: int) -> int:
        """Remote actions that were done before, and counts of wake-ups of months before."""
        ...

    def to_prune(self, before_ms: int) -> list[str]:
        """Vehicles of which something derived is of uploads received before."""
        ...

    def prune_derived(self, vin: str, before_ms: int) -> int:
        """One day of the vehicle's time of which everything was received before, with the records that ended in it: of
        how many uploads that was. 0: there is none, or the vehicle is being derived."""
        ...
