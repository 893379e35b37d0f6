"""One measured figure beside what it may be at most or must be at least."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    value: float
    unit: str
    budget: float | None
    """None: shown for information, nothing is asked of it."""
    at_most: bool
    """Whether the value must stay at or below the budget (a size, a time), or reach it (a rate, a ratio)."""
    baseline: str
    """What others take for the same work in the same run."""

    @property
    def ok(self) -> bool:
        if self.budget is None:
            return True
        return self.value <= self.budget if self.at_most else self.value >= self.budget
