"""Times of the sampler: milliseconds on the clock of the frames."""

from __future__ import annotations

NEVER_MS = 1 << 62
"""Later than any time; `-NEVER_MS` is before all time."""


def first_multiple(interval_ms: int, at_ms: int) -> int:
    """The first multiple of an interval at or after a time."""
    return -(-at_ms // interval_ms) * interval_ms
