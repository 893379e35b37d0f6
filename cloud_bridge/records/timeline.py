"""When it was: the boot's monotonic clock on the UTC axis.

A vehicle stamps with its kernel's monotonic clock and sends, when it knows any, an anchor: one moment on both clocks
with its uncertainty. All uploads of one kernel boot share the clock, so the best anchor of any of them dates all of
them, also those sent before it was known. Without an anchor nothing is dated: there is no timeline.

The best anchor is the one of the lowest uncertainty. Ties are resolved by the anchor's own fields, so that the choice
depends on the set of anchors only, never on the order or the number of times they came in. One by which the boot began
before 1970 cannot be true, and is no anchor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contract.upload import Anchor


@dataclass(frozen=True, slots=True)
class Timeline:
    """The clock of one kernel boot, dated by its best anchor."""

    anchor: Anchor

    def utc_ms(self, at_ms: int) -> int:
        """Unix milliseconds of `at_ms` on the boot's clock. A quartz drifts some 20 ms per 1000 s from the anchor."""
        return self.anchor.utc_ms + at_ms - self.anchor.at_ms


def best(anchors: Iterable[Anchor | None]) -> Anchor | None:
    """The anchor that dates the boot all of `anchors` are of; None when there is none."""
    return min(
        (anchor for anchor in anchors if anchor is not None and anchor.utc_ms >= anchor.at_ms),
        key=lambda anchor: (anchor.uncertainty_ms, anchor.at_ms, anchor.utc_ms, anchor.source),
        default=None,
    )


def timeline(anchors: Iterable[Anchor | None]) -> Timeline | None:
    """The timeline of one kernel boot from every anchor seen in its uploads."""
    anchor = best(anchors)
    return None if anchor is None else Timeline(anchor)
