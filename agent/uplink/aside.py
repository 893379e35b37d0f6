"""What is put aside: uploads and manifests that do not get through, so that everything else does.

One upload can be too much where others are not: it is larger than the broker's packets may be, which some brokers
announce and others answer by hanging up; it does not get over a slow line in one piece; or it is taken over and never
reaches the bridge. Waiting for it would hold up all that comes after it. So it goes last and alone: when nothing else
is pending or in flight. If that fails too it waits, a minute first and twice as long each time, up to an hour. Nothing
is deleted here: it stays in the journal until it is receipted, or evicted and named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from agent.journal.segments import Key

What: TypeAlias = Key | bytes
"""An upload, or a manifest by its id."""

_LONGEST_S = 3600.0
_PROVEN = 2
"""Failures in a row that are no accident."""


class _Held(msgspec.Struct):
    size: int
    failures: int
    due_s: float


class Aside:
    """Sizes are those of MQTT packets in bytes; times are seconds on one monotonic clock."""

    def __init__(self, first_wait_s: float) -> None:
        self.largest_packet: int | None = None
        """What the broker says that it takes; None where it does not say."""
        self._first_wait_s = first_wait_s
        self._held: dict[What, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, what: object) -> bool:
        return what in self._held

    def takes(self, size: int) -> bool:
        """Whether the broker takes a packet of this size, as far as it says."""
        return self.largest_packet is None or size <= self.largest_packet

    def too_large(self, what: What, size: int) -> bool:
        """Puts aside what the broker does not take. True when it was not known yet."""
        new = what not in self._held
        self._held.setdefault(what, _Held(size, 0, float("-inf")))
        return new

    def failed(self, what: What, size: int, now_s: float, *, alone: bool = False) -> float | None:
        """It did not get through; the seconds to wait before it is tried again, None where nothing is proven yet.

        A connection may end at any upload: only what failed twice in a row, the second time by itself, is to blame.
        `alone` says that it is to blame already.
        """
        held = self._held.setdefault(what, _Held(size, 0, float("-inf")))
        held.failures = max(held.failures + 1, _PROVEN if alone else 0)
        if held.failures < _PROVEN:
            return None
        wait_s = min(self._first_wait_s * 2.0 ** min(held.failures - _PROVEN, 32), _LONGEST_S)
        held.due_s = now_s + wait_s
        return wait_s

    def is_to_blame(self, what: What) -> bool:
        held = self._held.get(what)
        return held is not None and held.failures >= _PROVEN

    def through(self, what: What) -> None:
        self._held.pop(what, None)

    def keep(self, wanted: Callable[[What], bool]) -> None:
        """Forgets what is no longer wanted."""
        for what in [what for what in self._held if not wanted(what)]:
            del self._held[what]

    def due(self, now_s: float) -> list[What]:
        """What may be tried by itself, the longest waiting first."""
        found = [
            (held.due_s, what) for what, held in self._held.items() if held.due_s <= now_s and self.takes(held.size)
        ]
        found.sort(key=lambda each: each[0])
        return [what for _, what in found]


def named(what: What) -> str:
    return f"upload {what.sequence} of boot {what.boot.hex()}" if isinstance(what, Key) else f"manifest {what.hex()}"
