"""No stretch of the window's length has more than was allowed, and what is refused would have been too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.access.window import SlidingWindow

SLOT, LENGTH = 10, 6
"""Instants in a slot, slots in the window."""
steps = st.lists(st.integers(0, 3 * SLOT), max_size=120)


@given(steps, st.integers(1, 12))
def test_no_stretch_of_its_length_has_more_than_the_limit(waits: list[int], limit: int) -> None:
    window, now = SlidingWindow(LENGTH), 0
    admitted: list[int] = []
    for wait in waits:
        now += wait
        counted = window.count(now // SLOT)
        # A request counts for the window's length at least, and for a slot more at most.
        assert sum(now - at < LENGTH * SLOT for at in admitted) <= counted
        assert counted <= sum(now - at < (LENGTH + 1) * SLOT for at in admitted)
        if counted < limit:
            window.add(now // SLOT)
            admitted.append(now)
    for first in admitted:
        assert sum(first <= at < first + LENGTH * SLOT for at in admitted) <= limit


@given(steps, st.integers(1, 12))
def test_there_is_room_when_it_says_and_not_before(waits: list[int], limit: int) -> None:
    window, slot = SlidingWindow(LENGTH), 0
    for wait in waits:
        slot += wait // SLOT
        if window.count(slot) >= limit:
            room = window.room_at(limit)
            assert room > slot
            assert window.count(room - 1) >= limit
            assert window.count(room) < limit
            slot = room
        window.add(slot)


@given(steps, steps, st.integers(0, 40))
def test_what_is_replaced_counts_as_if_it_had_always_been_so(before: list[int], after: list[int], since: int) -> None:
    window, expected = SlidingWindow(100), SlidingWindow(100)
    for slot in sorted(before):
        window.add(slot)
    counts = {slot: after.count(slot) for slot in after}
    window.replace(since, counts)
    for slot in sorted([*(slot for slot in before if slot < since), *(slot for slot in after if slot >= since)]):
        expected.add(slot)
    for slot in range(100, 150):
        assert window.count(slot) == expected.count(slot)
