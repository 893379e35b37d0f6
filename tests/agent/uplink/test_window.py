"""How much is on its way to the broker: what the link carries, and a second more."""

from __future__ import annotations

from collections import deque

from agent.uplink.window import LEAST_BYTES, Window


def run(rate: float, trip_s: float, until_s: float, most: int = 1 << 20, size: int = 1000) -> tuple[Window, float]:
    """A link of `rate` bytes a second; the window, and what was carried of what could have been."""
    window, now_s, number, free_s, carried = Window(most), 0.0, 0, 0.0, 0
    on_the_way: deque[tuple[float, int]] = deque()
    while now_s < until_s:
        while window.room_bytes >= size:
            window.sent(number, size, now_s)
            free_s = max(free_s, now_s) + size / rate
            on_the_way.append((free_s + trip_s, number))
            number += 1
        now_s, done = on_the_way.popleft()
        window.acknowledged(done, now_s)
        carried += size
    return window, carried / (rate * until_s)


def test_a_slow_link_is_full_and_what_waits_in_it_waits_about_a_second() -> None:
    window, share = run(8000, 0.2, 60)
    assert share > 0.95
    assert window.size_bytes <= 8000 * (0.2 + 1000 / 8000 + 1.05)


def test_a_link_with_a_long_way_is_filled_in_some_round_trips() -> None:
    window, share = run(8000, 4, 120)
    assert share > 0.7
    assert window.size_bytes > 8000 * 4


def test_a_fast_link_is_filled_at_once_and_never_beyond_the_settings() -> None:
    window, _ = run(10e6, 0.02, 1, most=1 << 18)
    assert window.size_bytes == 1 << 18


def test_it_begins_small_and_counts_only_what_is_not_acknowledged() -> None:
    window = Window(1 << 20)
    assert window.size_bytes == LEAST_BYTES
    window.sent(1, 1000, 0)
    assert window.room_bytes == LEAST_BYTES - 1000
    window.acknowledged(1, 0.5)
    window.acknowledged(1, 0.6)
    assert window.used_bytes == 0


def test_as_many_fit_as_there_is_room_for_one_after_the_other_and_the_first_always() -> None:
    window = Window(1 << 20)
    assert window.fits([LEAST_BYTES - 100, 100, 1]) == 2
    assert window.fits([LEAST_BYTES + 1, 1]) == 1
    assert window.fits([1, LEAST_BYTES, 1]) == 1
    assert window.fits([]) == 0
