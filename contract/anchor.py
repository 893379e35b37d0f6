"""Anchors: what ties a boot's monotonic clock to the calendar.

    anchor = [at_ms, utc_ms, uncertainty_ms, source]

The boot's clock said `at_ms` when it was `utc_ms`, give or take `uncertainty_ms`; `source` is an index in
`AnchorSource`, the last of which is of version 2 (`contract.upload`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract import wire
from contract.samples import MAXIMUM_AT_MS
from contract.wire import Item

MAXIMUM_UTC_MS = 2**43 - 1
"""The year 2248."""


class AnchorSource(StrEnum):
    """Where an anchor's UTC time was read."""

    GNSS = "gnss"
    SYSTEM = "system"
    """The box's clock, believed only when it is known to be synchronised."""
    RECORDING = "recording"
    """The times written in a replayed recording."""
    BRIDGE = "bridge"
    """The time that a receipt was made (`contract.receipt`)."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One moment on both clocks: `utc_ms` (Unix epoch) was `at_ms` of the boot's monotonic clock."""

    at_ms: int
    utc_ms: int
    uncertainty_ms: int
    source: AnchorSource


_SOURCES = (AnchorSource.GNSS, AnchorSource.SYSTEM, AnchorSource.RECORDING, AnchorSource.BRIDGE)
_KNOWN = {1: 3, 2: len(_SOURCES)}
"""How many sources each version has."""


def anchor_item(anchor: Anchor) -> Item:
    """The anchor as it is written."""
    return [anchor.at_ms, anchor.utc_ms, anchor.uncertainty_ms, _SOURCES.index(anchor.source)]


def anchor_of(item: Item, version: int) -> Anchor:
    """The anchor that was written as `item`. Raises `WireError`."""
    at_ms, utc_ms, uncertainty_ms, source = wire.row(item, 4, "anchor")
    return Anchor(
        wire.integer(at_ms, 0, MAXIMUM_AT_MS, "anchor, at"),
        wire.integer(utc_ms, 0, MAXIMUM_UTC_MS, "anchor, utc"),
        wire.integer(uncertainty_ms, 0, MAXIMUM_AT_MS, "anchor, uncertainty"),
        _SOURCES[wire.integer(source, 0, _KNOWN[version] - 1, "anchor, source")],
    )
