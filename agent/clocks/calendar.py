"""What ties this boot to the calendar: the surest of all that was offered, from every source.

Every source of time (`agent.clocks.anchors`) offers what it finds, as often as it likes. Kept is the newest good anchor
of each source. Of those the calendar believes the ones that agree (`contract.anchor`); one that contradicts surer ones
is refused, counted and said. A source that stays with its other opinion for `CONVINCED` offers is heard again: a
receiver's first time may be off by the leap seconds that it has not learned yet.

Uploads carry one anchor. It is replaced only by one that is better by `GAIN_MS` than what the old one is by then, or
when it turns out to be wrong: each new one makes the bridge date anew what came since the one before. All of it is
measured against the boot's clock; that somebody sets the system's clock changes nothing that is dated already.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict

from contract.anchor import Anchor, AnchorSource, agreeing

GAIN_MS = 100
"""A quartz that is off by 50 ppm needs half an hour for it."""
CONVINCED = 3
EARLIEST_UTC_MS = 1_514_764_800_000
"""2018-01-01: before there was any canlift."""
LATEST_UTC_MS = 4_102_444_800_000
"""2100-01-01."""
_YEAR_10000_MS = 253_402_300_800_000

log = logging.getLogger(__name__)


class Calendar:
    """Of one boot. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[AnchorSource, Anchor] = {}
        self._doubted: defaultdict[AnchorSource, list[Anchor]] = defaultdict(list)
        """Offers in a row that contradict what is kept of the same source, and agree with each other."""
        self._current: Anchor | None = None
        self._refused: Counter[AnchorSource] = Counter()

    @property
    def anchor(self) -> Anchor | None:
        """What uploads carry now; None while nothing is known."""
        return self._current

    @property
    def refused(self) -> dict[AnchorSource, int]:
        """How many offers were not believed, by source."""
        with self._lock:
            return dict(self._refused)

    def utc_ms(self, at_ms: int) -> tuple[int, int] | None:
        """Unix milliseconds of `at_ms` on the boot's clock, and how far that may be off; None: nothing is known."""
        with self._lock:
            anchor = self._surest(at_ms)
        return None if anchor is None else (anchor.utc_ms + at_ms - anchor.at_ms, anchor.aged_ms(at_ms))

    def offer(self, found: Anchor | None) -> None:
        """What a source says now; None where it knows nothing."""
        if found is None:
            return
        with self._lock:
            kept = self._put(found)
            if kept is None or kept not in agreeing(self._kept.values()):
                self._refuse(found)
            best = self._surest(found.at_ms)
            current = self._current
            if best is None or best == current:
                return
            if current is None or current.contradicts(best):
                log.info("the time is known by %s, to %d ms", best.source.value, best.uncertainty_ms)
                self._current = best
            elif best.aged_ms(found.at_ms) + GAIN_MS <= current.aged_ms(found.at_ms):
                self._current = best

    def _put(self, found: Anchor) -> Anchor | None:
        """What is kept of its source then; None where `found` contradicts that, or cannot be true."""
        source = found.source
        if source is not AnchorSource.RECORDING and not EARLIEST_UTC_MS <= found.utc_ms < LATEST_UTC_MS:
            return None
        kept = self._kept.get(source)
        if kept is not None and kept.contradicts(found):
            same = [doubted for doubted in self._doubted[source] if not doubted.contradicts(found)]
            self._doubted[source] = [*same, found]
            if len(same) + 1 < CONVINCED:
                return None
            kept = None
        self._doubted.pop(source, None)
        if kept is None or found.uncertainty_ms <= kept.aged_ms(found.at_ms):
            self._kept[source] = kept = found
        return kept

    def _surest(self, at_ms: int) -> Anchor | None:
        believed = agreeing(self._kept.values())
        return min(believed, key=lambda anchor: anchor.aged_ms(at_ms), default=None)

    def _refuse(self, found: Anchor) -> None:
        self._refused[found.source] += 1
        # Said once for each power of two: a clock that is wrong says so with each upload.
        count = self._refused[found.source]
        if count & (count - 1) == 0:
            text = "a time of %s is not believed, %d by now: it says %s, %s"
            surest = self._surest(found.at_ms)
            known = "which cannot be"
            if surest is not None:
                known = f"the surest known says {_utc(surest.utc_ms + found.at_ms - surest.at_ms)}"
            log.warning(text, found.source.value, count, _utc(found.utc_ms), known)


def _utc(at_ms: int) -> str:
    if not 0 <= at_ms < _YEAR_10000_MS:
        return f"{at_ms} ms since 1970"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at_ms // 1000))}.{at_ms % 1000:03d}Z"
