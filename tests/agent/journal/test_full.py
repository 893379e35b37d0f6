"""A journal that is full thins history first, then drops it, then states, and events last; and says all of it."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal.evictions import FILE, Eviction, merged, read_evictions
from agent.journal.journal import Journal
from agent.journal.room import FULL
from agent.journal.segments import MARKER, Key, Priority, read_segment, segment_files
from agent.journal.thinning import thinned, thinned_payload
from contract.manifest import encode_manifest
from contract.receipt import Receipt
from contract.upload import Count, decode_upload, encode_upload
from tests.agent.journal.syncs import folders_that_cannot_be_synced, watched
from tests.contract.drive import MANIFEST, UPLOAD

BOOT = bytes(range(16))
EVENT, STATE, HISTORY = Priority.EVENT, Priority.STATE, Priority.HISTORY


def halved(payload: bytes) -> tuple[bytes, int] | None:
    return (payload[::2], len(payload) // 2) if len(payload) > 20 else None


def opened(folder: Path, max_bytes: int, thinner: Callable[[bytes], tuple[bytes, int] | None] | None = None) -> Journal:
    return Journal(folder, lambda: 0.0, max_bytes=max_bytes, segment_bytes=1000, thinner=thinner)


def held(journal: Journal) -> dict[int, int]:
    """Sizes of payloads by number."""
    return {stored.key.sequence: len(stored.payload) for stored in journal.pending(1 << 30)}


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in segment_files(folder))


def test_history_is_thinned_evenly_before_any_upload_is_dropped(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000, halved) as journal:
        for sequence in range(400):
            journal.append(Key(BOOT, sequence), bytes(160))
            sizes = list(held(journal).values())
            if min(sizes, default=160) > 20:
                assert journal.evicted == 0
            assert journal.size_bytes <= 20_000
            assert on_disk(tmp_path) <= 20_000
        assert journal.evicted > 0
        assert journal.thinned_samples > 0
        assert set(held(journal)) == set(range(journal.evicted, 400))


def test_events_stay_whole_and_go_last(tmp_path: Path) -> None:
    priorities = {0: EVENT, 1: STATE, 17: EVENT, 40: STATE}
    with opened(tmp_path, 8000, halved) as journal:
        for sequence in range(300):
            journal.append(Key(BOOT, sequence), bytes(160), priorities.get(sequence, HISTORY))
        sizes = held(journal)
        assert {0, 1, 17, 40} <= set(sizes)
        assert {sizes[each] for each in priorities} == {160}
        for sequence in range(300, 400):
            journal.append(Key(BOOT, sequence), bytes(160), EVENT)
        left = held(journal)
        assert 1 not in left  # States went before
        assert 0 not in left  # the oldest events.
        assert list(left) == list(range(min(left), 400))
        gone = journal.take_evicted(Key(BOOT, 400))
        assert merged(gone) == [Eviction(BOOT, 0, min(left) - 1, FULL)]


def test_what_was_thinned_is_known_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000, halved) as journal:
        for sequence in range(12):
            journal.append(Key(BOOT, sequence), bytes(160))
        journal.flush()
        assert journal.thin()
    with opened(tmp_path, 20_000, halved) as journal:
        sizes = held(journal)
        assert min(sizes.values()) == 80
        while journal.thin():
            pass
        assert set(held(journal).values()) == {20}


def test_thinning_ahead_makes_room_in_a_thread_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000, halved) as journal:
        thread = threading.Thread(target=journal.thin_ahead)
        thread.start()
        for sequence in range(95):
            journal.append(Key(BOOT, sequence), bytes(160))
        assert journal.evicted == 0
    thread.join(30)
    assert not thread.is_alive()


def test_an_upload_receipted_while_it_is_thinned_does_not_come_back(tmp_path: Path) -> None:
    def receipted_meanwhile(payload: bytes) -> tuple[bytes, int] | None:
        journal.acknowledge(Receipt(BOOT, (range(3),)))
        return halved(payload)

    with opened(tmp_path, 20_000, receipted_meanwhile) as journal:
        for sequence in range(9):
            journal.append(Key(BOOT, sequence), bytes(160))
        journal.flush()
        assert journal.thin()
        assert set(held(journal)) == set(range(3, 9))
    with opened(tmp_path, 20_000) as journal:
        assert set(held(journal)) == set(range(3, 9))


def test_two_who_thin_the_same_at_once_count_once_what_that_costs(tmp_path: Path) -> None:
    others: list[threading.Thread] = []

    def another_meanwhile(payload: bytes) -> tuple[bytes, int] | None:
        if not others:
            others.append(threading.Thread(target=journal.thin))
            others[0].start()
            others[0].join(30)
        return halved(payload)

    with opened(tmp_path, 20_000, another_meanwhile) as journal:
        for sequence in range(6):
            journal.append(Key(BOOT, sequence), bytes(160))
        journal.flush()
        assert journal.thin()
        assert set(held(journal).values()) == {80}
        assert journal.thinned_samples == 6 * 80


def test_a_thinned_upload_says_what_it_lost_and_its_changes_stay() -> None:
    upload, lost = thinned(UPLOAD)
    assert [grid.stride for grid in upload.grids] == [2 * grid.stride for grid in UPLOAD.grids]
    assert [len(grid.columns[0]) for grid in upload.grids] == [15, 1]
    assert upload.changes == UPLOAD.changes
    assert upload.ledger.counts[Count.THINNED] - UPLOAD.ledger.counts.get(Count.THINNED, 0) == lost > 0
    again, more = thinned(upload)
    assert again.ledger.counts[Count.THINNED] - upload.ledger.counts[Count.THINNED] == more
    assert again.grids[0].columns == tuple(column[::4] for column in UPLOAD.grids[0].columns)


def test_a_payload_is_thinned_by_the_manifest_it_names() -> None:
    payload = encode_upload(UPLOAD, MANIFEST)
    found = thinned_payload(payload, lambda _: encode_manifest(MANIFEST))
    assert found is not None
    assert (decode_upload(found[0], MANIFEST), found[1]) == thinned(UPLOAD)
    assert thinned_payload(payload, lambda _: None) is None
    assert thinned_payload(b"no upload", lambda _: encode_manifest(MANIFEST)) is None


def test_rewriting_is_durable_and_drops_what_it_says(tmp_path: Path) -> None:
    def redacted(key: Key, payload: bytes) -> bytes | None:
        return None if key.sequence % 3 == 0 else payload.replace(b"secret", b"")

    with opened(tmp_path, 20_000) as journal:
        for sequence in range(20):
            journal.append(Key(BOOT, sequence), b"secret%d" % sequence * 9, EVENT if sequence == 4 else HISTORY)
        assert journal.rewrite(redacted, "privacy")
        left = [sequence for sequence in range(20) if sequence % 3]
        assert sorted(held(journal)) == left
        assert not any(b"secret" in path.read_bytes() for path in segment_files(tmp_path))
        assert [each.first for each in journal.take_evicted(Key(BOOT, 20))] == list(range(0, 20, 3))
    with opened(tmp_path, 20_000) as journal:
        assert sorted(held(journal)) == left
        assert all(b"secret" not in stored.payload for stored in journal.pending(99))


def test_a_rewrite_that_is_in_place_but_not_yet_durable_is_read_as_it_is_and_not_done_yet(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as journal:
        for sequence in range(4):
            journal.append(Key(BOOT, sequence), b"secret%d" % sequence * 9, EVENT)
        with folders_that_cannot_be_synced():
            assert not journal.rewrite(lambda _key, payload: payload.replace(b"secret", b""), "privacy")
        assert held(journal) == dict.fromkeys(range(4), 9)
        assert journal.damage == []
        with watched(lambda: None) as syncs:
            assert journal.let_go()
        assert syncs == [("fsync", None)]  # Of the folder.
    with opened(tmp_path, 20_000) as journal:
        assert held(journal) == dict.fromkeys(range(4), 9)


def test_nothing_is_to_go_while_the_journal_is_rewritten(tmp_path: Path) -> None:
    seen: list[object] = []

    def look(key: Key, payload: bytes) -> bytes:
        seen.extend([journal.pending(9), journal.get(key)])
        return payload

    with opened(tmp_path, 20_000) as journal:
        journal.append(Key(BOOT, 0), b"on disk", EVENT)
        journal.append(Key(BOOT, 1), b"in memory")
        assert journal.rewrite(look, "privacy")
        assert seen == [[], None] * 2
        assert set(held(journal)) == {0, 1}


@pytest.mark.parametrize("priority", [EVENT, HISTORY], ids=["on disk", "in memory"])
def test_what_was_read_before_a_rewrite_is_not_handed_over_after_it(tmp_path: Path, priority: Priority) -> None:
    given: list[bytes] = []

    def hand_over(payload: bytes) -> bool:
        return journal.hand_over(Key(BOOT, 0), payload, lambda: given.append(payload))

    with opened(tmp_path, 20_000) as journal:
        journal.append(Key(BOOT, 0), b"a secret", priority)
        assert hand_over(b"a secret")
        journal.rewrite(lambda _key, payload: payload[:1], "privacy")
        assert not hand_over(b"a secret")
        assert hand_over(b"a")
        journal.rewrite(lambda _key, _payload: None, "privacy")
        assert not hand_over(b"a")
    assert given == [b"a secret", b"a"]


def test_no_rewrite_comes_between_the_look_and_the_handing_over(tmp_path: Path) -> None:
    rewritten = threading.Event()

    def rewrite() -> None:
        journal.rewrite(lambda _key, _payload: b"", "privacy")
        rewritten.set()

    with opened(tmp_path, 20_000) as journal:
        journal.append(Key(BOOT, 0), b"a secret", EVENT)
        thread = threading.Thread(target=rewrite)

        def give() -> None:
            thread.start()
            assert not rewritten.wait(0.1)

        assert journal.hand_over(Key(BOOT, 0), b"a secret", give)
        assert rewritten.wait(30)
        thread.join()


def test_a_rewrite_is_not_done_while_there_are_uploads_that_nobody_here_can_read(tmp_path: Path) -> None:
    rest = b"of a version to come"
    crc = crc32(rest, crc32(struct.pack("<BI", 9, len(rest))))
    newer = struct.pack("<3sBII", MARKER, 9, len(rest), crc) + rest
    (tmp_path / "00000001.segment").write_bytes(newer)
    with opened(tmp_path, 20_000) as journal:
        assert not journal.rewrite(lambda _key, payload: payload, "privacy")
        assert not journal.let_go()


def test_uploads_on_a_disk_that_comes_after_a_rewrite_are_rewritten_when_they_come(tmp_path: Path) -> None:
    with opened(tmp_path / "before", 20_000) as journal:
        journal.append(Key(BOOT, 0), b"a secret", EVENT)
    state = tmp_path / "state"
    state.write_text("a disk that is not mounted yet")
    with opened(state / "journal", 20_000) as journal:
        journal.rewrite(lambda _key, payload: payload.replace(b"secret", b""), "privacy")
        journal.append(Key(BOOT, 1), b"no secret any more")
        state.unlink()
        state.mkdir()
        (tmp_path / "before").rename(state / "journal")
        journal.append(Key(BOOT, 2), b"", EVENT)
        found = {stored.key.sequence: stored.payload for stored in journal.pending(9)}
        assert found == {0: b"a ", 1: b"no secret any more", 2: b""}
        assert not any(b"a secret" in path.read_bytes() for path in segment_files(state / "journal"))


def test_a_power_cut_while_rewriting_leaves_the_old_or_the_new_and_no_rest(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as journal:
        journal.append(Key(BOOT, 0), b"old", EVENT)
    unfinished = tmp_path / "00000001.segment.new"
    unfinished.write_bytes(b"half of the n")
    with opened(tmp_path, 20_000) as journal:
        assert [stored.payload for stored in journal.pending(9)] == [b"old"]
        assert journal.damage == []
        assert not unfinished.exists()


def test_evictions_are_kept_until_an_upload_that_names_them_is_receipted(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as journal:
        journal.lose(Key(BOOT, 3), "for a reason")
        assert journal.take_evicted(Key(BOOT, 4)) == (Eviction(BOOT, 3, 3, "for a reason"),)
        assert journal.take_evicted(Key(BOOT, 5)) == ()
    with opened(tmp_path, 20_000) as journal:
        journal.append(Key(BOOT, 6), b"", EVENT)
        assert journal.take_evicted(Key(BOOT, 6)) == (Eviction(BOOT, 3, 3, "for a reason"),)
        journal.acknowledge(Receipt(BOOT, (range(6, 7),)))
    assert not (tmp_path / FILE).exists()


def test_what_named_an_eviction_and_is_itself_evicted_leaves_it_to_the_next(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as journal:
        journal.lose(Key(BOOT, 3), FULL)
        journal.take_evicted(Key(BOOT, 4))
        journal.lose(Key(BOOT, 4), FULL)
        assert journal.take_evicted(Key(BOOT, 5)) == (Eviction(BOOT, 3, 4, FULL),)


def test_what_a_refused_upload_named_is_named_by_the_next(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as journal:
        journal.lose(Key(BOOT, 3), FULL)
        gone = journal.take_evicted(Key(BOOT, 4))
        journal.append(Key(BOOT, 4), b"", EVENT)
        journal.discard([Key(BOOT, 4)])
        assert journal.take_evicted(Key(BOOT, 5)) == gone == (Eviction(BOOT, 3, 3, FULL),)


def test_what_is_pending_after_all_is_not_named_as_evicted(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as journal:
        for sequence in (1, 4):
            journal.append(Key(BOOT, sequence), b"", EVENT)
        for sequence in range(6):
            journal.lose(Key(BOOT, sequence), FULL)
    with opened(tmp_path, 20_000) as journal:
        named = journal.take_evicted(Key(BOOT, 9))
        assert [(each.first, each.last) for each in named] == [(0, 0), (2, 3), (5, 5)]


@pytest.mark.parametrize("bit", range(0, 8 * 60, 7))
def test_a_damaged_line_costs_only_itself(tmp_path: Path, bit: int) -> None:
    with opened(tmp_path, 20_000) as journal:
        journal.lose(Key(BOOT, 1), FULL)
        journal.lose(Key(BOOT, 5), FULL)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    (tmp_path / FILE).write_bytes(data)
    assert read_evictions(tmp_path) == [Eviction(BOOT, 5, 5, FULL)]
    opened(tmp_path, 20_000).close()


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 5), st.sampled_from("ab")), max_size=30)
)
def test_merging_loses_and_adds_nothing(stretches: list[tuple[int, int, int, str]]) -> None:
    evictions = [Eviction(bytes([boot]), first, first + more, reason) for boot, first, more, reason in stretches]

    def numbers(each: list[Eviction]) -> set[tuple[bytes, int, str]]:
        return {(one.boot, number, one.reason) for one in each for number in range(one.first, one.last + 1)}

    assert numbers(merged(evictions)) == numbers(evictions)


def test_a_rewritten_segment_keeps_its_place_and_priorities(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000, halved) as journal:
        for sequence in range(12):
            journal.append(Key(BOOT, sequence), bytes(160), EVENT if sequence == 2 else HISTORY)
        journal.flush()
        before = segment_files(tmp_path)
        assert journal.thin()
        assert segment_files(tmp_path) == before
        records = read_segment(before[0].read_bytes()).records
        assert [(record.priority, record.thinned) for record in records][:3] == [(HISTORY, 1), (HISTORY, 1), (EVENT, 0)]
