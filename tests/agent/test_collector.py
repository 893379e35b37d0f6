"""Every batch becomes an upload with the next number, and its ledger says what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.collector import Collector
from agent.journal.journal import Journal
from agent.journal.numbering import Numbering
from agent.journal.room import FULL
from agent.journal.segments import Key
from agent.sampling.batch import Batch
from contract.manifest import Group, Manifest, Sampling, Signal, manifest_id
from contract.receipt import Receipt
from contract.upload import Anchor, AnchorSource, Change, Count, Evicted, Grid, Ledger, Reason, Upload, decode_upload

VIN = "VR3UPHNKSKT000001"
BOOT = bytes(range(16))
MANIFEST = Manifest("model", (Group(Sampling.EVERY, 1000, (Signal("A.A"), Signal("A.B"))),))
ANCHOR = Anchor(0, 1_750_000_000_000, 10, AnchorSource.RECORDING)


def batch(start_ms: int, columns: tuple[tuple[int | None, ...], ...] = ((1, 2), (None, 4))) -> Batch:
    ledger = Ledger({Count.FRAMES: 3})
    return Batch(Reason.CADENCE, start_ms, start_ms + 2000, None, ledger, (Grid(0, start_ms, columns),), ())


class Script:
    """A sampler that gives out the next batch for each frame."""

    def __init__(self, *batches: Batch) -> None:
        self._batches = iter(batches)

    def feed(self, frames: Iterable[Frame]) -> list[Batch]:
        return [next(self._batches) for _ in frames]

    def advance(self, now_ms: int) -> list[Batch]:
        return [next(self._batches)] if now_ms == 4000 else []

    def tell(self, _name: str, _now_ms: int) -> list[Batch]:
        return [next(self._batches)]

    def close(self, _now_ms: int, _reason: Reason) -> Batch | None:
        return next(self._batches, None)


def frames(count: int) -> list[Frame]:
    return [Frame(number, "can0", 1, False, b"") for number in range(count)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, lambda: 0.0) as opened:
        yield opened


def collector(journal: Journal, *batches: Batch, losses: Losses | None = None, boot: bytes = BOOT) -> Collector:
    return Collector(
        VIN, MANIFEST, Script(*batches), Numbering(boot), journal, [losses] if losses else [], lambda: ANCHOR
    )


def uploads(journal: Journal) -> list[Upload]:
    return [decode_upload(stored.payload, MANIFEST) for stored in journal.pending(1 << 30)]


def test_a_batch_becomes_an_upload_of_this_vehicle_boot_and_manifest(journal: Journal) -> None:
    mine = batch(0)
    collecting = collector(journal, mine)
    collecting.feed(frames(1))
    (upload,) = uploads(journal)
    assert (upload.vin, upload.boot, upload.sequence, upload.manifest) == (VIN, BOOT, 0, manifest_id(MANIFEST))
    assert (upload.reason, upload.start_ms, upload.end_ms) == (Reason.CADENCE, 0, 2000)
    assert (upload.grids, upload.changes, upload.ledger) == (mine.grids, mine.changes, mine.ledger)
    assert (collecting.frames, collecting.samples, collecting.uploads) == (1, 3, 1)


def test_uploads_are_numbered_without_gaps_whoever_ended_the_batch(journal: Journal) -> None:
    collecting = collector(journal, batch(0), batch(2000), batch(4000))
    collecting.feed(frames(1))
    collecting.advance(0)
    collecting.advance(4000)
    collecting.close(6000, Reason.SLEEP)
    collecting.close(6000, Reason.SLEEP)
    assert [upload.sequence for upload in uploads(journal)] == [0, 1, 2]


def test_every_upload_bears_the_surest_anchor_so_far(journal: Journal) -> None:
    gnss = Anchor(5, 1_750_000_000_123, 3, AnchorSource.GNSS)
    worse = Anchor(6, 1_750_000_000_124, 300, AnchorSource.GNSS)
    script = (batch(0), replace(batch(2000), anchor=worse), replace(batch(4000), anchor=gnss), batch(6000))
    collector(journal, *script).feed(frames(4))
    assert [upload.anchor for upload in uploads(journal)] == [ANCHOR, ANCHOR, gnss, gnss]


def test_what_ends_with_an_event_is_on_disk_at_once(journal: Journal, tmp_path: Path) -> None:
    collecting = collector(journal, batch(0), replace(batch(2000), reason=Reason.EVENT))
    collecting.feed(frames(1))
    assert not list(tmp_path.glob("*.segment"))
    collecting.feed(frames(1))
    assert list(tmp_path.glob("*.segment"))


def test_what_the_sources_could_not_read_is_in_the_next_ledger_once(journal: Journal) -> None:
    losses = Losses()
    collecting = collector(journal, batch(0), batch(2000), batch(4000), losses=losses)
    losses.damaged("file", "line 1", "broken")
    losses.damaged("file", "line 2", "broken")
    collecting.feed(frames(2))
    losses.damaged("file", "line 3", "broken")
    collecting.feed(frames(1))
    counts = [upload.ledger.counts.get(Count.UNREADABLE, 0) for upload in uploads(journal)]
    assert counts == [2, 0, 1]


def test_evicted_uploads_are_named_in_the_ledgers_of_those_that_follow(tmp_path: Path) -> None:
    with Journal(tmp_path, lambda: 0.0, max_bytes=1200, segment_bytes=300) as journal:
        collecting = collector(journal, *(batch(2000 * number) for number in range(40)))
        collecting.feed(frames(40))
        kept = uploads(journal)
        assert 0 < len(kept) < 40
        lost_since = journal.take_evicted(Key(BOOT, 40))  # By the newest upload itself: the next one names it.
        named = [stretch for upload in kept for stretch in upload.ledger.evicted]
        stretches = [(each.first, each.last) for each in named] + [(each.first, each.last) for each in lost_since]
        numbers = [number for first, last in stretches for number in range(first, last + 1)]
        assert sorted(numbers) == list(range(kept[0].sequence))
        assert {each.reason for each in named} == {FULL}


def test_what_was_evicted_of_an_earlier_start_is_named_with_its_boot_until_that_is_receipted(tmp_path: Path) -> None:
    earlier = bytes(16)
    with Journal(tmp_path, lambda: 0.0, max_bytes=1200, segment_bytes=300) as journal:
        collector(journal, *(batch(2000 * number) for number in range(20)), boot=earlier).feed(frames(20))
        journal.acknowledge(Receipt(earlier, (range(20),)))
        journal.lose(Key(earlier, 20), FULL)
    for _ in range(2):
        with Journal(tmp_path, lambda: 0.0) as journal:
            collector(journal, batch(0)).feed(frames(1))
            (upload,) = uploads(journal)
            assert upload.ledger.evicted[-1] == Evicted(20, 20, FULL, earlier)
        for segment in tmp_path.glob("*.segment"):
            segment.unlink()
    with Journal(tmp_path, lambda: 0.0) as journal:
        collector(journal, batch(0)).feed(frames(1))
        journal.acknowledge(Receipt(BOOT, (range(1),)))
        journal.flush()
        collector(journal, batch(0), boot=bytes(range(1, 17))).feed(frames(1))
        assert [upload.ledger.evicted for upload in uploads(journal)] == [()]


def test_an_upload_that_cannot_be_encoded_is_named_and_the_next_goes_on(journal: Journal) -> None:
    wide = batch(0, columns=((1,), (2,), (3,)))
    collecting = collector(journal, wide, batch(2000))
    collecting.feed(frames(2))
    (upload,) = uploads(journal)
    assert upload.sequence == 1
    assert [(stretch.first, stretch.last) for stretch in upload.ledger.evicted] == [(0, 0)]
    assert collecting.uploads == 1


def test_changes_to_absent_are_no_samples(journal: Journal) -> None:
    changing = Manifest("model", (Group(Sampling.ON_CHANGE, 1000, (Signal("A.A"),)),))
    changes = (Change(0, 0, 5), Change(1, 0, None), Change(2, 0, 6))
    script = Script(replace(batch(0), grids=(), changes=changes))
    collecting = Collector(VIN, changing, script, Numbering(BOOT), journal)
    collecting.feed(frames(1))
    assert collecting.samples == 2
