"""What an action is decided by: the vehicle as it is now."""

from __future__ import annotations

from typing import NamedTuple

from agent.plan.actions import PlannedRemote
from contract.evaluation import Lookup

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
    moves: bool = False
    """It is known to move."""


class Standing:
    """Whether the vehicle stands: its speed is known to be 0, or was when its buses fell silent. What was never heard
    is not known.

    A vehicle is silent only when none of its buses has said anything for `SILENT_MS`: one whose speed alone is not
    heard any more, while something else is, does not stand. Of the messages that say the speed every frame is read.
    """

    def __init__(self, remote: PlannedRemote | None) -> None:
        self._speed = None if remote is None else remote.speed
        self._stood = False
        self.moves = False
        """As it was looked at last."""

    def look(self, lookup: Lookup, *, silent: bool) -> bool:
        if self._speed is None:
            return True
        speed = self._speed(lookup)
        self.moves = False
        if isinstance(speed, int | float):
            self._stood = speed == 0  # A speed below that is one backwards.
            self.moves = not self._stood
            return self._stood
        return silent and self._stood
