"""The ledger of an upload: what came in, and what is missing.

    counts  = {index in `Count`: count}            without those that are 0
    evicted = [[first, last, reason, ? boot], …]   the boot, 16 bytes, where it is another one than the upload's

Version 2 (`contract.upload`) added the counts from `error_frames` on, and the boot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from contract import wire
from contract.wire import Item, Refusal, WireError

BOOT_BYTES = 16
MAXIMUM_SEQUENCE = 2**53 - 1
MAXIMUM_COUNT = 2**53 - 1
MAXIMUM_EVICTED = 1024
MAXIMUM_EVICTED_REASON_BYTES = 64


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
    ERROR_FRAMES = "error_frames"
    """Error frames that the controller reported."""
    BUS_OFF = "bus_off"
    """How often the controller left the bus."""
    THINNED = "thinned"
    """Samples of older uploads that were left out to make room."""
    COLLISION = "collision"
    """Frames whose id two databases claim, or of another format than their database has for the id."""
    ASKED = "asked"
    """Diagnostic questions sent."""
    UNANSWERED = "unanswered"
    """Diagnostic questions without an answer in time, or with one that says no."""


class Evicted(msgspec.Struct, frozen=True):
    """Uploads that were deleted before they could be sent."""

    first: int
    last: int
    reason: str
    boot: bytes | None = None
    """Of which boot the numbers are, 16 bytes; None: of the upload's own."""


class Ledger(msgspec.Struct, frozen=True):
    """What came in and what is missing since the previous upload of this boot."""

    counts: dict[Count, int] = msgspec.field(default_factory=dict)
    evicted: tuple[Evicted, ...] = ()


_COUNTS = (
    Count.FRAMES,
    Count.OVERRUN,
    Count.UNKNOWN,
    Count.WRONG_LENGTH,
    Count.CHECKSUM,
    Count.INVALID,
    Count.UNREADABLE,
    Count.ERROR_FRAMES,
    Count.BUS_OFF,
    Count.THINNED,
    Count.COLLISION,
    Count.ASKED,
    Count.UNANSWERED,
)
_KNOWN = {1: 7, 2: len(_COUNTS)}
"""How many counts each version has."""


def counts_item(counts: Mapping[Count, int]) -> Item:
    """The counts as they are written: those that are not 0."""
    return {_COUNTS.index(name): count for name, count in counts.items() if count}


def counts_of(item: Item, version: int) -> dict[Count, int]:
    """The counts that were written as `item`. Raises `WireError`."""
    if type(item) is not dict or not item:
        raise WireError(Refusal.WRONG_TYPE, "counts: expected a map with an entry")
    last = _KNOWN[version] - 1
    return {
        _COUNTS[wire.integer(index, 0, last, "counts, key")]: wire.integer(count, 1, MAXIMUM_COUNT, "count")
        for index, count in item.items()
    }


def evicted_item(evicted: Sequence[Evicted]) -> Item:
    """The rows of `evicted` as they are written."""
    return [[one.first, one.last, one.reason, *([] if one.boot is None else [one.boot])] for one in evicted]


def evicted_of(item: Item, version: int) -> tuple[Evicted, ...]:
    """What was written as `item`. Raises `WireError`."""
    evicted = []
    for each in wire.array(item, 1, MAXIMUM_EVICTED, "evicted"):
        first, last, reason, *boot = wire.row(each, 3, "evicted", optional=int(version > 1))
        start = wire.integer(first, 0, MAXIMUM_SEQUENCE, "evicted, first")
        evicted.append(
            Evicted(
                start,
                wire.integer(last, start, MAXIMUM_SEQUENCE, "evicted, last"),
                wire.text(reason, MAXIMUM_EVICTED_REASON_BYTES, "evicted, reason"),
                wire.octets(boot[0], "evicted, boot", BOOT_BYTES) if boot else None,
            )
        )
    return tuple(evicted)
