"""The kernel's receive times, brought from its settable clock onto the boot's.

The kernel stamps frames by CLOCK_REALTIME, which anybody may set. So how far the two clocks are apart is read again
before each burst, and no frame is taken to be from before the last burst, from after this one, or from before the frame
that came before it on its bus: a step of the clock dates the frames that were waiting wrong by no more than they
waited, and changes no order. Where a frame seems to be from after its burst, the clocks are read once more: the thread
may have been held up on its way to the socket, and what came meanwhile keeps its time. A distance that is right to a
millisecond is kept, so that the frames of one drive keep the same times to each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_TOLERATED_NS = 1_000_000
_BEFORE_MS = 5
"""Between the kernel's stamp and the moment at which the frame is in the queue."""
_AFTER_MS = 100
"""What comes while a burst is read belongs to it."""
_TRIES = 10
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_and_real_ns() -> tuple[int, int]:
    """Both clocks at one moment, in nanoseconds. Read again where the thread was interrupted in between."""
    for _ in range(_TRIES):
        before_ns = time.clock_gettime_ns(_CLOCK)
        real_ns = time.time_ns()
        after_ns = time.clock_gettime_ns(_CLOCK)
        if after_ns - before_ns < _TOLERATED_NS:
            break
    return (before_ns + after_ns) // 2, real_ns


class Stamps:
    """Both clocks, as read before the burst at hand."""

    def __init__(self, clocks_ns: Callable[[], tuple[int, int]] = boot_and_real_ns) -> None:
        self._clocks_ns = clocks_ns
        boot_ns, real_ns = clocks_ns()
        self.offset_ns = boot_ns - real_ns
        """What is added to a stamp."""
        self.now_ms = boot_ns // 1_000_000
        self.earliest_ms = self.now_ms
        self.latest_ms = self.now_ms

    def begin(self) -> int:
        """A burst is about to be read. The time now."""
        self.earliest_ms = self.now_ms - _BEFORE_MS
        self.now_ms = max(self.now_ms, self._read())
        self.latest_ms = self.now_ms + _AFTER_MS
        return self.now_ms

    def _read(self) -> int:
        """The time by the boot's clock, milliseconds; how far the clocks are apart is kept where it is still right."""
        boot_ns, real_ns = self._clocks_ns()
        offset_ns = boot_ns - real_ns
        if abs(offset_ns - self.offset_ns) > _TOLERATED_NS:
            self.offset_ns = offset_ns
        return boot_ns // 1_000_000

    def times(self, words: memoryview, count: int, after_ms: int) -> Callable[[int], int]:
        """The time of the i-th of `count` packets of one bus, the last of which before them came at `after_ms`.

        `words` are `Packets.times`.
        """
        earliest_ms = max(self.earliest_ms, after_ms)
        place = 8 * (count - 1)
        last_ns = words[place + 2] * 1_000_000_000 + words[place + 3]
        if last_ns + self.offset_ns > self.latest_ms * 1_000_000:
            self.latest_ms = max(self.latest_ms, self._read())
        offset_ns = self.offset_ns
        last_ms = (last_ns + offset_ns) // 1_000_000
        latest_ms = max(earliest_ms, min(last_ms, self.latest_ms))

        def at_ms(index: int) -> int:
            at_ms: int = (words[8 * index + 2] * 1_000_000_000 + words[8 * index + 3] + offset_ns) // 1_000_000
            return earliest_ms if at_ms < earliest_ms else min(at_ms, latest_ms)

        return at_ms

    def now_for_all(self, after_ms: int) -> Callable[[int], int]:
        """The same where the kernel gave no times."""
        now_ms = max(self.now_ms, after_ms)

        def at_ms(_: int) -> int:
            return now_ms

        return at_ms
