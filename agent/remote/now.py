"""What an action is decided by: the vehicle as it is now."""

from __future__ import annotations

from typing import NamedTuple

from agent.plan.actions import PlannedRemote
from contract.expressions import Lookup

SILENT_MS = 5_000
"""After so long without a word a vehicle goes to sleep, or does already."""


class Now(NamedTuple):
    at_ms: int
    lookup: Lookup
    """The newest values that count."""
    silent: bool
    """No bus says anything: the vehicle sleeps, or is about to."""
    stands: bool
    """It is known not to move, or the profile has no speed."""


class Standing:
    """Whether the vehicle stands: its speed is known to be 0, or was when its buses fell silent. What was never heard
    is not known."""

    def __init__(self, remote: PlannedRemote | None) -> None:
        self._speed = None if remote is None else remote.speed
        self._stood = False

    def look(self, lookup: Lookup, *, silent: bool) -> bool:
        if self._speed is None:
            return True
        speed = self._speed(lookup)
        if isinstance(speed, int | float):
            self._stood = speed == 0  # A speed below that is one backwards.
            return self._stood
        return silent and self._stood
