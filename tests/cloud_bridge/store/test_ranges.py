"""Ranges say exactly which numbers are in a set."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.store.ranges import Span, count, gaps, merged, overlapping, without

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def numbers(spans: list[Span]) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


@given(SPANS)
def test_merged_has_the_same_numbers_in_the_fewest_ranges(spans: list[Span]) -> None:
    result = merged(spans)
    assert numbers(result) == numbers(spans)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(result))
    assert count(result) == len(numbers(spans))


@given(SPANS)
def test_gaps_are_the_numbers_below_the_last_that_are_not_there(spans: list[Span]) -> None:
    held = numbers(spans)
    assert numbers(gaps(spans)) == set(range(max(held, default=0))) - held


@given(SPANS, SPANS)
def test_without_removes_exactly_what_is_named(spans: list[Span], removed: list[Span]) -> None:
    assert numbers(without(spans, removed)) == numbers(spans) - numbers(removed)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))))
def test_groups_do_not_overlap_one_another_and_hold_together(extents: list[Span]) -> None:
    groups = list(overlapping(sorted(extents), lambda extent: extent))
    assert [extent for group in groups for extent in group] == sorted(extents)
    for earlier, later in pairwise(groups):
        assert max(end for _, end in earlier) <= later[0][0]
    for group in groups:
        assert len(merged((start, end - 1) for start, end in group)) == 1
