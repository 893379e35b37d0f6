"""The batch that is being filled; where one ends the next one begins. Its grids are kept by `agent.sampling.rows`.

A batch that an event has ended bears the event's name, and as changes at their own times all that was said of the
recorded signals in the time before the event, also what was said before the batch began. So a batch may reach back into
the time of earlier ones; no sample is in two of them. Where that were too much for one, what was said before goes in
batches of its own. Until the time after the event is over, its name is on all batches, and one of them ends with it.

A batch is *full* before it could be too large for an upload, and ends at once then. Where very many frames bear one and
the same time, of each signal only the last change in a full batch's last millisecond is kept; the others are counted
(`Count.INVALID`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from agent.sampling.batch import Batch
from agent.sampling.times import NEVER_MS
from contract.upload import MAXIMUM_EVENTS, Anchor, Change, Count, Event, Grid, Ledger, Privacy, Reason

FULL_CHANGES = 8_192
FULL_GRIDS_BITS = 8 * 128 * 1024
"""A batch with this much is ended early: even if nothing in it can be foretold, it must fit into an upload."""


class _Open(msgspec.Struct, frozen=True):
    """An event whose time after is not over."""

    until_ms: int
    event: Event


class Filling:
    def __init__(self, start_ms: int) -> None:
        self.end_ms = start_ms
        """When it will end, unless something ends it sooner."""
        self._open: list[_Open] = []
        self.begin(start_ms)

    def begin(self, start_ms: int) -> None:
        """The next batch, which nobody has said an end of yet."""
        self.start_ms = start_ms
        self.over = False
        """It ends with the frame that was just taken."""
        self.full = False
        self.counts: Counter[Count] = Counter()
        self.changes: list[Change] = []
        self.before: list[Change] = []
        """What was said before the events of the batch."""
        self.grids_bits = 0
        """What its grids take at most."""
        self._overflowing: dict[int, int] = {}
        """Per signal the place of its change beyond what fills a batch."""
        self._open = [each for each in self._open if each.until_ms >= start_ms]
        self.events = list(dict.fromkeys(each.event for each in self._open))

    @property
    def aftermath_ms(self) -> int:
        """The last moment of the time after an event, of those that are not over the next one."""
        return min([each.until_ms for each in self._open], default=NEVER_MS)

    def end_by(self, end_ms: int) -> None:
        self.end_ms = min(self.end_ms, end_ms)

    def end_with(self, at_ms: int) -> None:
        """It ends with the frame of `at_ms` that was just taken."""
        self.end_ms = at_ms + 1
        self.over = True

    def say(self, change: Change) -> None:
        if len(self.changes) < FULL_CHANGES:
            self.changes.append(change)
            self.full = self.full or len(self.changes) == FULL_CHANGES
            return
        # The batch ends with this millisecond, which cannot be divided: each signal's last word in it must do.
        place = self._overflowing.setdefault(change.signal, len(self.changes))
        if place < len(self.changes):
            self.counts[Count.INVALID] += 1
            self.changes[place] = change
        else:
            self.changes.append(change)

    def grow(self, grids_bits: int) -> None:
        """A row more, which takes that much at most."""
        self.grids_bits += grids_bits
        self.full = self.full or self.grids_bits >= FULL_GRIDS_BITS

    def happens(self, event: Event, before: Iterable[Change], after_ms: int) -> None:
        """An event ends the batch; `before` is what was said before it, and `after_ms` how long its time after is."""
        if event not in self.events:
            self.events.append(event)
        self.before += before
        if after_ms:
            self._open.append(_Open(event.at_ms + after_ms, event))
        self.end_with(event.at_ms)

    def forget_events(self) -> None:
        """It is about nothing that happened before, and nor are those that come after it."""
        self._open.clear()
        self.events.clear()

    def ended(
        self,
        reason: Reason,
        end_ms: int,
        anchor: Anchor | None,
        grids: tuple[Grid, ...],
        said: Privacy | None = None,
    ) -> Iterator[Batch]:
        """It, and before it what was said before its events where it has no room for that."""
        events = tuple(self.events[-MAXIMUM_EVENTS:])
        before = sorted(self.before, key=_at_ms)
        start_ms, changes = self.start_ms, self.changes
        if before and len(before) + len(changes) <= FULL_CHANGES:
            start_ms = min(start_ms, before[0].at_ms)
            changes = sorted([*before, *changes], key=_at_ms)
        else:
            yield from _alone(before, anchor, events)
        yield Batch(
            reason=Reason.EVENT if events and reason is Reason.CADENCE else reason,
            start_ms=start_ms,
            end_ms=end_ms,
            anchor=anchor,
            ledger=Ledger({what: count for what in Count if (count := self.counts[what])}),
            grids=grids,
            changes=tuple(changes),
            events=events,
            said=said,
        )


def _alone(before: Sequence[Change], anchor: Anchor | None, events: tuple[Event, ...]) -> Iterator[Batch]:
    """What was said before an event, in batches of its own."""
    for begin in range(0, len(before), FULL_CHANGES):
        part = tuple(before[begin : begin + FULL_CHANGES])
        yield Batch(Reason.EVENT, part[0].at_ms, part[-1].at_ms + 1, anchor, Ledger(), (), part, events)


def _at_ms(change: Change) -> int:
    return change.at_ms
