"""What an upload carries: samples on the grid of their group, and changes at their own time.

Both are blocks of columns (`contract.columns`) with their sizes beside them:

    grid    = [group, offset_ms, rows, block, ? stride]    one column for each signal of the group
    changes = [rows, block]                                three columns

The offset of a grid is from the upload's start. A grid that was thinned has a stride, which is how many intervals of
the group its rows are apart; without one (always in version 1) they are one interval apart. The columns of changes are
the time since the change before (the first: since the upload's start), the signal's number, and how far its raw value
is above the last one of this signal in this upload (above 0 for the first), which makes the repeated values of
on-change signals zeros; the third column is missing where the signal stopped being available. Sizes are checked before
a block is read, every time is within the upload's.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from contract import wire
from contract.columns import Column, pack, unpack
from contract.manifest import Manifest
from contract.wire import INTEGER_MAXIMUM, INTEGER_MINIMUM, Item, Refusal, WireError

MAXIMUM_GRIDS = 1024
MAXIMUM_ROWS = 65_536
"""Of one grid, and of the changes."""
MAXIMUM_SAMPLES = 1_000_000
"""Values of all grids of one upload, missing ones too."""
MAXIMUM_AT_MS = 2**42 - 1
"""139 years on the monotonic clock: sums with any time of day stay within the calendar."""
_CHANGES_COLUMNS = 3


class Grid(msgspec.Struct, frozen=True):
    """Samples of one group: row i is of `start_ms + i * interval_ms * stride`, the interval as in the manifest.

    `columns` holds one tuple per signal of the group, in its order; all have the same length; None where the
    value was not available.
    """

    group: int
    start_ms: int
    columns: tuple[tuple[int | None, ...], ...]
    stride: int = 1
    """From 1 to `MAXIMUM_ROWS`; above 1 where rows were left out afterwards, to make room."""


class Change(msgspec.Struct, frozen=True):
    """A new raw value of a signal, or its last one before a sleep; None when it stopped being available."""

    at_ms: int
    signal: int
    raw: int | None


def grids_item(grids: Sequence[Grid], start_ms: int, end_ms: int, manifest: Manifest) -> Item:
    """The grids of an upload of [start_ms, end_ms) as they are written. Raises `WireError` where a rule is broken."""
    item: list[Item] = []
    for grid in grids:
        rows = len(grid.columns[0]) if grid.columns else 0
        block = pack(grid.columns, INTEGER_MINIMUM, INTEGER_MAXIMUM)
        stride: list[Item] = [] if grid.stride == 1 else [grid.stride]
        item.append([grid.group, grid.start_ms - start_ms, rows, block, *stride])
    for grid, place in zip(grids, _places(item, start_ms, end_ms, manifest, thinned=True), strict=True):
        if len(grid.columns) != place.columns:
            text = f"grid: {len(grid.columns)} columns, group {grid.group} has {place.columns} signals"
            raise WireError(Refusal.WRONG_TYPE, text)
    return item


def grids_of(item: Item, start_ms: int, end_ms: int, manifest: Manifest, version: int) -> tuple[Grid, ...]:
    """The grids that were written as `item` in an upload of [start_ms, end_ms). Raises `WireError`."""
    return tuple(
        [
            Grid(
                place.group,
                place.start_ms,
                tuple(map(tuple, unpack(place.block, place.columns, place.rows, INTEGER_MINIMUM, INTEGER_MAXIMUM))),
                place.stride,
            )
            for place in _places(item, start_ms, end_ms, manifest, thinned=version > 1)
        ]
    )


class _Place(msgspec.Struct, frozen=True):
    """A grid before its block is read."""

    group: int
    start_ms: int
    columns: int
    rows: int
    block: bytes
    stride: int


def _places(item: Item, start_ms: int, end_ms: int, manifest: Manifest, thinned: bool) -> list[_Place]:
    """The grids by their sizes, checked against the manifest, the upload's time and the limits; they have a stride only
    where they may be `thinned`."""
    places = []
    samples = 0
    for each in wire.array(item, 1, MAXIMUM_GRIDS, "grids"):
        group_item, offset_ms, rows_item, block, *stride_item = wire.row(each, 4, "grid", optional=int(thinned))
        index = wire.integer(group_item, 0, len(manifest.groups) - 1, "grid, group")
        group = manifest.groups[index]
        rows = wire.integer(rows_item, 1, MAXIMUM_ROWS, "grid, rows")
        first_ms = start_ms + wire.integer(offset_ms, 0, MAXIMUM_AT_MS, "grid, offset")
        stride = wire.integer(stride_item[0], 2, MAXIMUM_ROWS, "grid, stride") if stride_item else 1
        if first_ms + (rows - 1) * group.interval_ms * stride >= end_ms:
            raise WireError(Refusal.OUT_OF_RANGE, f"grid of group {index}: its last row is not before the upload's end")
        samples += rows * len(group.signals)
        if samples > MAXIMUM_SAMPLES:
            raise WireError(Refusal.OVERSIZED, f"more than {MAXIMUM_SAMPLES} samples")
        places.append(_Place(index, first_ms, len(group.signals), rows, wire.octets(block, "grid, block"), stride))
    return places


def changes_item(changes: Sequence[Change], start_ms: int, end_ms: int, manifest: Manifest) -> Item:
    """The changes in an upload of [start_ms, end_ms) as they are written. Raises `WireError` where a rule is broken."""
    if len(changes) > MAXIMUM_ROWS:
        raise WireError(Refusal.OVERSIZED, f"{len(changes)} changes, at most {MAXIMUM_ROWS} are allowed")
    last: dict[int, int] = {}
    since: list[int] = []
    raws: list[int | None] = []
    before_ms = start_ms
    for change in changes:
        since.append(change.at_ms - before_ms)
        before_ms = change.at_ms
        if change.raw is None:
            raws.append(None)
        else:
            raws.append(change.raw - last.get(change.signal, 0))
            last[change.signal] = change.raw
    _check_changes(changes, since, end_ms, manifest)
    return [len(changes), pack([since, [change.signal for change in changes], raws])]


def changes_of(item: Item, start_ms: int, end_ms: int, manifest: Manifest) -> tuple[Change, ...]:
    """The changes that were written as `item` in an upload of [start_ms, end_ms). Raises `WireError`."""
    rows_item, block = wire.row(item, 2, "changes")
    rows = wire.integer(rows_item, 1, MAXIMUM_ROWS, "changes, rows")
    columns = unpack(wire.octets(block, "changes, block"), _CHANGES_COLUMNS, rows)
    since, signals = _complete(columns[0]), _complete(columns[1])
    last: dict[int, int] = {}
    at_ms = start_ms
    changes = []
    for since_ms, signal, above in zip(since, signals, columns[2], strict=True):
        at_ms += since_ms
        raw = None
        if above is not None:
            raw = last[signal] = above + last.get(signal, 0)
        changes.append(Change(at_ms, signal, raw))
    _check_changes(changes, since, end_ms, manifest)
    return tuple(changes)


def _complete(column: Column) -> list[int]:
    values = [value for value in column if value is not None]
    if len(values) != len(column):
        raise WireError(Refusal.WRONG_TYPE, "changes: a time or a signal is missing")
    return values


def _check_changes(changes: Sequence[Change], since: list[int], end_ms: int, manifest: Manifest) -> None:
    if min(since) < 0 or changes[-1].at_ms >= end_ms:
        raise WireError(Refusal.OUT_OF_RANGE, "changes: times that descend or are outside the upload's")
    signals = [change.signal for change in changes]
    known = sum([len(group.signals) for group in manifest.groups])
    if min(signals) < 0 or max(signals) >= known:
        raise WireError(Refusal.OUT_OF_RANGE, f"changes: signals {min(signals)} to {max(signals)}, of {known}")
    raws = [change.raw for change in changes if change.raw is not None]
    if raws and (min(raws) < INTEGER_MINIMUM or max(raws) > INTEGER_MAXIMUM):
        raise WireError(Refusal.OUT_OF_RANGE, "changes: a raw value of more than 64 bits")
