"""Which signal a column or a change is of, and at which instants a column has values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contract.conversion import AbsentError
from contract.manifest import Manifest, Sampling
from contract.upload import Grid


class Columns:
    """A manifest's signals by number, counted through all groups."""

    def __init__(self, manifest: Manifest) -> None:
        self.signals = [signal for group in manifest.groups for signal in group.signals]
        self.is_on_change = [group.sampling is Sampling.ON_CHANGE for group in manifest.groups for _ in group.signals]
        self._numbers = {signal.name: number for number, signal in enumerate(self.signals)}
        self._grids: list[tuple[int, range]] = []
        for group in manifest.groups:
            first = self._grids[-1][1].stop if self._grids else 0
            self._grids.append((group.interval_ms, range(first, first + len(group.signals))))

    def number(self, name: str) -> int:
        """Raises AbsentError when the manifest lacks the signal."""
        if name not in self._numbers:
            raise AbsentError(f"the vehicle does not collect {name}")
        return self._numbers[name]

    def of(self, grid: Grid) -> tuple[int, range]:
        """How many milliseconds its rows are apart, and the numbers of the signals that its columns are of."""
        interval_ms, numbers = self._grids[grid.group]
        return interval_ms * grid.stride, numbers


def instants(column: Sequence[int | None], start_ms: int, interval_ms: int) -> Iterator[tuple[int, int]]:
    """Time and raw value of each value that a column has."""
    at_ms = start_ms
    for raw in column:
        if raw is not None:
            yield at_ms, raw
        at_ms += interval_ms
