"""Monitors, as clients made them."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

MonitorStatus = Literal["Running", "Paused", "Failed"]


class Monitor(msgspec.Struct, frozen=True):
    id: str
    """32 hex digits."""
    fleet_id: str
    body: bytes
    """JSON, as it was given and checked."""
    status: MonitorStatus
    version: int
    """1, and one more each time that it is replaced: another version is another watch."""
    created_at_ms: int
    updated_at_ms: int
    running: tuple[tuple[int, int | None], ...] = ()
    """When this version ran: [from, to), ascending; None: it still does."""


MOST_RUNS = 1000
"""That are remembered of a version: what comes late of the time of those before it fires nothing."""


class Monitors(Protocol):
    """What the API reads and writes of monitors. What is not there is None, or False. Times are the caller's; one that
    lies before the last is taken for that."""

    def add(self, monitor: Monitor, most: int) -> bool:
        """False, and nothing is added, where the fleet has `most` monitors already."""
        ...

    def monitor(self, fleet_id: str, monitor_id: str) -> Monitor | None: ...
    def monitors(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[Monitor]]:
        """How many there are, and some of them by (created, id)."""
        ...

    def replace(self, fleet_id: str, monitor_id: str, body: bytes, now_ms: int) -> Monitor | None:
        """Another version from now on: it runs if the one before was not paused."""
        ...

    def set_status(self, fleet_id: str, monitor_id: str, status: MonitorStatus, now_ms: int) -> Monitor | None:
        """It runs from now on, or no more. Nothing changes where it has the status already."""
        ...

    def delete(self, fleet_id: str, monitor_id: str) -> bool:
        """With everything that was kept of it, notifications that wait included."""
        ...

    def of_vehicle(self, vin: str) -> list[Monitor]:
        """Those of all fleets that the vehicle is in, by id; what is evaluated."""
        ...
