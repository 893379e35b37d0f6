"""Whether what was measured over time stays flat: functions of the figures.

Memory moves: allocators keep what they may need again, and a first time of everything is seen late. So a line is laid
through what comes after the warm-up, by the median of the slopes between all pairs of points (Theil and Sen), which up
to 29 % of outliers do not move. Descriptors and threads are counted: their usual number must not grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

WARM_UP = 1 / 3
"""Of the time, which is looked at by nobody."""
_MOST_POINTS = 200


def after_warm_up(at_s: Sequence[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    first_s = at_s[0] + WARM_UP * (at_s[-1] - at_s[0])
    kept = [(each_s, value) for each_s, value in zip(at_s, values, strict=True) if each_s >= first_s]
    return [each_s for each_s, _ in kept], [value for _, value in kept]


def slope(at_s: Sequence[float], values: Sequence[float]) -> float:
    """Of the line through them, per second."""
    every = max(1, len(at_s) // _MOST_POINTS)
    points = list(zip(at_s[::every], values[::every], strict=True))
    return median((b - a) / (later_s - s) for (s, a), (later_s, b) in combinations(points, 2) if later_s > s)


def grown(values: Sequence[float]) -> float:
    """By how much the usual number in the last third exceeds that in the first."""
    third = max(1, len(values) // 3)
    return median(values[-third:]) - median(values[:third])


def steadiness(counts: Sequence[float], sizes: Sequence[float]) -> float:
    """What one more takes in the second half, by what it took in the first: 1 where size goes with count."""
    middle = len(counts) // 2
    first = (sizes[middle] - sizes[0]) / max(1, counts[middle] - counts[0])
    second = (sizes[-1] - sizes[middle]) / max(1, counts[-1] - counts[middle])
    return second / first if first else float("inf")
