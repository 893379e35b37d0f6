"""A unified sample: one datum at one time of the boot's clock."""

from __future__ import annotations

from typing import NamedTuple

Value = bool | int | float | str
"""In the published unit or enum."""


class Sample(NamedTuple):
    at_ms: int
    """Milliseconds on the boot's monotonic clock."""
    datum: str
    """Key in `contract.catalog`."""
    value: Value
