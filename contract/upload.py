"""Uploads: what a vehicle says at once.

An upload is one map of canonical CBOR (`contract.wire`; the schema is `upload.cddl` beside this file):

    1  version              2 (1 is read too)
    2  boot                 16 bytes
    3  sequence             number of the upload in its boot
    4  vin                  text; must be the one of the topic
    5  manifest             8 bytes: what the columns mean (`contract.manifest`)
    6  reason               index in `Reason`
    7  start_ms             on the boot's monotonic clock
    8  duration_ms          the upload covers [start, start + duration)
    9  anchor               ? [at_ms, utc_ms, uncertainty_ms, index in `AnchorSource`]     `contract.anchor`
    10 counts               ? {index in `Count`: count}; without those that are 0           `contract.ledger`
    11 evicted              ? [[first, last, reason], …]                                    `contract.ledger`
    12 grids                ? [grid, …]     `contract.samples`
    13 changes              ? changes       `contract.samples`
    14 privacy              ? index in `Privacy`; none is left out
    15 events               ? [[at_ms, name], …]

Version 2 added 14, 15, the anchors of the bridge, the counts from `error_frames` on, the boot of what was evicted and
the stride of a grid; in an upload of version 1 they are refused as unknown. Vehicles write version 2, and what they had
written before goes out as it is. New members of the enums are added at their ends. An upload is complete in itself:
with its manifest it can be read alone, whatever came before or was lost. `read_header` reads all but the samples and
needs no manifest. Whatever is not exactly this is refused with a `WireError`, in time and memory bounded by the limits
here and in `contract.samples`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from contract import wire
from contract.anchor import Anchor, AnchorSource, anchor_item, anchor_of
from contract.ledger import (
    BOOT_BYTES,
    MAXIMUM_COUNT,
    MAXIMUM_EVICTED,
    MAXIMUM_SEQUENCE,
    Count,
    Evicted,
    Ledger,
    counts_item,
    counts_of,
    evicted_item,
    evicted_of,
)
from contract.manifest import Manifest
from contract.samples import MAXIMUM_AT_MS, Change, Grid, changes_item, changes_of, grids_item, grids_of
from contract.topics import is_vin
from contract.wire import Item, Refusal, WireError

__all__ = [
    "BOOT_BYTES",
    "MAXIMUM_COUNT",
    "MAXIMUM_EVICTED",
    "MAXIMUM_SEQUENCE",
    "Anchor",
    "AnchorSource",
    "Change",
    "Count",
    "Event",
    "Evicted",
    "Grid",
    "Header",
    "Ledger",
    "Privacy",
    "Reason",
    "Upload",
    "decode_upload",
    "encode_upload",
    "read_header",
]

VERSION = 2
VERSIONS = (1, 2)
"""Those that are read."""
MANIFEST_ID_BYTES = 8

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_EVENTS = 64
MAXIMUM_EVENT_NAME_BYTES = 64
_DEPTH = 3


class Reason(StrEnum):
    """Why an upload was made."""

    CADENCE = "cadence"
    EVENT = "event"
    SLEEP = "sleep"
    """The buses went silent: the vehicle sleeps, and nothing more is to come until it wakes."""


class Privacy(StrEnum):
    """What the vehicle kept to itself while it collected an upload; the names are the published ones."""

    NONE = "None"
    GEOLOCATION = "Geolocation"
    """Where it was."""
    FULL = "Full"
    """Everything: only what the vehicle says of its own state is in such an upload."""


class Event(NamedTuple):
    """Something that the vehicle's profile calls an event (`contract.profile`), and for which an upload was made."""

    at_ms: int
    """When its condition came true, on the boot's monotonic clock; may be before the upload's start."""
    name: str
    """At most 64 bytes of UTF-8."""


class Upload(msgspec.Struct, frozen=True):
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
    privacy: Privacy = Privacy.NONE
    """Of all of the upload: one ends where the privacy changes."""
    events: tuple[Event, ...] = ()
    """Those that the upload was made for."""


class Header(NamedTuple):
    """An upload without its samples: the fields of `Upload` by the same names, and the version it is written in."""

    boot: bytes
    sequence: int
    vin: str
    manifest: bytes
    reason: Reason
    start_ms: int
    end_ms: int
    anchor: Anchor | None
    ledger: Ledger
    privacy: Privacy
    events: tuple[Event, ...]
    version: int


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
        item[9] = anchor_item(upload.anchor)
    if any(upload.ledger.counts.values()):
        item[10] = counts_item(upload.ledger.counts)
    if upload.ledger.evicted:
        item[11] = evicted_item(upload.ledger.evicted)
    if upload.grids:
        item[12] = grids_item(upload.grids, upload.start_ms, upload.end_ms, manifest)
    if upload.changes:
        item[13] = changes_item(upload.changes, upload.start_ms, upload.end_ms, manifest)
    if upload.privacy is not Privacy.NONE:
        item[14] = _PRIVACIES.index(upload.privacy)
    if upload.events:
        item[15] = [[event.at_ms, event.name] for event in upload.events]
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
    fields = wire.entries(item, _REQUIRED, _ALLOWED[header.version], "upload")
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
        grids=grids_of(fields[12], start_ms, end_ms, manifest, header.version) if 12 in fields else (),
        changes=changes_of(fields[13], start_ms, end_ms, manifest) if 13 in fields else (),
        privacy=header.privacy,
        events=header.events,
    )


_REASONS = (Reason.CADENCE, Reason.EVENT, Reason.SLEEP)
_PRIVACIES = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL)
_REQUIRED = frozenset(range(1, 9))
_ALLOWED = {1: frozenset(range(1, 14)), 2: frozenset(range(1, 16))}


def _header(item: Item) -> Header:
    version = wire.version(item, VERSIONS, "upload")
    fields = wire.entries(item, _REQUIRED, _ALLOWED[version], "upload")
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
        anchor=anchor_of(fields[9], version) if 9 in fields else None,
        ledger=Ledger(
            counts_of(fields[10], version) if 10 in fields else {},
            evicted_of(fields[11], version) if 11 in fields else (),
        ),
        privacy=_PRIVACIES[wire.integer(fields[14], 1, len(_PRIVACIES) - 1, "privacy")]
        if 14 in fields
        else Privacy.NONE,
        events=_events(fields[15]) if 15 in fields else (),
        version=version,
    )


def _events(item: Item) -> tuple[Event, ...]:
    events = []
    for each in wire.array(item, 1, MAXIMUM_EVENTS, "events"):
        at_ms, name = wire.row(each, 2, "event")
        events.append(
            Event(
                wire.integer(at_ms, 0, MAXIMUM_AT_MS, "event, at"),
                wire.text(name, MAXIMUM_EVENT_NAME_BYTES, "event, name"),
            )
        )
    return tuple(events)
