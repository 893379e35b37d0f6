"""From frames to the journal: samples become batches, batches become numbered uploads.

The collector adds what the sampler cannot know: who the vehicle is, the upload's number, what the sources could not
read, and which uploads were lost on the way out: the journal knows which of those the cloud has not been told of yet.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.clocks.calendar import Calendar
from agent.journal.journal import Journal
from agent.journal.numbering import Numbering
from agent.journal.segments import Key, Priority
from agent.sampling.batch import Batch
from contract.manifest import Manifest, manifest_id
from contract.upload import Anchor, Count, Evicted, Reason, Upload, encode_upload
from contract.wire import WireError

log = logging.getLogger(__name__)


class Sampling(Protocol):
    """The sampler, as the collector uses it (`agent.sampling.sampler`)."""

    def feed(self, frames: Iterable[Frame]) -> list[Batch]: ...

    def advance(self, now_ms: int) -> list[Batch]: ...

    def tell(self, name: str, now_ms: int) -> list[Batch]: ...

    def close(self, now_ms: int, reason: Reason) -> Batch | None: ...


class Collector:
    """`anchor` is asked for the time at each upload, besides the samples; what `calendar` believes goes along. `added`
    is called at each upload."""

    def __init__(
        self,
        vin: str,
        manifest: Manifest,
        sampler: Sampling,
        numbering: Numbering,
        journal: Journal,
        losses: Sequence[Losses] = (),
        anchor: Callable[[], Anchor | None] = lambda: None,
        added: Callable[[], None] = lambda: None,
        calendar: Calendar | None = None,
    ) -> None:
        self.frames = 0
        self.samples = 0
        self.uploads = 0
        self._vin = vin
        self._manifest = manifest
        self._manifest_id = manifest_id(manifest)
        self._sampler = sampler
        self._numbering = numbering
        self._journal = journal
        self._losses = tuple(losses)
        self._lost_at_sources: Counter[Count] = Counter()
        self._anchor = anchor
        self._calendar = Calendar() if calendar is None else calendar
        self._added = added

    @property
    def anchor(self) -> Anchor | None:
        """What dates the uploads; None while nothing does."""
        return self._calendar.anchor

    def feed(self, frames: Sequence[Frame]) -> None:
        """Takes frames, in the order of time."""
        self.frames += len(frames)
        self._lift(self._sampler.feed(frames))

    def advance(self, now_ms: int) -> None:
        """Time passes, also on a silent bus."""
        self._lift(self._sampler.advance(now_ms))

    def tell(self, name: str, now_ms: int) -> None:
        """Uploads at once how the vehicle is, as an event of that name."""
        self._lift(self._sampler.tell(name, now_ms))

    def close(self, now_ms: int, reason: Reason) -> None:
        """Ends what has been collected so far."""
        early = self._sampler.advance(now_ms)
        last = self._sampler.close(now_ms, reason)
        self._lift([*early, *self._sampler.advance(now_ms), *([last] if last is not None else [])])

    def _lift(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            upload = self._upload(batch)
            try:
                payload = encode_upload(upload, self._manifest)
            except WireError as error:
                log.error("upload %d cannot be encoded and is lost: %s", upload.sequence, error)
                self._journal.lose(Key(upload.boot, upload.sequence), error.reason.value)
                continue
            self._journal.append(Key(upload.boot, upload.sequence), payload, _PRIORITIES[batch.reason])
            self.uploads += 1
            self.samples += _samples(batch)
            self._added()

    def _upload(self, batch: Batch) -> Upload:
        key = Key(self._numbering.boot, self._numbering.next())
        return Upload(
            boot=key.boot,
            sequence=key.sequence,
            vin=self._vin,
            manifest=self._manifest_id,
            reason=batch.reason,
            start_ms=batch.start_ms,
            end_ms=batch.end_ms,
            anchor=self._dated(batch.anchor),
            ledger=replace(batch.ledger, counts=self._counts(batch.ledger.counts), evicted=self._evicted(key)),
            grids=batch.grids,
            changes=batch.changes,
            events=batch.events,
            privacy=batch.privacy,
        )

    def _dated(self, sampled: Anchor | None) -> Anchor | None:
        self._calendar.offer(sampled)
        self._calendar.offer(self._anchor())
        return self._calendar.anchor

    def _counts(self, counts: dict[Count, int]) -> dict[Count, int]:
        """With what the sources counted since the last upload."""
        lost: Counter[Count] = Counter()
        for losses in self._losses:
            lost[Count.UNREADABLE] += losses.unreadable
            lost[Count.ASKED] += losses.asked
            lost[Count.UNANSWERED] += losses.unanswered
            lost[Count.ERROR_FRAMES] += losses.error
            lost[Count.BUS_OFF] += losses.bus_off
            lost[Count.OVERRUN] += losses.overrun
            lost[Count.FRAMES] += losses.passed_over
        since, self._lost_at_sources = lost - self._lost_at_sources, lost
        return counts | {what: counts.get(what, 0) + count for what, count in since.items()}

    def _evicted(self, by: Key) -> tuple[Evicted, ...]:
        """What upload `by` names: uploads of this boot and of earlier ones, whose last uploads had no room for it."""
        return tuple(
            Evicted(first, last, reason, None if boot == by.boot else boot)
            for boot, first, last, reason in self._journal.take_evicted(by)
        )


_PRIORITIES = {Reason.EVENT: Priority.EVENT, Reason.SLEEP: Priority.STATE, Reason.CADENCE: Priority.HISTORY}


def _samples(batch: Batch) -> int:
    """Values in a batch; what was not available is none."""
    in_grids = sum(len(column) - column.count(None) for grid in batch.grids for column in grid.columns)
    return in_grids + sum(change.raw is not None for change in batch.changes)
