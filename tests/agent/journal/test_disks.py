"""What the journal does on disks that fill up, turn read-only, or lose their power."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.room import REFUSED
from agent.journal.segments import Key, Priority, segment_files
from contract.receipt import Receipt
from tests.agent.journal.disks import made, mounted, needs_disks, remounted

BOOT = bytes(range(16))
IMAGES = 100

pytestmark = needs_disks


def numbers(journal: Journal) -> list[int]:
    return sorted(stored.key.sequence for stored in journal.pending(1 << 30))


def opened(folder: Path) -> Journal:
    return Journal(folder / "journal", lambda: 0.0, segment_bytes=20_000, memory_bytes=50_000)


def fill_up(file: Path) -> None:
    with file.open("wb") as filler:
        while True:
            os.write(filler.fileno(), bytes(4096))


def test_a_disk_that_turns_read_only_costs_nothing_while_memory_lasts(tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 8 << 20), tmp_path / "mnt") as folder:
        with opened(folder) as journal:
            journal.append(Key(BOOT, 0), bytes(100), Priority.EVENT)
            remounted(folder, "ro")
            journal.append(Key(BOOT, 1), bytes(100), Priority.EVENT)
            troubles = [journal.trouble]
            assert numbers(journal) == [0, 1]
            journal.acknowledge(Receipt(BOOT, (range(1),)))
            assert numbers(journal) == [1]
            remounted(folder, "rw")
            journal.append(Key(BOOT, 2), bytes(100), Priority.EVENT)
            assert [*troubles, journal.trouble] == ["Read-only file system", None]
        with opened(folder) as journal:
            assert numbers(journal) == [1, 2]


def test_a_disk_that_is_read_only_from_the_start_is_read_and_what_memory_cannot_hold_is_named(tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 8 << 20), tmp_path / "mnt") as folder:
        with opened(folder) as journal:
            journal.append(Key(BOOT, 0), bytes(100), Priority.EVENT)
        remounted(folder, "ro")
        with opened(folder) as journal:
            for sequence in range(1, 101):
                journal.append(Key(BOOT, sequence), bytes(1000))
            assert journal.trouble == "Read-only file system"
            left = numbers(journal)
            assert left == [0, *range(left[1], 101)]
            assert 30 < len(left) < 60
            (evicted,) = journal.take_evicted(Key(BOOT, 101))
            assert (evicted.first, evicted.last, evicted.reason) == (1, left[1] - 1, REFUSED)
            remounted(folder, "rw")


def test_what_a_read_only_disk_does_not_let_go_is_not_said_to_be_gone(tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 8 << 20), tmp_path / "mnt") as folder, opened(folder) as journal:
        journal.append(Key(BOOT, 0), bytes(100), Priority.EVENT)
        remounted(folder, "ro")
        assert not journal.rewrite(lambda _key, _payload: None, "privacy")
        assert numbers(journal) == []
        assert segment_files(folder / "journal")
        remounted(folder, "rw")


def test_a_rewrite_is_done_only_when_what_an_earlier_deletion_left_is_gone_too(tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 8 << 20), tmp_path / "mnt") as folder, opened(folder) as journal:
        journal.append(Key(BOOT, 0), bytes(100), Priority.EVENT)
        remounted(folder, "ro")
        journal.acknowledge(Receipt(BOOT, (range(1),)))
        assert numbers(journal) == []
        assert not journal.rewrite(lambda _key, payload: payload, "privacy")
        assert not journal.let_go()
        assert segment_files(folder / "journal")
        remounted(folder, "rw")
        assert journal.let_go()
        assert segment_files(folder / "journal") == []


def test_a_full_disk_costs_nothing_while_memory_lasts(tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 8 << 20), tmp_path / "mnt") as folder:
        with opened(folder) as journal:
            journal.append(Key(BOOT, 0), bytes(100), Priority.EVENT)
            others = folder / "others"
            with pytest.raises(OSError, match="No space left"):
                fill_up(others)
            for sequence in range(1, 30):
                journal.append(Key(BOOT, sequence), bytes(1000), Priority.EVENT)
            troubles = [journal.trouble is None]
            assert numbers(journal) == list(range(30))
            others.unlink()
            assert journal.flush()
            assert [*troubles, journal.trouble is None] == [False, True]
        with opened(folder) as journal:
            assert numbers(journal) == list(range(30))


def test_a_journal_takes_no_more_than_its_share_and_leaves_a_reserve(tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 16 << 20), tmp_path / "mnt") as folder:
        (folder / "others").write_bytes(bytes(3 << 20))
        free = os.statvfs(folder)
        total, before = free.f_blocks * free.f_frsize, free.f_bavail * free.f_frsize
        for share, reserve in ((0.04, 0), (1.0, before - 500_000)):
            with Journal(
                folder / str(share),
                lambda: 0.0,
                segment_bytes=50_000,
                memory_bytes=60_000,
                disk_share=share,
                reserve_bytes=reserve,
            ) as journal:
                for sequence in range(2000):
                    journal.append(Key(BOOT, sequence), bytes(1000))
                    assert journal.size_bytes <= (1.01 * total * share if share < 1 else 620_000)
                assert os.statvfs(folder).f_bavail * free.f_frsize >= reserve
                assert journal.evicted > 0
                assert numbers(journal) == list(range(journal.evicted, 2000))
                assert len(segment_files(folder / str(share))) > 3
            shutil.rmtree(folder / str(share))


WRITER = """
import random, sys
from pathlib import Path
from agent.disk import durable
from agent.journal.journal import Journal
from agent.journal.segments import Key, Priority
from contract.receipt import Receipt
if sys.argv[2] == "careless":
    durable.os.fdatasync = durable.os.fsync = lambda descriptor: None
rng = random.Random(7)
journal = Journal(Path(sys.argv[1]), lambda: 0.0, segment_bytes=20_000, max_bytes=120_000, thinner=lambda p: None)
sequence = receipted = 0
for line in sys.stdin:
    for _ in range(rng.randrange(1, 9)):
        history = rng.random() < 0.8
        size = rng.randrange(2000)
        payload = sequence.to_bytes(4, "little") * (size // 4 + 1)
        journal.append(Key(bytes(16), sequence), payload, Priority.HISTORY if history else Priority.EVENT)
        sequence += 1
    assert journal.flush()
    if rng.random() < 0.3:
        receipted = max(receipted, sequence - rng.randrange(1, 40))
        journal.acknowledge(Receipt(bytes(16), (range(receipted),)))
    print(*(stored.key.sequence for stored in journal.pending(1 << 30)), flush=True)
"""


def lost_in_images(tmp_path: Path, how: str, images: int) -> int:
    """In how many of the images, each copied when a flush had returned, something is missing that was pending then."""
    rng = random.Random(how)
    image, copy = made(tmp_path / "disk", 8 << 20), tmp_path / "copy"
    lost = 0
    with (
        mounted(image, tmp_path / "mnt") as folder,
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder / "journal"), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer,
    ):
        assert writer.stdin is not None
        assert writer.stdout is not None
        for _ in range(images):
            pending: set[int] = set()
            for _ in range(rng.randrange(1, 6)):
                writer.stdin.write("on\n")
                writer.stdin.flush()
                pending = set(map(int, writer.stdout.readline().split()))
            shutil.copyfile(image, copy)
            with mounted(copy, tmp_path / "after") as after, Journal(after / "journal", lambda: 0.0) as journal:
                assert journal.damage == [] or how == "careless"
                found = {stored.key.sequence: stored.payload for stored in journal.pending(1 << 30)}
                whole = {s for s, p in found.items() if p == s.to_bytes(4, "little") * (len(p) // 4)}
                lost += not pending <= whole
        writer.stdin.close()
    return lost


@pytest.mark.slow
def test_of_a_hundred_power_cuts_none_loses_what_was_flushed(tmp_path: Path) -> None:
    assert lost_in_images(tmp_path, "careful", IMAGES) == 0


@pytest.mark.slow
def test_the_power_cuts_would_show_a_journal_that_does_not_sync(tmp_path: Path) -> None:
    assert lost_in_images(tmp_path, "careless", 10) > 5
