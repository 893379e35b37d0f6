"""What the journal promises: only a receipt, a refusal or a full disk takes an upload out of it, and it says which."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.journal.evictions import Eviction
from agent.journal.folder import HeldError
from agent.journal.journal import Journal, Stored
from agent.journal.pending import Entry, Pending
from agent.journal.room import FULL
from agent.journal.segments import HEAD_BYTES, Key, Priority, read_segment, segment_files
from contract.receipt import Receipt
from tests.agent.journal.filled import BOOT, OTHER_BOOT, Clock, bytes_on_disk, fill, opened, payload, sequences, taken
from tests.agent.journal.syncs import watched

ENTRY = Entry(Priority.HISTORY, 1, 1)


def test_what_is_appended_is_pending_oldest_first_until_it_is_acknowledged(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(5))
        assert journal.acknowledge(Receipt(BOOT, (range(1, 3), range(4, 5)))) == 3
        assert journal.pending(10) == [Stored(Key(BOOT, s), payload(s)) for s in (0, 3)]
        assert journal.depth == 2


def test_a_receipt_of_another_boot_acknowledges_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(3))
        assert journal.acknowledge(Receipt(OTHER_BOOT, (range(10),))) == 0
        assert sequences(journal) == [0, 1, 2]


def test_a_receipt_for_a_billion_uploads_costs_no_more_than_what_is_pending(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(3))
        assert journal.acknowledge(Receipt(BOOT, (range(1, 1_000_000_000),))) == 2
        assert sequences(journal) == [0]


@given(
    pending=st.sets(st.integers(0, 60)),
    held=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40))),
)
def test_a_receipt_covers_what_its_ranges_cover_in_any_order_and_overlap(
    pending: set[int], held: list[tuple[int, int]]
) -> None:
    index = Pending()
    for sequence in pending:
        index.add(Key(BOOT, sequence), ENTRY)
    ranges = tuple(range(first, first + count) for first, count in held)
    covered = [each.sequence for each in index.held_by(Receipt(BOOT, ranges))]
    assert sorted(set(covered)) == sorted(sequence for sequence in pending if any(sequence in each for each in ranges))


def test_a_receipt_of_thousands_of_ranges_is_compared_with_thousands_of_uploads_at_once() -> None:
    index = Pending()
    for sequence in range(50_000):
        index.add(Key(BOOT, sequence), ENTRY)
    far = tuple(range(2**40 + 9 * each, 2**40 + 9 * each + 8) for each in range(8192))
    before_s = time.process_time()
    assert index.held_by(Receipt(BOOT, (*far, range(7, 9)))) == [Key(BOOT, 7), Key(BOOT, 8)]
    assert time.process_time() - before_s < 2


def test_pending_leaves_out_what_is_in_flight_and_stops_at_its_limits(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(6))
        in_flight = {Key(BOOT, 0), Key(BOOT, 2)}
        assert [s.key.sequence for s in journal.pending(2, skip=in_flight.__contains__)] == [1, 3]
        assert [s.key.sequence for s in journal.pending(9, max_bytes=59, skip=in_flight.__contains__)] == [1, 3]
        assert [s.key.sequence for s in journal.pending(9, max_bytes=60, skip=in_flight.__contains__)] == [1, 3, 4]


def test_an_upload_is_written_when_its_flush_is_due_and_not_before(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path, clock, flush_every_s=10) as journal:
        fill(journal, range(1))
        clock.now_s = 9.9
        fill(journal, range(1, 2))
        journal.tick()
        assert bytes_on_disk(tmp_path) == 0
        clock.now_s = 10
        journal.tick()
        assert bytes_on_disk(tmp_path) == 2 * (HEAD_BYTES + 20)


def test_what_was_flushed_was_synced_and_so_was_the_name_of_a_new_segment(tmp_path: Path) -> None:
    with opened(tmp_path) as journal, watched(lambda: bytes_on_disk(tmp_path)) as syncs:
        fill(journal, range(3))
        assert journal.flush()
        first = bytes_on_disk(tmp_path)
        assert syncs == [("fdatasync", first), ("fsync", first)]
        fill(journal, range(3, 5))
        assert journal.flush()
        assert syncs[2:] == [("fdatasync", bytes_on_disk(tmp_path))]
        assert bytes_on_disk(tmp_path) > first


def test_an_event_is_on_disk_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append(Key(BOOT, 0), payload(0), Priority.EVENT)
        data = segment_files(tmp_path)[0].read_bytes()
        assert [record.payload(data) for record in read_segment(data).records] == [payload(0)]


def test_nothing_is_written_while_receipts_come_before_the_flush(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path, clock, flush_every_s=10) as journal:
        for sequence in range(100):
            fill(journal, range(sequence, sequence + 1))
            clock.now_s += 5
            journal.acknowledge(Receipt(BOOT, (range(sequence + 1),)))
            journal.tick()
            assert segment_files(tmp_path) == []


def test_a_segment_is_deleted_once_everything_in_it_is_acknowledged(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(4))
        journal.flush()
        journal.acknowledge(Receipt(BOOT, (range(1, 4),)))
        assert len(segment_files(tmp_path)) == 1
        journal.acknowledge(Receipt(BOOT, (range(1),)))
        assert segment_files(tmp_path) == []
        fill(journal, range(4, 5))
        journal.flush()
        assert sequences(journal) == [4]


def test_a_refused_upload_leaves_like_an_acknowledged_one(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(2))
        journal.flush()
        assert journal.discard([Key(BOOT, 0), Key(BOOT, 7)]) == 1
        assert sequences(journal) == [1]
        assert taken(journal) == ()


def test_a_journal_opens_with_everything_that_was_flushed_in_its_order(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=150) as journal:
        fill(journal, range(7))
    with opened(tmp_path) as journal:
        assert journal.damage == []
        assert len(segment_files(tmp_path)) > 1
        assert journal.pending(10) == [Stored(Key(BOOT, s), payload(s)) for s in range(7)]
        fill(journal, range(3), boot=OTHER_BOOT)
        assert [stored.key.boot for stored in journal.pending(10)] == [BOOT] * 7 + [OTHER_BOOT] * 3


def test_an_upload_appended_twice_is_pending_once(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(2))
        journal.flush()
        fill(journal, range(3))
        assert sequences(journal) == [0, 1, 2]


def test_two_agents_cannot_hold_one_journal(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(HeldError, match="another agent uses this journal"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_said_and_written_as_soon_as_it_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file")
    with opened(tmp_path / "state" / "journal") as journal:
        troubles = [journal.trouble]
        assert "state/journal: cannot be used: Not a directory" in caplog.text
        journal.append(Key(BOOT, 0), payload(0), Priority.EVENT)
        assert sequences(journal) == [0]
        (tmp_path / "state").unlink()
        journal.append(Key(BOOT, 1), payload(1), Priority.EVENT)
        assert [*troubles, journal.trouble] == ["Not a directory", None]
    with opened(tmp_path / "state" / "journal") as journal:
        assert sequences(journal) == [0, 1]


def test_a_full_journal_evicts_its_oldest_uploads_and_names_them(tmp_path: Path) -> None:
    limit = 4000
    with opened(tmp_path, max_bytes=limit) as journal:
        fill(journal, range(100), size=100)
        evicted = taken(journal)
        left = sequences(journal)
        assert left == list(range(left[0], 100))
        assert evicted == (Eviction(BOOT, 0, left[0] - 1, FULL),)
        assert limit / 2 < journal.size_bytes <= limit
        assert bytes_on_disk(tmp_path) <= limit
        assert taken(journal) == ()


def test_an_upload_larger_than_the_journal_is_evicted_and_takes_nothing_with_it(tmp_path: Path) -> None:
    with opened(tmp_path, max_bytes=1000) as journal:
        fill(journal, range(2))
        journal.append(Key(BOOT, 2), bytes(1000))
        assert sequences(journal) == [0, 1]
        assert taken(journal) == (Eviction(BOOT, 2, 2, "larger than the journal may be"),)


WRITER = """
import sys, time
from pathlib import Path
from agent.journal.journal import Journal
from agent.journal.segments import Key
journal = Journal(Path(sys.argv[1]), time.monotonic, segment_bytes=5000)
sequence = 0
while True:
    for _ in range(7):
        journal.append(Key(bytes(16), sequence), sequence.to_bytes(4, "little") * 25)
        sequence += 1
    journal.flush()
    print(sequence, flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    rng = random.Random(9)
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(rng.randrange(1, 200)):
            writer.stdout.readline()
        writer.kill()
        lines = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        flushed = int(lines[-1]) if lines else 0
        with opened(folder) as journal:
            stored = journal.pending(1 << 30)
            assert len(stored) >= flushed
            for sequence, upload in enumerate(stored):
                assert upload == Stored(Key(bytes(16), sequence), sequence.to_bytes(4, "little") * 25)


ACTIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 300), st.booleans()),
    st.tuples(st.just("flush"), st.just(0), st.just(False)),
    st.tuples(st.just("crash"), st.just(0), st.just(False)),
    st.tuples(st.just("restart"), st.just(0), st.just(False)),
    st.tuples(st.just("acknowledge"), st.integers(0, 40), st.booleans()),
)
_folders = count()


@given(st.lists(ACTIONS, max_size=40), st.sampled_from([1000, 3000, 100_000]))
@example([*[("append", 0, False)] * 5, *[("append", 300, False)] * 3, ("crash", 0, False)], 1000)
def test_any_sequence_of_actions_leaves_exactly_what_a_simple_model_says(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, bool]], max_bytes: int
) -> None:
    """The model: pending uploads by number, those known to be durable, and those named as evicted."""
    folder = tmp_path_factory.mktemp("journal")
    journal = opened(folder, max_bytes=max_bytes)
    pending: dict[int, bytes] = {}
    durable: set[int] = set()
    gone: set[int] = set()  # acknowledged: a crash may bring these back, nothing else
    named: set[int] = set()
    next_sequence = 0
    for action, number, flag in actions:
        if action == "append":
            pending[next_sequence] = payload(next_sequence, number)
            priority = Priority.EVENT if flag else Priority.HISTORY
            journal.append(Key(BOOT, next_sequence), pending[next_sequence], priority)
            durable |= set(pending) if flag else set()
            next_sequence += 1
        elif action == "flush":
            assert journal.flush()
            durable |= set(pending)
        elif action == "acknowledge":
            covered = {s for s in pending if (s >= number if flag else s < number)}
            held = range(number, 1000) if flag else range(number)
            assert journal.acknowledge(Receipt(BOOT, (held,))) == len(covered)
            gone |= covered
            pending = {s: p for s, p in pending.items() if s not in covered}
        else:
            if action == "crash":
                crashed = folder.with_name(f"{folder.name}-{next(_folders)}")
                shutil.copytree(folder, crashed)
                journal.close()
                folder = crashed
            else:
                journal.close()
                durable |= set(pending)
            journal = opened(folder, max_bytes=max_bytes)
            found = {stored.key.sequence: stored.payload for stored in journal.pending(1 << 30)}
            assert set(pending) & durable <= set(found) <= set(pending) | gone
            assert all(payload(s, len(p)) == p for s, p in found.items())
            assert journal.damage == []
            pending = found
        told = {s for e in taken(journal) for s in range(e.first, e.last + 1)}
        evicted = told & set(pending)
        # A restart tells again what was told and not receipted.
        assert told - evicted <= named
        named |= told
        survivors = set(pending) - evicted
        assert not evicted or not survivors or max(evicted) < max(survivors)
        pending = {s: pending[s] for s in survivors}
        assert {stored.key.sequence: stored.payload for stored in journal.pending(1 << 30)} == pending
        assert journal.size_bytes <= max_bytes
        assert bytes_on_disk(folder) <= max_bytes
    journal.close()
