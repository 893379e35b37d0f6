"""Playing a recording at the speed of life, or faster."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from agent.bus.frame import Frame

SLICE_S = 0.05
"""Frames that are due within this time go together."""

LARGEST_SLICE = 1024
"""Frames that go together at most, so that who takes them can hold the flow back."""


def paced(
    batches: Iterable[list[Frame]],
    speed: float | None,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
) -> Iterator[list[Frame]]:
    """The same frames, none before its time. `speed` is in recorded seconds a second; None: as fast as they are taken.

    `clock` gives monotonic seconds; `wait` waits so many seconds, and returns True to end the playing.
    """
    if speed is None:
        for batch in batches:
            for start in range(0, len(batch), LARGEST_SLICE):
                yield batch[start : start + LARGEST_SLICE]
        return
    began_s: float | None = None
    first_ms = 0
    for batch in batches:
        start = 0
        while start < len(batch):
            if began_s is None:
                began_s, first_ms = clock(), batch[0].at_ms
            due_s = (batch[start].at_ms - first_ms) / 1000 / speed - (clock() - began_s)
            if due_s > 0 and wait(due_s):
                return
            until_ms = first_ms + (clock() - began_s + SLICE_S) * speed * 1000
            stop = max(start + 1, bisect_left(batch, until_ms, lo=start, key=_at_ms))
            stop = min(stop, start + LARGEST_SLICE)
            yield batch[start:stop]
            start = stop


def _at_ms(frame: Frame) -> int:
    return frame.at_ms
