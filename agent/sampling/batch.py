"""Batches: what the sampler gives, and the one that is being filled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from contract.upload import MAXIMUM_EVENTS, Anchor, Change, Count, Event, Grid, Ledger, Privacy, Reason

FULL_CHANGES = 8_192
FULL_GRIDS_BITS = 8 * 128 * 1024
"""A batch with this much is ended early: even if nothing in it can be foretold, it must fit into an upload."""


class Batch(msgspec.Struct, frozen=True):
    """An upload without what the sampler cannot know: boot, sequence, vehicle and manifest id."""

    reason: Reason
    start_ms: int
    end_ms: int
    anchor: Anchor | None
    ledger: Ledger
    grids: tuple[Grid, ...]
    changes: tuple[Change, ...]
    events: tuple[Event, ...] = ()
    """The events that it is about."""
    said: Privacy | None = None
    """What the vehicle says of the privacy from the end of this batch on; None: nothing new."""
    privacy: Privacy = Privacy.NONE
    """What it was held to (`agent.privacy.enforcing`); the sampler holds nothing back."""


class Filling:
    """The batch that is being filled; grids are kept elsewhere (`agent.sampling.rows`)."""

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.counts: Counter[Count] = Counter()
        self.changes: list[Change] = []
        self.before: list[Change] = []
        """What was said before the events of the batch."""
        self.events: list[Event] = []
        self.grids_bits = 0
        """What its grids take at most."""
        self._overflowing: dict[int, int] = {}
        """Per signal the place of its change beyond what fills a batch."""

    @property
    def full(self) -> bool:
        return len(self.changes) >= FULL_CHANGES or self.grids_bits >= FULL_GRIDS_BITS

    def say(self, change: Change) -> None:
        if len(self.changes) < FULL_CHANGES:
            self.changes.append(change)
            return
        # The batch ends with this millisecond, which cannot be divided: each signal's last word in it must do.
        place = self._overflowing.setdefault(change.signal, len(self.changes))
        if place < len(self.changes):
            self.counts[Count.INVALID] += 1
            self.changes[place] = change
        else:
            self.changes.append(change)

    def happens(self, event: Event) -> None:
        if event not in self.events:
            self.events.append(event)

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
