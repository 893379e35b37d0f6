"""Ranges of time, half-open, in Unix milliseconds."""

from __future__ import annotations

Interval = tuple[int, int]

BEGINNING_MS = -(2**62)
"""Before everything."""
