"""What a metered line may still carry: short goes to what matters, and a restart does not begin anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.journal.segments import Priority
from agent.settings.uplink import Budget as Limits
from agent.uplink.budget import Budget

DAY_S = 86_400
NOON_MS = 1_700_049_600_000
"""2023-11-15."""


class Clocks:
    def __init__(self, utc_ms: int | None = NOON_MS) -> None:
        self.now_s = 0.0
        self.began_ms = utc_ms

    def utc_ms(self) -> int | None:
        return None if self.began_ms is None else self.began_ms + int(self.now_s * 1000)

    def budget(self, file: Path | None = None, day: int | None = 1_000_000, month: int | None = None) -> Budget:
        return Budget(Limits(day, month), file, lambda: self.now_s, self.utc_ms)


@pytest.mark.parametrize(
    ("used", "allowed"),
    [
        (799_999, Priority.HISTORY),
        (800_000, Priority.STATE),
        (949_999, Priority.STATE),
        (950_000, Priority.EVENT),
        (999_999, Priority.EVENT),
        (1_000_000, None),
    ],
)
def test_what_is_short_goes_to_events_and_the_newest_state(used: int, allowed: Priority | None) -> None:
    budget = Clocks().budget()
    budget.use(used)
    assert budget.allows() is allowed


def test_without_a_limit_everything_goes_and_nothing_is_written(tmp_path: Path) -> None:
    budget = Clocks().budget(tmp_path / "budget", day=None)
    budget.use(10**12)
    budget.keep()
    assert budget.allows() is Priority.HISTORY
    assert not (tmp_path / "budget").exists()


def test_a_day_of_the_calendar_begins_anew_and_the_month_does_not() -> None:
    clocks = Clocks()
    budget = clocks.budget(day=1_000_000, month=2_000_000)
    budget.use(1_000_000)
    clocks.now_s = DAY_S / 2 - 1
    assert budget.allows() is None
    clocks.now_s = DAY_S / 2
    assert budget.allows() is Priority.HISTORY
    budget.use(999_000)
    clocks.now_s += DAY_S
    assert budget.allows() is Priority.EVENT
    clocks.now_s += 15 * DAY_S
    assert budget.allows() is Priority.HISTORY


def test_without_a_clock_a_day_is_24_hours_of_running() -> None:
    clocks = Clocks(None)
    budget = clocks.budget()
    budget.use(1_000_000)
    clocks.now_s = DAY_S - 1
    assert budget.allows() is None
    clocks.now_s = DAY_S
    assert budget.allows() is Priority.HISTORY


def test_what_was_used_before_the_first_date_was_used_today() -> None:
    clocks = Clocks(None)
    budget = clocks.budget()
    budget.use(900_000)
    clocks.began_ms = NOON_MS
    assert budget.allows() is Priority.STATE


def test_a_clock_that_is_set_back_does_not_give_a_day_twice() -> None:
    clocks = Clocks()
    budget = clocks.budget()
    budget.use(1_000_000)
    clocks.began_ms = NOON_MS - 1000 * DAY_S
    assert budget.allows() is None


def test_a_clock_that_was_once_years_ahead_keeps_nobody_waiting_for_years(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    clocks = Clocks(NOON_MS + 20 * 365 * DAY_S * 1000)
    budget = clocks.budget(file, month=2_000_000)
    budget.use(1_999_999)
    budget.keep()
    clocks.began_ms = NOON_MS
    budget = clocks.budget(file, month=2_000_000)
    assert budget.allows() is None
    clocks.now_s = DAY_S
    assert budget.allows() is Priority.EVENT, "it is another day, and the month has one byte left"
    clocks.now_s = 30 * DAY_S
    assert budget.allows() is Priority.HISTORY


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    before = Clocks().budget(file)
    before.use(900_000)  # No end: the power is cut.
    assert Clocks().budget(file).allows() is Priority.STATE


def test_it_is_written_a_hundred_times_at_most_before_it_is_used_up(tmp_path: Path) -> None:
    file = tmp_path / "budget"
    budget, written, last = Clocks().budget(file), 0, b""
    for _ in range(10_000):
        budget.use(100)
        now = file.read_bytes() if file.exists() else b""
        written, last = written + (now != last), now
    assert 50 < written <= 101


def test_a_file_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "budget").write_bytes(b"\0" * 100)
    assert Clocks().budget(tmp_path / "budget").allows() is Priority.HISTORY
