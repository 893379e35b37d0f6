"""When it was: the boot's monotonic clock on the UTC axis.

A vehicle stamps with its kernel's monotonic clock and sends, when it knows any, an anchor: one moment on both clocks
with its uncertainty. All uploads of one kernel boot share the clock, so the anchors of all of them date all of them,
also those sent before any was known. Without an anchor nothing is dated: there is no timeline.

The timeline is a function of the set of anchors, never of the order or the number of times they came in:

* An anchor by which the boot began before 1970 cannot be true. Of the others those are believed that agree
  (`contract.anchor`).
* Of these the surest come first, and each is a *knot* of the timeline unless a knot says as much of its moment, aged by
  the distance, or it would bend the clock by more than `BEND_PPM`, which is then the uncertainty of the two and not the
  quartz.
* Between two knots the clock runs evenly, so that what it drifted in between is taken out; before the first and after
  the last it runs as a clock should. Dates never descend.

A new anchor therefore changes dates between its neighbours only, as a rule after the last one. What is remembered of
the anchors of a boot is bounded (`thinned`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby

from contract.anchor import Anchor, AnchorSource, agreeing

BEND_PPM = 200
PARTS = 64
NARROWEST_MS = 600_000
"""The shortest part of a boot of whose anchors one is remembered."""

Line = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The clock of one kernel boot, dated by its knots (at least one, in ascending time)."""

    knots: tuple[Anchor, ...]
    _at_ms: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_at_ms", tuple([knot.at_ms for knot in self.knots]))

    def utc_ms(self, at_ms: int) -> int:
        """Unix milliseconds of `at_ms` on the boot's clock."""
        place = bisect_right(self._at_ms, at_ms)
        before = self.knots[max(place - 1, 0)]
        since_ms = at_ms - before.at_ms
        if 0 < place < len(self.knots):
            after = self.knots[place]
            return before.utc_ms + since_ms * (after.utc_ms - before.utc_ms) // (after.at_ms - before.at_ms)
        return before.utc_ms + since_ms

    def line(self, at_ms: int) -> Line:
        """The piece that `at_ms` is on: equal pieces of two timelines give equal dates."""
        place = bisect_right(self._at_ms, at_ms)
        before = self.knots[max(place - 1, 0)]
        if 0 < place < len(self.knots):
            after = self.knots[place]
            if after.utc_ms - before.utc_ms != after.at_ms - before.at_ms:
                return before.at_ms, before.utc_ms, after.at_ms, after.utc_ms
        return (before.utc_ms - before.at_ms,)


def believed(anchors: Iterable[Anchor]) -> list[Anchor]:
    """Those of one boot that agree, the most trusted first."""
    return agreeing(filter(_is_possible, anchors))


def timeline(anchors: Iterable[Anchor]) -> Timeline | None:
    """The timeline of one kernel boot from the anchors of its uploads; None when none can be true."""
    knots: list[Anchor] = []
    for anchor in sorted(believed(anchors), key=_surest):
        if not any(knot.aged_ms(anchor.at_ms) <= anchor.uncertainty_ms or _bends(knot, anchor) for knot in knots):
            knots.append(anchor)
    return Timeline(tuple(sorted(knots, key=lambda knot: knot.at_ms))) if knots else None


def thinned(anchors: Iterable[Anchor]) -> tuple[Anchor, ...]:
    """What is remembered of the anchors of one boot: the surest of each source in each of `PARTS` equal parts of the
    time up to the last one, which grow by doubling. Thinning again, with more, is thinning all at once."""
    kept = sorted(filter(_is_possible, set(anchors)), key=_surest)
    last_ms = max((anchor.at_ms for anchor in kept), default=0)
    part_ms = NARROWEST_MS
    while last_ms >= PARTS * part_ms:
        part_ms *= 2
    surest: dict[tuple[int, AnchorSource], Anchor] = {}
    for anchor in kept:
        surest.setdefault((anchor.at_ms // part_ms, anchor.source), anchor)
    return tuple(sorted(surest.values(), key=_in_time))


def changed(before: Timeline, after: Timeline) -> Iterator[tuple[int, int | None]]:
    """Ranges [from, to) of the boot's clock that the two date differently; None: without end."""
    edges = sorted({0, *(knot.at_ms for knot in chain(before.knots, after.knots))})
    pieces = [
        (edge, end, before.line(edge) != after.line(edge)) for edge, end in zip(edges, [*edges[1:], None], strict=True)
    ]
    for differs, together in groupby(pieces, key=lambda piece: piece[2]):
        if differs:
            ranges = list(together)
            yield ranges[0][0], ranges[-1][1]


def _is_possible(anchor: Anchor) -> bool:
    return anchor.utc_ms >= anchor.at_ms


def _surest(anchor: Anchor) -> tuple[int, int, int, str]:
    return anchor.uncertainty_ms, anchor.at_ms, anchor.utc_ms, anchor.source


def _in_time(anchor: Anchor) -> tuple[int, int, int, str]:
    return anchor.at_ms, anchor.utc_ms, anchor.uncertainty_ms, anchor.source


def _bends(one: Anchor, other: Anchor) -> bool:
    between_ms = one.at_ms - other.at_ms
    return abs(one.utc_ms - other.utc_ms - between_ms) * 1_000_000 > abs(between_ms) * BEND_PPM
