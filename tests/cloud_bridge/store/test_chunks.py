"""What is kept of a chunk's messages is what they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.model import Message, Origin, Position
from cloud_bridge.store.sqlite.chunks import pack, pack_clock, unpack, unpack_dated

KERNEL = b"kernel01"


@given(st.lists(st.tuples(st.integers(0, 2**42), st.integers(0, 2**43)), max_size=20))
def test_messages_are_read_back_as_they_were_with_and_without_their_origin(times: list[tuple[int, int]]) -> None:
    dated = [
        Message(utc_ms, {"kinetic.speed": 1.5}, Position(utc_ms, 2.0, 48.0), Origin(KERNEL, at_ms))
        for at_ms, utc_ms in sorted(times)
    ]
    bare = [Message(one.at_ms, one.values, one.position) for one in dated]
    assert unpack(pack(dated)) == bare
    assert unpack_dated(pack(dated), pack_clock(dated), KERNEL) == dated
    assert unpack_dated(pack(bare), pack_clock(bare), KERNEL) == bare


def test_the_clock_of_regular_messages_takes_next_to_nothing() -> None:
    minute = [Message(at_ms, {}, None, Origin(KERNEL, at_ms)) for at_ms in range(10**9, 10**9 + 60_000, 500)]
    assert len(pack_clock(minute)) < 30
