"""The share of the bus that asking may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.asking.address import Address
from agent.asking.share import Share, exchange_bits, frame_bits

ADDRESS = Address(0x7E0, 0x7E8)


def test_a_frame_has_as_many_bits_as_the_standard_says() -> None:
    # ISO 11898-1: 8 bytes, 11-bit id: 111 with the space behind, 24 stuffed at most; 29-bit id: 131 and 29.
    assert (frame_bits(False), frame_bits(True)) == (135, 160)
    assert frame_bits(False, 0) == 55


@pytest.mark.parametrize(("answer_bytes", "frames"), [(0, 1), (3, 2), (7, 2), (8, 4), (13, 4), (14, 5), (4095, 588)])
def test_an_exchange_has_question_answer_and_flow_control(answer_bytes: int, frames: int) -> None:
    assert exchange_bits(ADDRESS, answer_bytes) == frames * 135
    assert exchange_bits(Address(0x18DA10F1, 0x18DAF110), answer_bytes) == frames * 160


@given(
    st.floats(0.001, 0.1),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 4095)), min_size=1, max_size=200),
)
def test_no_more_is_asked_than_the_share(share: float, exchanges: list[tuple[int, int]]) -> None:
    """Whatever is asked and answered, whenever: up to any moment, no more than the share and one exchange."""
    rate = 500_000 * share
    bucket = Share(500_000, share)
    now_ms, paid, last = 0, 0, 0
    for pause_ms, answer_bytes in exchanges:
        now_ms += pause_ms
        wait_ms = bucket.wait_ms(now_ms)
        if wait_ms:
            now_ms += wait_ms + 1
            assert bucket.wait_ms(now_ms) == 0
        last = exchange_bits(ADDRESS, answer_bytes)
        bucket.pay(last)
        paid += last
        assert paid - last <= rate * now_ms / 1000 + rate + 1
