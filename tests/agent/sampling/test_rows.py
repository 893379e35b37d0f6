"""Rows that follow a signal: each at its own time, in grids as long as they keep step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.plan.plan import PlannedGroup
from agent.sampling.rows import JITTER_MS, Rows
from contract.upload import Grid

END_MS = 60_000


def following(*times_ms: int, end_ms: int = END_MS, ended_ms: int | None = None) -> list[Grid]:
    """What comes of a signal that came at these times; each row says its own time. The batch was to end at `end_ms`,
    and ended at `ended_ms`."""
    rows = Rows(0, PlannedGroup(1000, on_change=False, signals=range(1), follows=0), 32)
    rows.wake(0)
    for at_ms in times_ms:
        if rows.wants(at_ms):
            rows.follow(at_ms, end_ms, (at_ms,))
    return rows.take(end_ms if ended_ms is None else ended_ms)


def test_what_comes_in_step_is_one_grid_that_begins_with_the_first() -> None:
    assert following(130, 1130, 2131, 3129) == [Grid(0, 130, ((130, 1130, 2131, 3129),))]


def test_a_step_may_waver_and_does_not_add_up() -> None:
    times = [130 + 1000 * step + (JITTER_MS if step % 2 else 0) for step in range(20)]
    (grid,) = following(*times)
    assert grid == Grid(0, 130, (tuple(times),))


def test_what_is_out_of_step_begins_a_new_grid_at_its_own_time() -> None:
    assert following(130, 1130, 2400) == [Grid(0, 130, ((130, 1130),)), Grid(0, 2400, ((2400,),))]


def test_what_comes_after_a_gap_begins_a_new_grid() -> None:
    assert following(130, 1130, 5130) == [Grid(0, 130, ((130, 1130),)), Grid(0, 5130, ((5130,),))]


def test_what_comes_oftener_is_taken_once_an_interval() -> None:
    assert following(*range(130, 3000, 200)) == [Grid(0, 130, ((130, 1130, 2130),))]


def test_no_row_is_dated_at_or_after_the_end_of_its_batch() -> None:
    assert following(1000, 1990, end_ms=2000) == [Grid(0, 1000, ((1000,),)), Grid(0, 1990, ((1990,),))]


def test_no_row_is_dated_at_or_after_the_end_of_a_batch_that_an_event_ends() -> None:
    grids = [Grid(0, 1000, ((1000, 2000),)), Grid(0, 2950, ((2950,),))]
    assert following(1000, 2000, 2950, ended_ms=2961) == grids


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_every_row_is_dated_within_the_jitter_of_when_it_came(gaps_ms: list[int]) -> None:
    times = [sum(gaps_ms[: count + 1]) for count in range(len(gaps_ms))]
    said = [
        (grid.start_ms + index * 1000, came_ms)
        for grid in following(*times, end_ms=10**9)
        for index, came_ms in enumerate(grid.columns[0])
    ]
    assert all(came_ms is not None and abs(dated_ms - came_ms) <= JITTER_MS for dated_ms, came_ms in said)
    dates = [dated_ms for dated_ms, _ in said]
    assert dates == sorted(set(dates))
    assert len(said) >= (times[-1] - times[0]) // 4000 if times else not said
