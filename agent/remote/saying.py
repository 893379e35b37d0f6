"""What the box says of its programs: a source of device messages, by the ten minutes and at each change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from agent.bus.frame import Frame

EVERY_MS = 600_000


class Saying:
    def __init__(
        self, frames: Callable[[int], list[Frame]], listed: Collection[str], monotonic_ms: Callable[[], int]
    ) -> None:
        """`frames` gives them at a time; of these only the messages that are `listed` are said."""
        self._frames = frames
        self._listed = frozenset(listed)
        self._monotonic_ms = monotonic_ms
        self._due_ms = monotonic_ms()
        self._woken = threading.Event()

    def again(self) -> None:
        """Something has changed. From any thread."""
        self._due_ms = 0
        self._woken.set()

    def read(self, wait_s: float) -> list[Frame]:
        now_ms = self._monotonic_ms()
        if now_ms < self._due_ms:
            self._woken.wait(min(wait_s, (self._due_ms - now_ms) / 1000))
            self._woken.clear()
            return []
        self._due_ms = now_ms + EVERY_MS
        return [frame for frame in self._frames(now_ms) if frame.bus in self._listed]

    def close(self) -> None:
        self._woken.set()
