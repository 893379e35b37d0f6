"""Rows: the samples of one group on their way into a batch, as grids of regular rows.

A group is sampled at each multiple of its interval, or it *follows* a signal: then it is sampled when that signal
comes, at its own time, because what comes once a second would otherwise be dated up to a second late. Rows in step are
one grid, which has no times but that of its first row. The step may waver by `JITTER_MS`; a row that is further off, or
comes after a gap, begins a new grid.

In some states of the vehicle a group has a *stride*: only each so many intervals it is sampled. A grid has one stride.
"""

from __future__ import annotations

from agent.plan.plan import PlannedGroup
from agent.sampling.times import NEVER_MS, first_multiple
from contract.profile.cadence import VehicleState
from contract.upload import Grid

JITTER_MS = 100
"""A followed row's time in the grid is at most this far from the time at which it came."""
GRID_BITS = 2_048
"""What a grid takes besides its rows, at most; also keeps the number of grids of an upload within its limit."""

Row = tuple[int | None, ...]


class Rows:
    """One group in the batch that is being filled."""

    __slots__ = (
        "_grids",
        "_last_ms",
        "_number",
        "_row_bits",
        "_rows",
        "_start_ms",
        "_stride",
        "due_ms",
        "group",
        "sampled_ms",
        "step_ms",
    )

    def __init__(self, number: int, group: PlannedGroup, row_bits: int) -> None:
        """`row_bits` is what a row takes if nothing in it can be foretold."""
        self.group = group
        self.due_ms = NEVER_MS
        """When the next row is to be sampled; never for a group that follows a signal."""
        self.step_ms = group.interval_ms
        """From one row to the next."""
        self.sampled_ms = -NEVER_MS
        """When it was sampled last; of a group that follows a signal all that comes is sampled."""
        self._stride = 1
        self._number = number
        self._row_bits = row_bits
        self._start_ms = 0
        self._last_ms = -NEVER_MS
        self._rows: list[Row] = []
        self._grids: list[Grid] = []

    @property
    def follows(self) -> bool:
        return self.group.follows is not None

    @property
    def until_ms(self) -> int:
        """The time of the newest row; before all time if there is none in the batch."""
        return self._start_ms + (len(self._rows) - 1) * self.step_ms if self._rows else -NEVER_MS

    def wake(self, at_ms: int) -> None:
        """Sampling begins at `at_ms`."""
        self.due_ms = NEVER_MS if self.follows else first_multiple(self.step_ms, at_ms)
        self.sampled_ms = NEVER_MS if self.follows else -NEVER_MS
        self._last_ms = -NEVER_MS

    def pace(self, state: VehicleState, at_ms: int) -> None:
        """From `at_ms` on, before which every row was sampled, the vehicle is in a state."""
        stride = self.group.strides.get(state, 1)
        if stride == self._stride:
            return
        self._close(at_ms + 1)
        self._stride = stride
        self.step_ms = stride * self.group.interval_ms
        if not self.follows:
            self.due_ms = first_multiple(self.step_ms, at_ms)

    def sample(self, row: Row) -> int:
        """Takes the row that was due; how many bits more the batch takes at most."""
        at_ms = self.sampled_ms = self.due_ms
        self.due_ms += self.step_ms
        return self._add(at_ms, row)

    def restate(self, at_ms: int, row: Row) -> int:
        """Takes a row out of turn, at the beginning of a batch; how many bits more the batch takes at most."""
        bits = self._add(at_ms, row)
        self._close()
        return bits

    def wants(self, at_ms: int) -> bool:
        """Whether the followed signal, which came at `at_ms`, is to be sampled; it may come oftener."""
        return at_ms - self._last_ms >= self.step_ms - JITTER_MS

    def follow(self, at_ms: int, end_ms: int, row: Row) -> int:
        """Takes the row that came at `at_ms`, in a batch that ends at `end_ms`; how many bits more it takes at most."""
        due_ms = self.until_ms + self.step_ms
        if self._rows and (abs(at_ms - due_ms) > JITTER_MS or due_ms >= end_ms):
            self._close()
        self._last_ms = at_ms
        return self._add(at_ms, row)

    def take(self, end_ms: int) -> list[Grid]:
        """The grids so far, in a batch that ends at `end_ms`, without those in which there is nothing; the next one is
        empty."""
        self._close(end_ms)
        grids, self._grids = self._grids, []
        return grids

    def _add(self, at_ms: int, row: Row) -> int:
        bits = self._row_bits
        if not self._rows:
            self._start_ms = at_ms
            bits += GRID_BITS
        self._rows.append(row)
        return bits

    def _close(self, end_ms: int = NEVER_MS) -> None:
        """Ends the grid. A row that came early in its step may be dated at or after `end_ms`, which was not foreseen
        (an event, say): it takes the time at which it came, in a grid of its own."""
        if self.follows and self.until_ms >= end_ms:
            early = self._rows.pop()
            self._close()
            self._start_ms, self._rows = self._last_ms, [early]
        rows, self._rows = self._rows, []
        if any(raw is not None for row in rows for raw in row):
            self._grids.append(Grid(self._number, self._start_ms, tuple(zip(*rows, strict=True)), self._stride))
