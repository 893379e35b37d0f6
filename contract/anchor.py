"""Anchors: what ties a boot's monotonic clock to the calendar.

    anchor = [at_ms, utc_ms, uncertainty_ms, source]

The boot's clock said `at_ms` when it was `utc_ms`, give or take `uncertainty_ms`; `source` is an index in
`AnchorSource`, the last of which is of version 2 (`contract.upload`).

An anchor ages: a quartz is off by some 20 to 50 ppm, so it dates a moment that is far from its own the less surely.
Two anchors *contradict* each other when no quartz and no uncertainty explains both. Both sides ask the same question
of the anchors that they have, with the same answer, `agreeing`: the largest group of them that can be true together.
In it each anchor of satellites or of a bridge counts for one, and all of the system's clock, which only repeats itself,
for one together, as do those of a recording. Of groups that count alike the one stays that is around the most trusted
source (the bridge, then satellites, the system, the recording), then around the least uncertain anchor, then the
latest.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from contract import wire
from contract.samples import MAXIMUM_AT_MS
from contract.wire import Item

MAXIMUM_UTC_MS = 2**43 - 1
"""The year 2248."""
AGEING_PPM = 50
"""By how much an anchor's uncertainty grows with the distance in time from it."""
DRIFT_PPM = 100
"""By how much a quartz may be off, in the cold and in the heat, before two anchors contradict each other."""


class AnchorSource(StrEnum):
    """Where an anchor's UTC time was read."""

    GNSS = "gnss"
    SYSTEM = "system"
    """The box's clock, believed only when it is known to be synchronised."""
    RECORDING = "recording"
    """The times written in a replayed recording."""
    BRIDGE = "bridge"
    """The time that a receipt was made (`contract.receipt`)."""


class Anchor(msgspec.Struct, frozen=True):
    """One moment on both clocks: `utc_ms` (Unix epoch) was `at_ms` of the boot's monotonic clock."""

    at_ms: int
    utc_ms: int
    uncertainty_ms: int
    source: AnchorSource

    def aged_ms(self, at_ms: int) -> int:
        """How uncertain a date at `at_ms` of the boot's clock is by this anchor alone."""
        return self.uncertainty_ms + abs(at_ms - self.at_ms) * AGEING_PPM // 1_000_000

    def contradicts(self, other: Anchor) -> bool:
        """Whether the two, of one boot, cannot both be true."""
        between_ms = self.at_ms - other.at_ms
        off_ms = abs(self.utc_ms - other.utc_ms - between_ms)
        allowed_ms = self.uncertainty_ms + other.uncertainty_ms + abs(between_ms) * DRIFT_PPM // 1_000_000 + 1
        return off_ms > allowed_ms


def agreeing(anchors: Iterable[Anchor]) -> list[Anchor]:
    """Of anchors of one boot those to be believed: no two of them contradict each other. The most trusted come first.

    Depends on the set of anchors only. Takes time with the square of their number.
    """
    found = sorted(set(anchors), key=_trust)
    if len(found) < 2:
        return found
    groups = [[other for other in found if not anchor.contradicts(other)] for anchor in found]
    # The first of the largest: they are in order of trust.
    believed: list[Anchor] = []
    for anchor in max(groups, key=_weight):
        if not any(anchor.contradicts(other) for other in believed):
            believed.append(anchor)
    return believed


_TRUSTED = (AnchorSource.BRIDGE, AnchorSource.GNSS, AnchorSource.SYSTEM, AnchorSource.RECORDING)
_MEASURED = frozenset((AnchorSource.GNSS, AnchorSource.BRIDGE))


def _trust(anchor: Anchor) -> tuple[int, int, int, int]:
    return _TRUSTED.index(anchor.source), anchor.uncertainty_ms, -anchor.at_ms, anchor.utc_ms


def _weight(group: Iterable[Anchor]) -> int:
    sources = [anchor.source for anchor in group]
    return sum(source in _MEASURED for source in sources) + len(set(sources) - _MEASURED)


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
