from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.sampling.windows import MOST_VALUES, Windows
from contract.windows import Look, Window

RATE, LEAST, GREATEST = (Window(look, "A.B", 1000) for look in (Look.RATE, Look.MINIMUM, Look.MAXIMUM))
CHANGED = Window(Look.CHANGED, "A.B", 0)

moments = st.lists(st.tuples(st.integers(0, 700), st.integers(-50, 50)), max_size=40)
"""Time since the value before, and value."""


@given(moments, st.integers(0, 1500))
def test_a_window_says_what_a_look_at_all_values_says(values: list[tuple[int, int]], later_ms: int) -> None:
    windows = Windows([RATE, LEAST, GREATEST, CHANGED])
    came: list[tuple[int, int]] = []
    at_ms = 0
    for since_ms, value in values:
        at_ms += since_ms
        came.append((at_ms, value))
        windows.take("A.B", at_ms, value)
        agrees(windows, came, at_ms)
    agrees(windows, came, at_ms + later_ms)


def agrees(windows: Windows, came: list[tuple[int, int]], now_ms: int) -> None:
    within = [(at_ms, value) for at_ms, value in came if at_ms >= now_ms - 1000]
    alone = [value for _, value in within]
    assert windows.value(LEAST.key, now_ms) == min(alone, default=None)
    assert windows.value(GREATEST.key, now_ms) == max(alone, default=None)
    span_ms = within[-1][0] - within[0][0] if within else 0
    rate = (alone[-1] - alone[0]) * 1000 / span_ms if span_ms >= 500 else None
    assert windows.value(RATE.key, now_ms) == rate
    changed = None
    if came:
        changed = came[-1][0] == now_ms and len(came) > 1 and came[-1][1] != came[-2][1]
    assert windows.value(CHANGED.key, now_ms) == changed


def test_texts_change_and_have_no_extremes() -> None:
    windows = Windows([LEAST, CHANGED])
    windows.take("A.B", 1, "Off")
    windows.take("A.B", 2, "On")
    assert (windows.value(CHANGED.key, 2), windows.value(LEAST.key, 2)) == (True, None)


def test_a_window_keeps_no_more_values_than_it_may() -> None:
    minute = Window(Look.MAXIMUM, "A.B", 60_000)
    windows = Windows([minute])
    for value in range(2 * MOST_VALUES):
        windows.take("A.B", value, -value)
    assert windows.value(minute.key, 2 * MOST_VALUES) == -MOST_VALUES


def test_nothing_is_known_any_more_after_a_sleep() -> None:
    windows = Windows([LEAST])
    windows.take("A.B", 5, 1)
    windows.forget()
    assert windows.value(LEAST.key, 6) is None
