"""Uploads: what a vehicle says at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why an upload was made."""

    CADENCE = "cadence"
    EVENT = "event"
    SLEEP = "sleep"
    """The buses went silent: the vehicle sleeps, and nothing more is to come until it wakes."""


class AnchorSource(StrEnum):
    """Where an anchor's UTC time was read."""

    GNSS = "gnss"
    SYSTEM = "system"
    """The box's clock, believed only when it is known to be synchronised."""
    RECORDING = "recording"
    """The times written in a replayed recording."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One moment on both clocks: `utc_ms` (Unix epoch) was `at_ms` of the boot's monotonic clock."""

    at_ms: int
    utc_ms: int
    uncertainty_ms: int
    source: AnchorSource


class Count(StrEnum):
    """What the ledger counts."""

    FRAMES = "frames"
    """Frames received."""
    OVERRUN = "overrun"
    """Frames that the kernel or the adapter dropped before we read them."""
    UNKNOWN = "unknown"
    """Frames whose id no database in the plan has."""
    WRONG_LENGTH = "wrong_length"
    """Frames too short for a wanted signal."""
    CHECKSUM = "checksum"
    """Frames that failed their checksum or counter."""
    INVALID = "invalid"
    """Samples left out: not available, out of range, or read while the bus was waking up."""
    UNREADABLE = "unreadable"
    """Lines or objects of a recording, or sentences of a receiver, that could not be read."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """Uploads of this boot that were deleted before they could be sent."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What came in and what is missing since the previous upload of this boot."""

    counts: dict[Count, int] = field(default_factory=dict)
    evicted: tuple[Evicted, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """Samples of one group at `start_ms + i * interval_ms` for i in range(len(columns[0])), the interval from the manifest.

    `columns` holds one tuple per signal of the group, in its order; all have the same length; None where the
    value was not available.
    """

    group: int
    start_ms: int
    columns: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A new raw value of an on-change signal; None when it stopped being available."""

    at_ms: int
    signal: int
    raw: int | None


@dataclass(frozen=True, slots=True)
class Upload:
    """Everything a vehicle collected between two uploads. Times are milliseconds on the boot's monotonic clock."""

    boot: bytes
    """16 bytes: the first 8 name the kernel's boot (the clock that the times are on), the last 8 the agent's start (the
    numbering that `sequence` is of). Both are random, so no number is ever given twice."""
    sequence: int
    """From 0 in each boot, without gaps as sent."""
    vin: str
    manifest: bytes
    """Id of the manifest, 8 bytes."""
    reason: Reason
    start_ms: int
    """The upload covers [start_ms, end_ms)."""
    end_ms: int
    anchor: Anchor | None
    """The best anchor of this boot known when the upload was made."""
    ledger: Ledger
    grids: tuple[Grid, ...]
    changes: tuple[Change, ...]
    """In ascending time."""
