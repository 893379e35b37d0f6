"""From frames to ISO-TP messages, whatever a bus carries."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.isotp.assembler import LONGEST, PATIENCE_MS, Assembled, Assembler


def frames_of(message: bytes, frame_bytes: int = 8) -> list[bytes]:
    """A message as ISO 15765-2 cuts it, written from the standard and not from the assembler."""
    if len(message) <= 7:
        return [bytes([len(message)]) + message]
    if frame_bytes > 8 and len(message) <= frame_bytes - 2:
        return [bytes([0, len(message)]) + message]
    head = frame_bytes - 2
    frames = [(0x1000 | len(message)).to_bytes(2, "big") + message[:head]]
    for number, start in zip(count(1), range(head, len(message), frame_bytes - 1), strict=False):
        frames.append(bytes([0x20 | number % 16]) + message[start : start + frame_bytes - 1])
    return frames


def put_together(assembler: Assembler, frames: list[bytes], at_ms: int = 0, gap_ms: int = 10) -> list[bytes]:
    taken = (
        assembler.take(Frame(at_ms + gap_ms * number, "can0", 0x7E8, False, data)) for number, data in enumerate(frames)
    )
    return [message for message in taken if message is not None]


def numbered(length: int) -> bytes:
    return bytes(number & 0xFF for number in range(length))


@pytest.mark.parametrize("length", [1, 7, 8, 13, 14, 20, 118, 119, 300, LONGEST])
@pytest.mark.parametrize("frame_bytes", [8, 12, 64])
def test_a_message_comes_out_as_it_was_cut(length: int, frame_bytes: int) -> None:
    assembler = Assembler()
    assert put_together(assembler, frames_of(numbered(length), frame_bytes), gap_ms=1) == [numbered(length)]
    assert assembler.counts == Assembled(whole=1)


def test_the_padding_of_a_frame_is_no_part_of_the_message() -> None:
    padded = [bytes.fromhex(frame).ljust(8, b"\xaa") for frame in ("0341 0D 28", "10 09 62F1904142434445")]
    assembler = Assembler()
    assert put_together(assembler, [padded[0], padded[1][:8], bytes.fromhex("21464748AAAAAAAA")]) == [
        bytes.fromhex("410D28"),
        bytes.fromhex("62F190414243") + bytes.fromhex("464748"),
    ]


def test_a_frame_out_of_sequence_ends_its_message_and_no_other() -> None:
    frames = frames_of(numbered(30))
    frames[2], frames[3] = frames[3], frames[2]
    assembler = Assembler()
    assert put_together(assembler, [*frames, *frames_of(numbered(30))]) == [numbered(30)]
    assert assembler.counts == Assembled(whole=1, out_of_sequence=1, stray=2)


def test_a_repeated_frame_ends_its_message() -> None:
    frames = frames_of(numbered(30))
    assembler = Assembler()
    assert put_together(assembler, [*frames[:3], frames[2], *frames[3:]]) == []
    assert assembler.counts.out_of_sequence == 1


def test_a_message_that_never_ends_is_given_up_after_a_second() -> None:
    assembler = Assembler()
    put_together(assembler, frames_of(numbered(100))[:5])
    late_ms = 40 + PATIENCE_MS + 1
    assert put_together(assembler, frames_of(numbered(9)), late_ms) == [numbered(9)]
    assert assembler.counts == Assembled(whole=1, unfinished=1)


def test_a_frame_that_comes_in_time_still_counts() -> None:
    assembler = Assembler()
    assert put_together(assembler, frames_of(numbered(20)), gap_ms=PATIENCE_MS) == [numbered(20)]


def test_what_follows_a_message_that_was_given_up_is_no_part_of_the_next() -> None:
    frames = frames_of(numbered(20))
    assembler = Assembler()
    put_together(assembler, frames[:2])
    assert put_together(assembler, frames[2:], 10 + PATIENCE_MS + 1) == []
    assert assembler.counts == Assembled(unfinished=1, stray=1)


def test_a_message_takes_the_place_of_one_that_was_not_finished() -> None:
    other = bytes(reversed(numbered(20)))
    assembler = Assembler()
    assert put_together(assembler, [*frames_of(numbered(30))[:2], *frames_of(other)]) == [other]
    assert assembler.counts == Assembled(whole=1, unfinished=1)


def test_a_single_frame_in_the_midst_of_a_message_ends_it() -> None:
    frames = frames_of(numbered(20))
    assembler = Assembler()
    assert put_together(assembler, [frames[0], b"\x01\x55", *frames[1:]]) == [b"\x55"]
    assert assembler.counts == Assembled(whole=1, unfinished=1, stray=2)


def test_flow_control_ends_nothing() -> None:
    frames = frames_of(numbered(20))
    assembler = Assembler()
    assert put_together(assembler, [frames[0], bytes.fromhex("3000000000000000"), *frames[1:]]) == [numbered(20)]


def test_a_message_that_says_it_is_too_long_takes_no_memory() -> None:
    assembler = Assembler()
    first = bytes.fromhex("1000") + (1 << 31).to_bytes(4, "big") + b"ab"
    assert put_together(assembler, [first, bytes.fromhex("21") + bytes(7)]) == []
    assert assembler.counts == Assembled(overlong=1, stray=1)


@pytest.mark.parametrize(
    "frame",
    ["", "00", "0000000000000000", "0541", "08FFFFFFFFFFFFFF", "1014", "1007FFFFFFFFFFFF", "40", "FF" * 8],
    ids=lambda frame: frame or "empty",
)
def test_a_frame_that_is_none_is_counted_and_nothing_else(frame: str) -> None:
    assembler = Assembler()
    assert put_together(assembler, [bytes.fromhex(frame), *frames_of(numbered(9))]) == [numbered(9)]
    assert assembler.counts == Assembled(whole=1, malformed=1)


def test_a_consecutive_frame_that_is_too_short_ends_its_message() -> None:
    frames = frames_of(numbered(30))
    assembler = Assembler()
    assert put_together(assembler, [frames[0], frames[1][:5], *frames[2:]]) == []
    assert assembler.counts == Assembled(malformed=1, stray=3)


def test_listening_may_begin_in_the_midst_of_a_message() -> None:
    assembler = Assembler()
    assert put_together(assembler, [*frames_of(numbered(30))[2:], *frames_of(numbered(9))]) == [numbered(9)]
    assert assembler.counts == Assembled(whole=1, stray=3)


@given(st.lists(st.binary(min_size=0, max_size=64), max_size=60), st.binary(min_size=8, max_size=200))
def test_whatever_came_before_a_message_comes_out_and_memory_is_bounded(noise: list[bytes], message: bytes) -> None:
    assembler = Assembler()
    for whole in put_together(assembler, noise):
        assert len(whole) <= LONGEST
    assert put_together(assembler, frames_of(message), 10 * len(noise)) == [message]
