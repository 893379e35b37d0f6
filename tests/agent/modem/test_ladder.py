"""When which step of the reset ladder is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.modem.ladder import Ladder, Step

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def climb(ladder: Ladder, until_ms: int, dead_since_ms: int | None = 0, from_ms: int = 0) -> list[tuple[int, Step]]:
    """Steps with their minutes, asked each minute."""
    steps = ((at_ms, ladder.step(at_ms, dead_since_ms)) for at_ms in range(from_ms, until_ms, MINUTE_MS))
    return [(at_ms // MINUTE_MS, step) for at_ms, step in steps if step is not None]


def test_each_step_waits_twice_as_long_as_the_one_before_and_then_it_begins_anew() -> None:
    ladder = Ladder(tuple(Step), 10 * MINUTE_MS, a_day=12)
    assert climb(ladder, 6 * HOUR_MS) == [
        (10, Step.REGISTER),
        (30, Step.RADIO),
        (70, Step.RESET),
        (130, Step.POWER),
        (190, Step.REGISTER),
        (250, Step.RADIO),
        (310, Step.RESET),
    ]


def test_a_working_link_is_never_touched_and_takes_it_back_to_the_beginning() -> None:
    ladder = Ladder(tuple(Step), 10 * MINUTE_MS, a_day=12)
    assert climb(ladder, HOUR_MS, dead_since_ms=None) == []
    assert [step for _, step in climb(ladder, HOUR_MS)] == [Step.REGISTER, Step.RADIO]
    assert ladder.step(HOUR_MS, None) is None
    again = climb(ladder, 2 * HOUR_MS, dead_since_ms=HOUR_MS, from_ms=HOUR_MS)
    assert again == [(70, Step.REGISTER), (90, Step.RADIO)]


def test_there_are_no_more_steps_in_a_day_than_allowed() -> None:
    ladder = Ladder(tuple(Step), MINUTE_MS, a_day=5)
    taken = climb(ladder, 3 * DAY_MS)
    assert len(taken) == ladder.taken == 15
    for first, sixth in zip(taken, taken[5:], strict=False):
        assert (sixth[0] - first[0]) * MINUTE_MS >= DAY_MS
    assert climb(Ladder(tuple(Step), MINUTE_MS, a_day=0), DAY_MS) == []
    assert climb(Ladder((), MINUTE_MS, a_day=5), DAY_MS) == []


@given(st.lists(st.tuples(st.integers(1, 3 * HOUR_MS), st.booleans()), max_size=200), st.integers(1, 6))
def test_never_while_it_works_and_never_too_often_whatever_the_link_does(
    turns: list[tuple[int, bool]], a_day: int
) -> None:
    ladder = Ladder(tuple(Step), 5 * MINUTE_MS, a_day)
    now_ms, dead_since_ms = 0, 0
    times: list[int] = []
    for passed_ms, works in turns:
        now_ms += passed_ms
        step = ladder.step(now_ms, None if works else dead_since_ms)
        assert step is None or (not works and now_ms - dead_since_ms >= 5 * MINUTE_MS)
        times += [now_ms] if step is not None else []
        dead_since_ms = now_ms if works else dead_since_ms
    assert all(later - earlier >= DAY_MS for earlier, later in zip(times, times[a_day:], strict=False))


def test_without_a_port_only_the_last_step_is_taken_and_at_once() -> None:
    ladder = Ladder(tuple(Step), 10 * MINUTE_MS, a_day=12)
    assert ladder.step(9 * MINUTE_MS, 0, port=False) is None
    assert ladder.step(10 * MINUTE_MS, 0, port=False) is Step.POWER
    assert ladder.step(30 * MINUTE_MS, 0) is Step.REGISTER
    without = Ladder(tuple(Step)[:-1], 10 * MINUTE_MS, a_day=1)
    assert without.step(10 * MINUTE_MS, 0, port=False) is None
    assert without.taken == 0
    assert without.step(11 * MINUTE_MS, 0) is Step.REGISTER
