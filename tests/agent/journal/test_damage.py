"""Damage costs the records that it is in, and is named."""

from __future__ import annotations

import random
from pathlib import Path

from agent.journal.evictions import Eviction
from agent.journal.journal import Journal
from agent.journal.segments import HEAD_BYTES, MARKER, Key, encode_record, segment_files
from tests.agent.journal.filled import BOOT, fill, opened, payload, sequences, taken


def image(records: list[bytes]) -> tuple[bytes, list[range]]:
    """A segment's bytes and where each record lies in them."""
    ends = [sum(map(len, records[: i + 1])) for i in range(len(records))]
    return b"".join(records), [range(end - len(record), end) for record, end in zip(records, ends, strict=True)]


# One payload holds a marker, one is empty, one is a whole record of another upload.
RECORDS = [
    encode_record(Key(BOOT, 0), b"first"),
    encode_record(Key(BOOT, 1), MARKER + b"\x05\x00\x00\x00 no record"),
    encode_record(Key(BOOT, 2), b""),
    encode_record(Key(BOOT, 3), b"last"),
]


def reopen(folder: Path, data: bytes) -> tuple[list[int], Journal]:
    (folder / "00000001.segment").write_bytes(data)
    journal = opened(folder)
    found = sequences(journal)
    journal.close()
    return found, journal


def test_a_journal_cut_anywhere_opens_with_every_whole_record_and_names_the_rest(tmp_path: Path) -> None:
    data, places = image(RECORDS)
    for cut in range(len(data) + 1):
        found, journal = reopen(tmp_path, data[:cut])
        whole = [i for i, place in enumerate(places) if place.stop <= cut]
        assert found == whole
        end_of_whole = places[whole[-1]].stop if whole else 0
        lost = [(damage.offset, damage.size) for damage in journal.damage]
        assert lost == ([(end_of_whole, cut - end_of_whole)] if cut > end_of_whole else [])


def test_a_flipped_bit_anywhere_costs_the_record_it_is_in_and_is_named(tmp_path: Path) -> None:
    data, places = image(RECORDS)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found, journal = reopen(tmp_path, bytes(flipped))
        hit = next(i for i, place in enumerate(places) if bit // 8 in place)
        assert found == [i for i in range(len(RECORDS)) if i != hit]
        assert [(d.offset, d.size) for d in journal.damage] == [(places[hit].start, len(places[hit]))]


def test_a_large_journal_survives_holes_of_any_kind(tmp_path: Path) -> None:
    rng = random.Random(4)
    records = [encode_record(Key(BOOT, s), payload(s, rng.randrange(2000))) for s in range(100)]
    data, places = image(records)
    for _ in range(60):
        start = rng.randrange(len(data))
        stop = min(len(data), start + rng.choice([1, 10, 4096, 20_000]))
        filler = rng.choice([bytes(stop - start), rng.randbytes(stop - start), b"\xff" * (stop - start), b""])
        found, journal = reopen(tmp_path, data[:start] + filler + data[stop:])
        untouched = {i for i, p in enumerate(places) if p.stop <= start or p.start >= stop}
        assert untouched <= set(found)
        assert journal.damage or set(found) == set(range(100)) or filler == b""


def test_a_segment_that_is_damaged_while_the_agent_runs_is_named_as_evicted(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        fill(journal, range(3))
        journal.flush()
        path = segment_files(tmp_path)[0]
        data = bytearray(path.read_bytes())
        data[HEAD_BYTES + 20 + HEAD_BYTES + 3] ^= 8
        path.write_bytes(data)
        assert sequences(journal) == [0, 2]
        assert taken(journal) == (Eviction(BOOT, 1, 1, "the journal was damaged"),)
        assert [str(path) in str(damage) for damage in journal.damage] == [True]


def test_files_that_are_no_segments_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.txt", "zzzzzzzz.segment", "1.segment"):
        (tmp_path / name).write_bytes(b"mine")
    opened(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "zzzzzzzz.segment", "1.segment", "lock"}
