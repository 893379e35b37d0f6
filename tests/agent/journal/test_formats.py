"""The bytes of every version that was ever written, as they lie on the disks of vehicles. Never change them."""

from __future__ import annotations

import struct
from pathlib import Path
from zlib import crc32

import pytest

from agent.journal.journal import Journal, Stored
from agent.journal.segments import Key, Priority, encode_record, read_segment, segment_files
from contract.receipt import Receipt

BOOT = bytes(range(16))

VERSION_1 = bytes.fromhex(
    "c7434c010d000000cfd1f18e000102030405060708090a0b0c0d0e0f05000000000000007768617420776173"
    "2073616964c7434c0100000000086bdae9000102030405060708090a0b0c0d0e0f0600000000000000c7434c"
    "0107000000358747d500000000000000000000000000000000000000000001000000010203040506"
)
OF_VERSION_1 = [
    Stored(Key(BOOT, 5), b"what was said"),
    Stored(Key(BOOT, 6), b""),
    Stored(Key(bytes(16), 2**40), bytes(range(7))),
]
VERSION_2 = bytes.fromhex(
    "c7434c0227000000f5798035000102030405060708090a0b0c0d0e0f050000000000000000037768617420776173 2073616964"
)


def opened(folder: Path) -> Journal:
    return Journal(folder, lambda: 0.0)


def of_version_3(payload: bytes) -> bytes:
    """A record as a version to come may write it: the beginning is promised, the rest is not."""
    rest = b"another layout " + payload
    crc = crc32(rest, crc32(struct.pack("<BI", 3, len(rest))))
    return struct.pack("<3sBII", b"\xc7CL", 3, len(rest), crc) + rest


def test_a_journal_of_version_1_goes_out_unchanged_and_leaves_when_it_is_receipted(tmp_path: Path) -> None:
    (tmp_path / "00000007.segment").write_bytes(VERSION_1)
    with opened(tmp_path) as journal:
        assert journal.damage == []
        assert journal.pending(9) == OF_VERSION_1
        assert (tmp_path / "00000007.segment").read_bytes() == VERSION_1
        journal.append(Key(BOOT, 7), b"of today", Priority.EVENT)
    with opened(tmp_path) as journal:
        assert journal.pending(9) == [Stored(Key(BOOT, 7), b"of today", Priority.EVENT), *OF_VERSION_1]
        journal.acknowledge(Receipt(BOOT, (range(5, 8),)))
        journal.acknowledge(Receipt(bytes(16), (range(2**41),)))
        assert segment_files(tmp_path) == []


def test_version_2_is_read_and_written_with_these_bytes() -> None:
    (record,) = read_segment(VERSION_2).records
    assert (record.key, record.priority, record.thinned) == (Key(BOOT, 5), Priority.EVENT, 3)
    assert record.payload(VERSION_2) == b"what was said"
    assert encode_record(Key(BOOT, 5), b"what was said", Priority.EVENT, 3) == VERSION_2


def test_versions_may_follow_each_other_in_one_segment() -> None:
    contents = read_segment(VERSION_1 + VERSION_2 + of_version_3(b"") + VERSION_1)
    assert [record.key.sequence for record in contents.records] == [5, 6, 2**40, 5, 5, 6, 2**40]
    assert contents.newer == 1
    assert contents.skipped == ()


def test_what_a_newer_version_has_written_is_left_alone_and_counted_and_the_remedy_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = of_version_3(b"1") + of_version_3(b"2")
    mixed = encode_record(Key(BOOT, 0), b"known") + of_version_3(b"3")
    (tmp_path / "00000001.segment").write_bytes(newer)
    (tmp_path / "00000002.segment").write_bytes(mixed)
    with opened(tmp_path) as journal:
        assert journal.newer == 3
        assert journal.damage == []
        assert journal.pending(9) == [Stored(Key(BOOT, 0), b"known")]
        journal.append(Key(BOOT, 1), b"of today", Priority.EVENT)
        journal.acknowledge(Receipt(BOOT, (range(9),)))
        assert journal.depth == 0
        assert journal.newer == 3
    assert (tmp_path / "00000001.segment").read_bytes() == newer
    assert (tmp_path / "00000002.segment").read_bytes() == mixed
    assert len(segment_files(tmp_path)) == 2
    assert "install that version again" in caplog.text


def test_a_flipped_bit_never_makes_a_newer_version_of_a_record() -> None:
    for data in (VERSION_1, VERSION_2, of_version_3(b"some")):
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            contents = read_segment(bytes(flipped))
            assert contents.skipped
            assert contents.newer == 0
