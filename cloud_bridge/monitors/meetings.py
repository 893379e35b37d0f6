"""Which of several schedules of one time zone are ever on together.

A day's wall clock depends on its weekday and its week, and on what the clocks do that night. So all that schedules can
be to each other by recurring shows in two years, of which the first has 53 weeks and the second 52, and around each
change of the clocks in 28 years: then the calendar's weekdays repeat, and with them the rules by which clocks change.
What states will decide of their clocks later is not known here.

Absolute times cut all time into stretches. A short one is looked at as it is, day by day; in a longer one whatever
recurs may occur, so it is taken for possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from cloud_bridge.monitors.schedule import Once, Schedule

Row = tuple[bool, ...]

_FIRST = datetime(2025, 12, 22, tzinfo=UTC)
"""2026 has 53 weeks, 2027 has 52."""
_WEEKS_KINDS = timedelta(days=750)
_REPEATS = timedelta(days=28 * 365 + 7)
_AROUND = timedelta(days=3)
"""What begins on a day is over two days later, whatever the clocks do."""
_SHORT_MS = 60 * 24 * 3600 * 1000
_NEVER_MS = 1 << 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def meetings(schedules: Sequence[Schedule]) -> set[Row]:
    """Every row of who is on, in the order of `schedules`, that can be. They have one time zone."""
    (zone,) = {schedule.zone for schedule in schedules}
    recurring = [
        Schedule(tuple(one for one in schedule.times if not isinstance(one, Once)), zone) for schedule in schedules
    ]
    usual = set[Row]()
    for from_ms, to_ms in _windows(zone):
        usual |= _seen(recurring, from_ms, to_ms)
    once = [[one for one in schedule.times if isinstance(one, Once)] for schedule in schedules]
    edges = sorted({edge for own in once for one in own for edge in (one.from_ms, one.to_ms) if edge is not None})
    rows = _with([False] * len(schedules), usual)  # Before the first of them.
    for from_ms, to_ms in pairwise([*edges, _NEVER_MS]):
        if to_ms - from_ms <= _SHORT_MS:
            rows |= _seen(schedules, from_ms, to_ms - 1)
        else:
            rows |= _with([any(_is_on(one, from_ms) for one in own) for own in once], usual)
    return rows


def _with(on: Sequence[bool], usual: set[Row]) -> set[Row]:
    return {tuple(map(max, on, row)) for row in usual}


def _is_on(one: Once, at_ms: int) -> bool:
    return one.from_ms <= at_ms and (one.to_ms is None or at_ms < one.to_ms)


def _seen(schedules: Sequence[Schedule], from_ms: int, to_ms: int) -> set[Row]:
    """The rows from one moment to another, both included."""
    running = [0] * len(schedules)
    changes: list[tuple[int, int, int]] = []
    for number, schedule in enumerate(schedules):
        for start_ms, end_ms in schedule.around(from_ms, to_ms):
            if start_ms > to_ms or (end_ms is not None and end_ms <= from_ms):
                continue
            if start_ms <= from_ms:
                running[number] += 1
            else:
                changes.append((start_ms, number, 1))
            if end_ms is not None and end_ms <= to_ms:
                changes.append((end_ms, number, -1))
    rows = {tuple(count > 0 for count in running)}
    for _, together in groupby(sorted(changes), key=lambda change: change[0]):
        for _, number, step in together:
            running[number] += step
        rows.add(tuple(count > 0 for count in running))
    return rows


@lru_cache(maxsize=64)
def _windows(zone: str) -> tuple[tuple[int, int], ...]:
    """Times, from and to, in which all that can recur does."""
    found = [(_FIRST, _FIRST + _WEEKS_KINDS)]
    for change in _changes(ZoneInfo(zone)):
        first, last = found[-1]
        if change - _AROUND <= last:
            found[-1] = first, max(last, change + _AROUND)
        else:
            found.append((change - _AROUND, change + _AROUND))
    return tuple((_ms(first), _ms(last)) for first, last in found)


def _changes(zone: ZoneInfo) -> Iterator[datetime]:
    """Days on which clocks change."""
    day, end = _FIRST, _FIRST + _REPEATS
    before = day.astimezone(zone).utcoffset()
    while day < end:
        day += timedelta(days=1)
        after = day.astimezone(zone).utcoffset()
        if after != before:
            yield day
        before = after


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
