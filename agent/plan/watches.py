"""What the cloud watches, as the sampler runs it: data and functions of data, like the rest of the plan."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from contract.evaluation import Value
from contract.watching import Condition

Read = Callable[[int], int | None]
"""The newest raw value of a signal by its number; None where it does not count."""


class PlannedWatch(msgspec.Struct, frozen=True):
    """One datum of one condition."""

    condition: Condition
    datum: str
    signals: tuple[int, ...]
    """What it is made of."""
    value: Callable[[Read], Value | None]
    """The published value; None where there is none."""
