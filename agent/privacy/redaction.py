"""What is left out of a batch, and of an upload that is pending, before it may be kept: a function of both.

Whatever makes a batch (the grid, a change, the window of an event, the last words before a sleep), it comes by here on
its way to the journal (`agent.privacy.enforcing`).

What goes is every value of a signal that tells where the vehicle is, and the name of an event that such signals make.
What is pending may have been collected under another profile: what the plan of now does not know is not known to be
harmless either, and goes as well.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import accumulate
from typing import TypeVar

from msgspec.structs import replace

from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from contract.manifest import Manifest
from contract.profile.events import CRASH
from contract.upload import Grid, Reason, Upload

Samples = TypeVar("Samples", Batch, Upload)


def redaction_of(plan: Plan) -> Redaction:
    """By what the profile says of its signals."""
    privacy = plan.privacy
    signals = {signal.name for group in plan.manifest.groups for signal in group.signals}
    events = {CRASH, *(event.name for event in plan.events)}
    return Redaction(signals - privacy.positional, events - privacy.events)


class Redaction:
    """`signals` and `events` are the names of those that tell nothing of the position: others are left out."""

    def __init__(self, signals: Collection[str], events: Collection[str]) -> None:
        self._signals = frozenset(signals)
        self._events = frozenset(events)

    def without_positions(self, samples: Samples, manifest: Manifest) -> Samples:
        """`samples` without what tells the position; `manifest` says what their signals are."""
        shown = [[signal.name in self._signals for signal in group.signals] for group in manifest.groups]
        begins = list(accumulate((len(each) for each in shown), initial=0))
        hidden = {
            begin + place
            for begin, each in zip(begins, shown, strict=False)
            for place, is_shown in enumerate(each)
            if not is_shown
        }
        events = tuple(event for event in samples.events if event[1] in self._events)
        nameless = samples.events and not events
        return replace(
            samples,
            reason=Reason.CADENCE if nameless and samples.reason is Reason.EVENT else samples.reason,
            grids=tuple(cut for grid in samples.grids if (cut := _shown(grid, shown[grid.group])) is not None),
            changes=tuple(change for change in samples.changes if change.signal not in hidden),
            events=events,
        )


def _shown(grid: Grid, shown: list[bool]) -> Grid | None:
    """None where nothing is left."""
    if all(shown):
        return grid
    columns = tuple(
        column if is_shown else (None,) * len(column) for column, is_shown in zip(grid.columns, shown, strict=True)
    )
    some = any(raw is not None for column in columns for raw in column)
    return replace(grid, columns=columns) if some else None
