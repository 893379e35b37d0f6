"""What derivation reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import NamedTuple, Protocol

import msgspec

from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Implausible, Record, Status
from cloud_bridge.store.port.times import BEGINNING_MS
from contract.upload import Anchor


class Waits(IntEnum):
    """What a pending upload waits for."""

    NOTHING = 0
    MANIFEST = 1
    ANCHOR = 2


def kernel_of(boot: bytes) -> bytes:
    """The kernel's boot in a boot of the agent."""
    return boot[:8]


class Pending(NamedTuple):
    """An upload to derive."""

    boot: bytes
    sequence: int
    manifest: bytes
    anchor: Anchor | None
    payload: bytes

    @property
    def kernel(self) -> bytes:
        """The kernel's boot: uploads of one share a clock."""
        return kernel_of(self.boot)


class Chunk(NamedTuple):
    """What one upload tells, dated."""

    boot: bytes
    sequence: int
    stretch: Stretch
    """From and to need not hold messages."""
    outside: Mapping[str, int] = {}
    """How many numbers were left out because they are outside their limits, by datum."""


class Undecodable(NamedTuple):
    """An upload that cannot be derived: its columns are not those of its manifest, or it covers too long a time."""

    upload: Pending
    reason: str
    detail: str


class Dating(NamedTuple):
    """How a kernel boot is dated from now on."""

    anchors: Sequence[Anchor]
    """All that are remembered of it."""
    believed: Collection[Anchor]
    """Those of them that date."""
    changed: Sequence[tuple[int, int | None]]
    """Ranges in Unix milliseconds, ends included, None without end: chunks that touch one are dated differently now."""


class Step(NamedTuple):
    """What looking at some pending uploads gave. Each is in one of the three."""

    datings: Mapping[bytes, Dating]
    """Of each kernel boot that got another anchor. What is dated differently becomes pending again, and so does what
    waited for one."""
    chunks: Sequence[Chunk]
    undecodable: Sequence[Undecodable]
    undated: Sequence[Pending]
    """Their boot has no anchor."""


class Checkpoint(NamedTuple):
    """A state of the fold to continue from."""

    until_ms: int
    """Everything before is in it."""
    span: int
    """3: a seam, before which something was deleted, so that what comes after goes on from there, whatever is told of
    before; 2: the last of a day; 1: the last of an hour; 0: only the newest."""
    history: bytes

    @property
    def is_seam(self) -> bool:
        return self.span == 3


class Fold(NamedTuple):
    """What folding from a checkpoint on left."""

    from_ms: int
    """The checkpoint's `until_ms`: records that start later, and later checkpoints, are replaced."""
    opened: Sequence[str]
    """Ids of records that were open at the checkpoint: replaced too."""
    status: Status | None
    """None: nothing was said yet."""
    records: Collection[Record]
    checkpoints: Sequence[Checkpoint]
    keep_from_ms: int
    """Checkpoints before are kept one a day only."""
    implausible: Sequence[Implausible] = ()
    """What was said from `from_ms` on and is not believed: it replaces what was not before; readers leave it out."""


class Extent(msgspec.Struct, frozen=True):
    """How far a vehicle is derived."""

    revision: int = 0
    dirty_from_ms: int | None = None
    """Chunks from here on are not in the records yet; None: all are."""
    profile: bytes = b""
    """Digest of the vehicle profile it was derived with."""
    is_ready: bool = False
    """There are uploads not derived yet that wait for nothing."""

    @property
    def is_half_forgotten(self) -> bool:
        """What is there of records is of no state that ever was."""
        return self.dirty_from_ms == BEGINNING_MS and not self.profile


class Derived(Protocol):
    """What derivation reads and writes. Writing needs the revision that was read, and raises StaleError when it is not
    the one in the database any more."""

    def to_derive(self, profiles: Mapping[str, bytes], fleet_id: str | None = None) -> list[str]:
        """Registered vehicles, of one fleet where it is named, that have uploads ready to derive, or chunks to fold, or
        were derived with another profile than the one whose digest `profiles` has for their model."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """What this thread reads in the block is of one moment. Nothing may be written in it."""
        ...

    def extent(self, vin: str) -> Extent: ...
    def ready(self, vin: str, limit: int) -> list[Pending]:
        """Uploads not derived yet that wait for nothing."""
        ...

    def manifest(self, vin: str, manifest_id: bytes) -> bytes: ...
    def anchors(self, vin: str, kernels: Collection[bytes]) -> dict[bytes, tuple[Anchor, ...]]:
        """What is remembered of the anchors of these kernel boots; nothing of those that have none."""
        ...

    def put_step(self, vin: str, extent: Extent, step: Step, now_ms: int) -> Extent: ...
    def put_steps(self, steps: Sequence[tuple[str, Extent, Step]], now_ms: int) -> list[Extent | None]:
        """As `put_step`, several vehicles in one transaction. None, and nothing written, where it would raise."""
        ...

    def checkpoint(self, vin: str, up_to_ms: int) -> Checkpoint | None:
        """The newest whose `until_ms` is not above `up_to_ms`."""
        ...

    def seams(self, vin: str, from_ms: int) -> list[Checkpoint]:
        """Those after `from_ms`, in ascending time."""
        ...

    def stretches(self, vin: str, from_ms: int) -> Iterator[Stretch]:
        """All that begin at `from_ms` or later, by (from, to)."""
        ...

    def status(self, vin: str) -> Status | None:
        """As it was folded last; so are `records`, of all types, in ascending start."""
        ...

    def records(self, vin: str) -> list[Record]: ...
    def put_fold(self, vin: str, extent: Extent, fold: Fold) -> Extent: ...
    def put_folds(self, folds: Sequence[tuple[str, Extent, Fold]]) -> list[Extent | None]:
        """As `put_steps`."""
        ...

    def forget(self, vin: str, profile: bytes) -> Iterator[Extent]:
        """Deletes everything that can be derived again, marks every upload as to be derived, with this profile. What
        was derived of uploads that are deleted stays as it is, and is folded again. Each item is one short transaction,
        and the last alone has the profile: whoever leaves off before leaves a vehicle that `is_half_forgotten`, to be
        forgotten from the beginning."""
        ...
