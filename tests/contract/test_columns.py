from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.columns import VALUE_MAXIMUM, VALUE_MINIMUM, Column, pack, unpack
from contract.wire import Refusal, WireError
from tests.contract.strategies import columns

values = st.integers(VALUE_MINIMUM, VALUE_MAXIMUM)


@st.composite
def blocks(draw: st.DrawFn) -> list[tuple[int | None, ...]]:
    rows = draw(st.integers(1, 60))
    return draw(st.lists(columns(rows), min_size=1, max_size=6))


def bits(columns: list[Column]) -> int:
    return 8 * len(pack(columns))


def refusal(data: bytes, columns: int, rows: int) -> Refusal:
    with pytest.raises(WireError) as caught:
        unpack(data, columns, rows)
    return caught.value.reason


@given(blocks())
def test_what_was_packed_is_unpacked(block: list[tuple[int | None, ...]]) -> None:
    assert [tuple(column) for column in unpack(pack(block), len(block), len(block[0]))] == block


@given(st.lists(st.one_of(values, st.none()), min_size=1, max_size=30))
def test_every_value_within_the_limits_survives_beside_any_other(column: list[int | None]) -> None:
    assert unpack(pack([column]), 1, len(column)) == [column]


@pytest.mark.parametrize("value", [0, 1, -1, 2**63, -(2**63), 2**64 - 1, VALUE_MAXIMUM, VALUE_MINIMUM])
@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_jumps_between_extremes_survive(value: int, rows: int) -> None:
    column: Column = [value if row % 2 else -value for row in range(rows)]
    lone: Column = [value if row == rows // 2 else 0 for row in range(rows)]
    assert unpack(pack([column, lone]), 2, rows) == [column, lone]


@pytest.mark.parametrize("value", [VALUE_MAXIMUM + 1, VALUE_MINIMUM - 1, 2**80])
def test_a_value_beyond_the_limits_is_refused_by_the_writer(value: int) -> None:
    with pytest.raises(WireError) as caught:
        pack([[0, value]])
    assert caught.value.reason is Refusal.OUT_OF_RANGE


def test_limits_narrower_than_the_block_hold_on_both_sides() -> None:
    data = pack([[0, 255, 0]])
    assert unpack(data, 1, 3, 0, 255) == [[0, 255, 0]]
    for minimum, maximum in ((0, 254), (1, 255)):
        with pytest.raises(WireError):
            unpack(data, 1, 3, minimum, maximum)
        with pytest.raises(WireError):
            pack([[0, 255, 0]], minimum, maximum)


def test_columns_of_a_block_are_of_equal_length() -> None:
    with pytest.raises(WireError):
        pack([[1, 2], [1]])


def test_a_block_without_rows_or_columns_is_empty() -> None:
    assert pack([]) == pack([[], []]) == b""
    assert unpack(b"", 2, 0) == [[], []]
    assert unpack(b"", 0, 5) == []
    assert refusal(b"\0", 2, 0) is Refusal.MALFORMED


# What each kind of column costs: exact, so that a change of the code that costs bytes is seen.


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([7] * 1000, 1 + 1 + 8),
        ([None] * 1000, 1 + 2),
        (list(range(0, 5000, 5)), 1 + 3 + 4 + 8 + 1 + 4),
        ([0] * 500 + [1] * 500, 1 + 2 + 4 + 1 + 4 + (8 + 1 + 9) + (4 + 1) + 4),
        ([3, 1] * 500, 1 + 3 + 4 + 1 + 4 + 1000 + 1000),
    ],
    ids=["constant", "absent", "line", "one step", "noise"],
)
def test_a_simple_column_costs_what_it_says(column: list[int | None], expected: int) -> None:
    assert bits([column]) <= (expected + 7) // 8 * 8


def test_a_wild_value_does_not_flood_a_block() -> None:
    calm: list[int | None] = [row % 3 for row in range(600)]
    wild = calm.copy()
    wild[300] = 2**64 - 1
    assert bits([wild]) < bits([calm]) + 300


def test_a_gap_costs_its_edges_only() -> None:
    whole: list[int | None] = [1000 + row % 2 for row in range(600)]
    gap: list[int | None] = [None if 200 <= row < 300 else value for row, value in enumerate(whole)]
    assert bits([gap]) < bits([whole])


@given(st.binary(max_size=60), st.integers(0, 5), st.integers(0, 80))
def test_bytes_of_any_kind_are_unpacked_or_refused(data: bytes, columns: int, rows: int) -> None:
    try:
        block = unpack(data, columns, rows)
    except WireError:
        return
    assert [len(column) for column in block] == [rows] * columns


@given(blocks(), st.data())
def test_a_flipped_bit_never_raises_anything_but_a_refusal(block: list[Column], data: st.DataObject) -> None:
    packed = bytearray(pack(block))
    flipped = data.draw(st.integers(0, 8 * len(packed) - 1))
    packed[flipped // 8] ^= 1 << flipped % 8
    try:
        unpacked = unpack(bytes(packed), len(block), len(block[0]))
    except WireError:
        return
    assert [len(column) for column in unpacked] == [len(block[0])] * len(block)


@given(blocks(), st.data())
def test_a_block_cut_short_is_refused(block: list[Column], data: st.DataObject) -> None:
    packed = pack(block)
    cut = data.draw(st.integers(0, len(packed) - 1))
    assert refusal(packed[:cut], len(block), len(block[0])) is Refusal.MALFORMED


@given(blocks(), st.binary(min_size=1, max_size=3))
def test_bytes_after_a_block_are_refused(block: list[Column], rest: bytes) -> None:
    assert refusal(pack(block) + rest, len(block), len(block[0])) is Refusal.MALFORMED


def test_a_set_bit_in_the_filling_is_refused() -> None:
    data = pack([[0, 0]])
    assert data == bytes([0b1_1_0_000_00])
    assert refusal(bytes([data[0] | 1]), 1, 2) is Refusal.MALFORMED


def block_of(*parts: str) -> bytes:
    written = "".join(parts)
    size = (len(written) + 7) // 8
    return int(written.ljust(8 * size, "0"), 2).to_bytes(size, "big")


ZERO = "0000"
FIRST, SECOND = "01" + ZERO, "001" + ZERO
DENSE, SPARSE = "0", "1"


@pytest.mark.parametrize(
    ("parts", "columns", "rows", "reason"),
    [
        (("1", "1", "1111" * 24, ZERO), 1, 5, Refusal.OUT_OF_RANGE),  # a number that never ends
        (("1", FIRST, DENSE, "1111" + "0111", "1" * 4), 1, 5, Refusal.MALFORMED),  # k = 63, no remainders
        (("1", FIRST, DENSE, "1111" + "1111" + "0111", "1" * 4), 1, 5, Refusal.OUT_OF_RANGE),  # k = 511
        (("1", FIRST, DENSE, ZERO, "0" * 500, "1"), 1, 3, Refusal.MALFORMED),  # a quotient without an end
        (("1", FIRST, DENSE, ZERO, "0" * 25, "1", "1"), 1, 3, Refusal.MALFORMED),  # a quotient beyond the escape
        (("1", FIRST, SPARSE, "1111" + "0111"), 1, 5, Refusal.MALFORMED),  # 63 places in 4 rows
        (("1", FIRST, SPARSE, "1111" * 23 + "0111"), 1, 5, Refusal.MALFORMED),  # 2**72 - 1 places
        (("1", FIRST, SPARSE, "0001", ZERO, "00001", ZERO, "1"), 1, 5, Refusal.MALFORMED),  # a place after the last row
        (("1", SECOND, "0001", DENSE), 1, 1, Refusal.MALFORMED),  # second differences in one row
        (("0", "01", "0001", ZERO, "000001", ZERO), 1, 5, Refusal.MALFORMED),  # presence changes after the last row
    ],
)
def test_a_block_that_says_what_cannot_be_is_refused(
    parts: tuple[str, ...], columns: int, rows: int, reason: Refusal
) -> None:
    assert refusal(block_of(*parts), columns, rows) is reason


def test_differences_may_not_add_up_beyond_the_limits() -> None:
    k67 = "1001" + "1000" + "0011"
    largest = "1" * 66 + "0"
    assert unpack(block_of("1", FIRST, DENSE, k67, "1", largest), 1, 2) == [[0, VALUE_MAXIMUM]]
    assert refusal(block_of("1", FIRST, DENSE, k67, "11", largest * 2), 1, 3) is Refusal.OUT_OF_RANGE


def test_a_block_of_the_largest_size_is_refused_in_bounded_time() -> None:
    started = time.process_time()
    for filling in (b"\x00", b"\xff", b"\x55", b"\x24"):
        try:
            unpack(b"\x92" + filling * (256 * 1024), 15, 65_536)
        except WireError:
            continue
    assert time.process_time() - started < 10
