"""Uploads: what a vehicle says at once.

An upload is one map of canonical CBOR (`contract.wire`; the schema is `upload.cddl` beside this file):

    1  version              1
    2  boot                 16 bytes
    3  sequence             number of the upload in its boot
    4  vin                  text; must be the one of the topic
    5  manifest             8 bytes: what the columns mean (`contract.manifest`)
    6  reason               index in `Reason`
    7  start_ms             on the boot's monotonic clock
    8  duration_ms          the upload covers [start, start + duration)
    9  anchor               ? [at_ms, utc_ms, uncertainty_ms, index in `AnchorSource`]
    10 counts               ? {index in `Count`: count}; without those that are 0
    11 evicted              ? [[first, last, reason], …]
    12 grids                ? [grid, …]     `contract.samples`
    13 changes              ? changes       `contract.samples`

New members of the enums are added at their ends. An upload is complete in itself: with its manifest it can be read
alone, whatever came before or was lost. `read_header` reads all but the samples and needs no manifest. Whatever is not
exactly this is refused with a `WireError`, in time and memory bounded by the limits here and in `contract.samples`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from contract import wire
from contract.manifest import Manifest
from contract.samples import MAXIMUM_AT_MS, Change, Grid, changes_item, changes_of, grids_item, grids_of
from contract.topics import is_vin
from contract.wire import Item, Refusal, WireError

__all__ = [
    "Anchor",
    "AnchorSource",
    "Change",
    "Count",
    "Evicted",
    "Grid",
    "Header",
    "Ledger",
    "Reason",
    "Upload",
    "decode_upload",
    "encode_upload",
    "read_header",
]

VERSION = 1
BOOT_BYTES = 16
MANIFEST_ID_BYTES = 8

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_EVICTED = 1024
MAXIMUM_EVICTED_REASON_BYTES = 64
MAXIMUM_SEQUENCE = 2**53 - 1
MAXIMUM_UTC_MS = 2**43 - 1
"""The year 2248."""
MAXIMUM_COUNT = 2**53 - 1
_DEPTH = 3


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


class Header(NamedTuple):
    """An upload without its samples: the fields of `Upload` by the same names."""

    boot: bytes
    sequence: int
    vin: str
    manifest: bytes
    reason: Reason
    start_ms: int
    end_ms: int
    anchor: Anchor | None
    ledger: Ledger


def encode_upload(upload: Upload, manifest: Manifest) -> bytes:
    """The payload of `upload`, whose columns are those of `manifest`.

    Raises `WireError` for an upload that `decode_upload` would refuse, too large ones among them.
    """
    item: dict[int, Item] = {
        1: VERSION,
        2: upload.boot,
        3: upload.sequence,
        4: upload.vin,
        5: upload.manifest,
        6: _REASONS.index(upload.reason),
        7: upload.start_ms,
        8: upload.end_ms - upload.start_ms,
    }
    if upload.anchor is not None:
        anchor = upload.anchor
        item[9] = [anchor.at_ms, anchor.utc_ms, anchor.uncertainty_ms, _SOURCES.index(anchor.source)]
    counts: dict[int, Item] = {_COUNTS.index(name): count for name, count in upload.ledger.counts.items() if count}
    if counts:
        item[10] = counts
    if upload.ledger.evicted:
        item[11] = [[evicted.first, evicted.last, evicted.reason] for evicted in upload.ledger.evicted]
    if upload.grids:
        item[12] = grids_item(upload.grids, upload.start_ms, upload.end_ms, manifest)
    if upload.changes:
        item[13] = changes_item(upload.changes, upload.start_ms, upload.end_ms, manifest)
    _header(item)
    payload = wire.write(item)
    if len(payload) > MAXIMUM_BYTES:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, at most {MAXIMUM_BYTES} are allowed")
    return payload


def read_header(payload: bytes) -> Header:
    """All of an upload but its grids and changes, which are not looked at. Raises `WireError`."""
    return _header(wire.read(payload, MAXIMUM_BYTES, _DEPTH))


def decode_upload(payload: bytes, manifest: Manifest) -> Upload:
    """The upload in `payload`; `manifest` is the one that it names, as held by the caller. Raises `WireError`."""
    item = wire.read(payload, MAXIMUM_BYTES, _DEPTH)
    header = _header(item)
    fields = wire.entries(item, _REQUIRED, _ALLOWED, "upload")
    start_ms, end_ms = header.start_ms, header.end_ms
    return Upload(
        boot=header.boot,
        sequence=header.sequence,
        vin=header.vin,
        manifest=header.manifest,
        reason=header.reason,
        start_ms=start_ms,
        end_ms=end_ms,
        anchor=header.anchor,
        ledger=header.ledger,
        grids=grids_of(fields[12], start_ms, end_ms, manifest) if 12 in fields else (),
        changes=changes_of(fields[13], start_ms, end_ms, manifest) if 13 in fields else (),
    )


_REASONS = (Reason.CADENCE, Reason.EVENT, Reason.SLEEP)
_SOURCES = (AnchorSource.GNSS, AnchorSource.SYSTEM, AnchorSource.RECORDING)
_COUNTS = (
    Count.FRAMES,
    Count.OVERRUN,
    Count.UNKNOWN,
    Count.WRONG_LENGTH,
    Count.CHECKSUM,
    Count.INVALID,
    Count.UNREADABLE,
)
_REQUIRED = frozenset(range(1, 9))
_ALLOWED = frozenset(range(1, 14))


def _header(item: Item) -> Header:
    wire.version(item, VERSION, "upload")
    fields = wire.entries(item, _REQUIRED, _ALLOWED, "upload")
    vin = fields[4]
    if type(vin) is not str:
        raise WireError(Refusal.WRONG_TYPE, "vin: expected a text")
    if not is_vin(vin):
        raise WireError(Refusal.OUT_OF_RANGE, f"vin: {vin!r:.40} is not a vehicle identification number")
    start_ms = wire.integer(fields[7], 0, MAXIMUM_AT_MS, "start")
    return Header(
        boot=wire.octets(fields[2], "boot", BOOT_BYTES),
        sequence=wire.integer(fields[3], 0, MAXIMUM_SEQUENCE, "sequence"),
        vin=vin,
        manifest=wire.octets(fields[5], "manifest", MANIFEST_ID_BYTES),
        reason=_REASONS[wire.integer(fields[6], 0, len(_REASONS) - 1, "reason")],
        start_ms=start_ms,
        end_ms=start_ms + wire.integer(fields[8], 0, MAXIMUM_AT_MS - start_ms, "duration"),
        anchor=_anchor(fields[9]) if 9 in fields else None,
        ledger=Ledger(_counts(fields[10]) if 10 in fields else {}, _evicted(fields[11]) if 11 in fields else ()),
    )


def _anchor(item: Item) -> Anchor:
    at_ms, utc_ms, uncertainty_ms, source = wire.row(item, 4, "anchor")
    return Anchor(
        wire.integer(at_ms, 0, MAXIMUM_AT_MS, "anchor, at"),
        wire.integer(utc_ms, 0, MAXIMUM_UTC_MS, "anchor, utc"),
        wire.integer(uncertainty_ms, 0, MAXIMUM_AT_MS, "anchor, uncertainty"),
        _SOURCES[wire.integer(source, 0, len(_SOURCES) - 1, "anchor, source")],
    )


def _counts(item: Item) -> dict[Count, int]:
    if type(item) is not dict or not item:
        raise WireError(Refusal.WRONG_TYPE, "counts: expected a map with an entry")
    return {
        _COUNTS[wire.integer(index, 0, len(_COUNTS) - 1, "counts, key")]: wire.integer(count, 1, MAXIMUM_COUNT, "count")
        for index, count in item.items()
    }


def _evicted(item: Item) -> tuple[Evicted, ...]:
    evicted = []
    for each in wire.array(item, 1, MAXIMUM_EVICTED, "evicted"):
        first, last, reason = wire.row(each, 3, "evicted")
        start = wire.integer(first, 0, MAXIMUM_SEQUENCE, "evicted, first")
        evicted.append(
            Evicted(
                start,
                wire.integer(last, start, MAXIMUM_SEQUENCE, "evicted, last"),
                wire.text(reason, MAXIMUM_EVICTED_REASON_BYTES, "evicted, reason"),
            )
        )
    return tuple(evicted)
