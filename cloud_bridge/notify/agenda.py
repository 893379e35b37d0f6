"""Who is to be looked at when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator


class Agenda:
    """The earliest time of each sender, Unix milliseconds."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, str]] = []
        self._at_ms: dict[str, int] = {}

    @property
    def next_ms(self) -> int | None:
        return self._queue[0][0] if self._queue else None

    def put(self, sender: str, at_ms: int) -> bool:
        """Whether this is earlier than all others."""
        known_ms = self._at_ms.get(sender)
        if known_ms is not None and known_ms <= at_ms:
            return False
        is_first = not self._queue or at_ms < self._queue[0][0]
        self._at_ms[sender] = at_ms
        heapq.heappush(self._queue, (at_ms, sender))
        return is_first

    def due(self, now_ms: int) -> Iterator[str]:
        """Those whose time has come; they are off it then."""
        while self._queue and self._queue[0][0] <= now_ms:
            at_ms, sender = heapq.heappop(self._queue)
            if self._at_ms.get(sender) == at_ms:  # Otherwise it was put earlier later on.
                del self._at_ms[sender]
                yield sender
