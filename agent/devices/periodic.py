"""What is said every so often without being asked: a source of device messages."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.bus.frame import Frame


class Periodic:
    """`say` gives a message when it is called, and takes as long as it takes: it has the thread of a source."""

    def __init__(self, every_ms: int, say: Callable[[], Frame | None], monotonic_ms: Callable[[], int]) -> None:
        self._every_ms = every_ms
        self._say = say
        self._monotonic_ms = monotonic_ms
        self._due_ms = monotonic_ms()
        self._closed = threading.Event()

    def read(self, wait_s: float) -> list[Frame]:
        now_ms = self._monotonic_ms()
        if now_ms < self._due_ms:
            self._closed.wait(min(wait_s, (self._due_ms - now_ms) / 1000))
            return []
        self._due_ms = now_ms + self._every_ms
        frame = self._say()
        return [] if frame is None else [frame]

    def close(self) -> None:
        self._closed.set()
