"""A unified sample: one datum at one time of the boot's clock."""

from __future__ import annotations

from typing import NamedTuple

from cloud_bridge.records.model import Value


class Sample(NamedTuple):
    at_ms: int
    """Milliseconds on the boot's monotonic clock."""
    datum: str
    """Key in `contract.catalog`."""
    value: Value
    """In the published unit or enum."""
