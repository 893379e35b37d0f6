"""How often the disk is written: not at all while receipts come in time, and no more than the budget allows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.segments import Key, Priority, segment_files
from agent.journal.wear import DAY_S, OVERHEAD_BLOCKS, PAGE, Wear
from contract.receipt import Receipt
from tests.agent.journal.disks import bytes_written, device_of, made, mounted, needs_disks

BOOT = bytes(range(16))


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in segment_files(folder))


def test_nothing_is_written_for_as_long_as_a_receipt_may_take_while_they_come_in_time(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path, clock, flush_every_s=10, hold_s=30) as journal:
        for sequence in range(20):
            journal.append(Key(BOOT, sequence), bytes(100))
            if sequence:
                for _ in range(25):
                    clock.now_s += 1
                    journal.tick()
            journal.acknowledge(Receipt(BOOT, (range(sequence + 1),)))
            assert segment_files(tmp_path) == []
        assert journal.wear.written_bytes == 0


def test_once_a_receipt_is_late_uploads_are_written_each_flush(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path, clock, flush_every_s=10, hold_s=30) as journal:
        journal.append(Key(BOOT, 0), bytes(100))
        journal.acknowledge(Receipt(BOOT, (range(1),)))
        written = []
        for second in range(60):
            clock.now_s = float(second)
            journal.append(Key(BOOT, second + 1), bytes(100))
            before = on_disk(tmp_path)
            journal.tick()
            written += [second] if on_disk(tmp_path) > before else []
        assert written == [30, 41, 52]


def test_the_first_upload_of_a_start_is_not_held(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path, clock, flush_every_s=10, hold_s=30) as journal:
        journal.append(Key(BOOT, 0), bytes(100))
        clock.now_s = 10
        journal.tick()
        assert on_disk(tmp_path) > 0


def test_when_the_wear_is_spent_history_waits_and_events_do_not(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path, clock, wear_bytes_per_day=24 * 2 * (1 + OVERHEAD_BLOCKS) * PAGE) as journal:
        flushes = 0
        for second in range(3600):
            clock.now_s = float(second)
            journal.append(Key(BOOT, second), bytes(10))
            before = on_disk(tmp_path)
            journal.tick()
            flushes += on_disk(tmp_path) > before
        assert 2 <= flushes <= 6  # An hour's budget to begin with, and what came in meanwhile.
        assert journal.wear.spent
        before = on_disk(tmp_path)
        journal.append(Key(BOOT, 3600), bytes(10), Priority.EVENT)
        assert on_disk(tmp_path) > before
        assert journal.depth == 3601


@pytest.mark.parametrize("block_bytes", [1024, 4096])
def test_wear_counts_whole_blocks_and_what_the_file_system_adds(block_bytes: int) -> None:
    wear = Wear(Clock())
    wear.block_bytes = block_bytes
    once = OVERHEAD_BLOCKS * block_bytes
    wear.wrote(1)
    assert wear.written_bytes == block_bytes + once
    wear.wrote(2, block_bytes - 1)
    assert wear.written_bytes == 3 * block_bytes + 2 * once
    assert not wear.spent


def test_what_is_written_is_counted_by_day_and_the_budget_is_told() -> None:
    clock = Clock()
    wear = Wear(clock, 10 * PAGE)
    wear.wrote(1)
    clock.now_s = DAY_S - 1
    wear.wrote(1)
    assert wear.day_bytes == wear.written_bytes == 2 * (1 + OVERHEAD_BLOCKS) * PAGE
    clock.now_s = 1.5 * DAY_S
    assert wear.day_bytes == 0
    wear.wrote(1)
    assert (wear.day_bytes, wear.bytes_per_day) == ((1 + OVERHEAD_BLOCKS) * PAGE, 10 * PAGE)


@needs_disks
@pytest.mark.parametrize("block_bytes", [1024, 4096])
def test_the_estimate_is_of_the_disks_own_blocks_and_near_what_it_is_made_to_write(
    tmp_path: Path, block_bytes: int
) -> None:
    disk = made(tmp_path / "disk", 16 << 20, block_bytes)
    with mounted(disk, tmp_path / "mnt", "loop,noatime") as folder, Journal(folder / "journal", Clock()) as journal:
        assert journal.wear.block_bytes == block_bytes
        os.sync()
        before = bytes_written(device_of(folder))
        for sequence in range(100):
            journal.append(Key(BOOT, sequence), os.urandom(2000), Priority.EVENT)
        written = bytes_written(device_of(folder)) - before
        assert written / 2 < journal.wear.written_bytes < written * 2


def test_where_a_block_is_larger_than_what_is_written_at_once_that_counts(tmp_path: Path) -> None:
    wear = Wear(Clock())
    wear.look_at(tmp_path)
    assert wear.block_bytes == min(PAGE, os.statvfs(tmp_path).f_bsize)
