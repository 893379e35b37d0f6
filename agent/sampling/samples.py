"""Samples: the newest values, taken into the batch that is being filled, each when it is due.

* Signals of a regular group are sampled at each multiple of its interval, or with the signal that the group follows
  (`agent.sampling.rows`).
* Of on-change signals each change is said, with the time of its frame. Once per interval they are restated in a row,
  and where a batch begins between two of these: every batch can be read by itself.

A value that does not count (`agent.plan.plan`) is None in a row, ends an on-change signal with a change to None, and is
counted (`Count.INVALID`) unless it is merely missing or stale.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from agent.plan.plan import Plan, PlannedGroup
from agent.sampling.filling import Filling
from agent.sampling.newest import Newest
from agent.sampling.newest_message import NewestMessage
from agent.sampling.rows import Row, Rows
from agent.sampling.times import NEVER_MS
from contract.profile.cadence import VehicleState
from contract.upload import Change, Count, Grid

_LEAST_ROW_BITS = 32
"""So that a batch is also full before a grid has more rows than an upload may hold."""


class Samples:
    def __init__(self, plan: Plan, newest: Newest, batch: Filling) -> None:
        self._newest = newest
        self._batch = batch
        self._rows = [Rows(number, group, _largest_row_bits(plan, group)) for number, group in enumerate(plan.groups)]
        self._said: list[int | None] = [None] * len(plan.signals)
        """Per on-change signal, what was last said of it in a change."""

    @property
    def due_ms(self) -> int:
        """When the next row is to be sampled."""
        return min([rows.due_ms for rows in self._rows], default=NEVER_MS)

    def told_ms(self, at_ms: int) -> int:
        """The latest time of anything in the batch, at least `at_ms`: a row that came early in its step is dated after
        its frame, and what ceased to count while an event had yet to last came without one."""
        changes = self._batch.changes[-1:]
        return max(at_ms, *(rows.until_ms for rows in self._rows), *(change.at_ms for change in changes))

    def wake(self, at_ms: int) -> None:
        """Sampling begins at `at_ms`, with nothing known from before."""
        self._said = [None] * len(self._said)
        for rows in self._rows:
            rows.wake(at_ms)

    def pace(self, state: VehicleState, at_ms: int) -> None:
        """From `at_ms` on, before which every row was sampled, the vehicle is in a state."""
        for rows in self._rows:
            rows.pace(state, at_ms)

    def sample(self, at_ms: int) -> None:
        """Takes the rows that are due at `at_ms`."""
        for rows in self._rows:
            if rows.due_ms == at_ms:
                self._batch.grow(rows.sample(self._row(rows, at_ms)))

    def follow(self, message: NewestMessage, at_ms: int) -> None:
        """Samples the groups that follow a signal of this message, if it has just come."""
        for number, slot in message.leads:
            rows = self._rows[number]
            if message.came(slot, at_ms) and rows.wants(at_ms):
                self._batch.grow(rows.follow(at_ms, self._batch.end_ms, self._row(rows, at_ms)))

    def restate(self) -> None:
        """A batch begins: with the values of on-change signals, if that is not their turn."""
        start_ms = self._batch.start_ms
        for rows in self._rows:
            if rows.group.on_change and rows.due_ms > start_ms:
                self._batch.grow(rows.restate(start_ms, self._row(rows, start_ms)))

    def look_at(self, numbers: Iterable[int], at_ms: int) -> None:
        """Says of on-change signals what has changed."""
        refused = self._newest.refused
        self._say(numbers, at_ms)
        self._batch.counts[Count.INVALID] += self._newest.refused - refused

    def tick(self, at_ms: int) -> None:
        """Says what has ceased to count: that takes no frame, and so there is none to be counted."""
        refused = self._newest.refused
        self._say(self._newest.tick(at_ms), at_ms)
        self._newest.refused = refused

    def last_words(self) -> None:
        """Says of each signal what came after its last sample: the vehicle goes to sleep, or all of it ends."""
        changes = self._batch.changes
        said = {(change.at_ms, change.signal) for change in changes}
        changes += [change for rows in self._rows for change in self._last_of(rows, said)]
        changes.sort(key=lambda change: change.at_ms)

    def grids(self, end_ms: int) -> tuple[Grid, ...]:
        """The rows of the batch, which ends at `end_ms`; the next one has none."""
        return tuple(grid for rows in self._rows for grid in rows.take(end_ms))

    def _row(self, rows: Rows, at_ms: int) -> Row:
        newest = self._newest
        refused = newest.refused
        row = tuple(newest.raw(number, at_ms) for number in rows.group.signals)
        self._batch.counts[Count.INVALID] += newest.refused - refused
        return row

    def _say(self, numbers: Iterable[int], at_ms: int) -> None:
        for number in numbers:
            raw = self._newest.raw(number, at_ms)
            if raw != self._said[number]:
                self._said[number] = raw
                self._batch.say(Change(at_ms, number, raw))

    def _last_of(self, rows: Rows, said: Container[tuple[int, int]]) -> Iterable[Change]:
        for number in rows.group.signals:
            heard_ms = self._newest.heard_ms(number)
            if heard_ms > rows.sampled_ms and (heard_ms, number) not in said:
                raw = self._newest.raw(number, heard_ms)
                if raw is not None:
                    yield Change(max(heard_ms, self._batch.start_ms), number, raw)


def _largest_row_bits(plan: Plan, group: PlannedGroup) -> int:
    return max(sum(plan.signals[number].largest_sample_bits for number in group.signals), _LEAST_ROW_BITS)
