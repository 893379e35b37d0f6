"""From the loop's thread to who asks: a snapshot is taken at the loop's next turn, if somebody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.health.snapshot import Health


class Handover:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0
        self._newest: Health | None = None

    def ask(self, timeout_s: float) -> Health | None:
        """A snapshot that is taken after now; None when the loop has not turned for `timeout_s`."""
        with self._changed:
            before = self._newest
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._newest is not before, timeout_s)
            finally:
                self._waiting -= 1
            return self._newest if self._newest is not before else None

    def answer(self, snapshot: Callable[[], Health]) -> None:
        """The loop's turn."""
        if self._waiting:
            taken = snapshot()
            with self._changed:
                self._newest = taken
                self._changed.notify_all()
