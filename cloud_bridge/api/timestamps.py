"""The `timestamps` parameter: ranges of time, their grammar and what they come to.

    T1/T2        from T1 to T2, both included         T  RFC 3339 date-time; its `+` may arrive as a space
    T/D          from T to T + D                      D  ISO 8601 duration
    T/           from T to now
    /T           up to T
    Rn/T/D[/d]   n windows: from T, every D, each of length d (24 h)
    R/T/D[/d]    the same without end

Ranges include both ends, to the millisecond. Years and months are added on the calendar, in T's own offset; the day is
kept inside its month (31 January + P1M = 28 or 29 February), and the k-th window starts at T + k·D, so that days do not
drift. The published description writes hours without a `T` (`P6H`): that reads as `PT6H`.

A repetition is expanded only as far as there are data; ranges that still come to more than `MAXIMUM_WINDOWS` separate
windows are refused.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from cloud_bridge.api.errors import InvalidError
from cloud_bridge.store.port.times import Interval

EVER: Interval = (0, 253_402_300_800_000)
"""Everything: from 1970 to the year 10000, [from, to) in Unix milliseconds."""
MAXIMUM_RANGES = 10
MAXIMUM_WINDOWS = 10_000
MANY_WINDOWS = 200
"""From here on a repetition is cut to where there are data before it is expanded."""

GRAMMAR = (
    "a range T1/T2, T/D, T/, /T, Rn/T/D[/d] or R/T/D[/d], where T is an RFC 3339 date-time such as "
    "2024-03-05T07:42:10Z and D, d are ISO 8601 durations such as PT2H"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,12}))?"
    r"(?:([Zz])|([+ -])([0-9]{2}):([0-9]{2}))"
)
_NUMBER = r"([0-9]{1,9}(?:[.,][0-9]{1,9})?)"
_DURATION = re.compile(
    rf"P(?=.)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:{_NUMBER}H)?(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_REPEAT = re.compile(r"R([0-9]{0,9})")


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months, and milliseconds."""

    months: int
    ms: int

    def after(self, start: datetime, times: int = 1) -> int:
        """Unix ms of `start` + `times` durations; past the year 9999, the end of `EVER`."""
        year, month = divmod(start.year * 12 + start.month - 1 + self.months * times, 12)
        if year > 9999:
            return EVER[1]
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        return min(unix_ms(start.replace(year=year, month=month + 1, day=day)) + self.ms * times, EVER[1])

    @property
    def shortest_ms(self) -> int:
        return self.months * 28 * _DAY_MS + self.ms

    @property
    def longest_ms(self) -> int:
        return self.months * 31 * _DAY_MS + self.ms


@dataclass(frozen=True, slots=True)
class Span:
    """From `first_ms` to `last_ms`, both included; None: from the beginning, up to now."""

    first_ms: int | None
    last_ms: int | None


@dataclass(frozen=True, slots=True)
class Repetition:
    """`count` windows (None: without end) from `start`, every `period`, each of `length`."""

    start: datetime
    period: Duration
    count: int | None
    length: Duration


TimeRange = Span | Repetition


def unix_ms(time: datetime) -> int:
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def parse_time(text: str) -> datetime:
    """An RFC 3339 date-time, cut to milliseconds, in its own offset; a leap second is the second after it."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidError(text, "an RFC 3339 date-time such as 2024-03-05T07:42:10Z or 2024-03-05T08:42:10+01:00")
    year, month, day, hour, minute, second = (int(group) for group in found.groups()[:6])
    fraction, zulu, sign, offset_hour, offset_minute = found.groups()[6:]
    offset = timedelta() if zulu else timedelta(hours=int(offset_hour), minutes=int(offset_minute))
    if not zulu and (int(offset_hour) > 23 or int(offset_minute) > 59 or second > 60):
        raise InvalidError(text, "an offset from -23:59 to +23:59")
    try:
        time = datetime(
            year, month, day, hour, minute, min(second, 59), int((fraction or "0").ljust(3, "0")[:3]) * 1000,
            tzinfo=timezone(-offset if sign == "-" else offset),
        )  # fmt: skip
        time = time + timedelta(seconds=1) if second == 60 else time
        time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidError(text, "a date and time that exist") from None
    if second > 60:
        raise InvalidError(text, "seconds from 00 to 60")
    return time


def parse_duration(text: str) -> Duration:
    """An ISO 8601 duration. The last number may have a fraction, but for years and months."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidError(text, "an ISO 8601 duration such as P1D, PT2H30M or P3Y6M4DT12H30M5S")
    years, months, weeks, days, bare_hours, hours, minutes, seconds = found.groups()
    if bare_hours and hours:
        raise InvalidError(text, "hours once")
    given = [number for number in found.groups() if number is not None]
    if any(not number.isdigit() for number in (*given[:-1], years or "0", months or "0")):
        raise InvalidError(text, "a fraction in the last number only, and none in years and months")
    units = ((weeks, 604_800), (days, 86_400), (bare_hours or hours, 3600), (minutes, 60), (seconds, 1))
    ms = sum(round(float(number.replace(",", ".")) * unit * 1000) for number, unit in units if number is not None)
    return Duration(int(years or 0) * 12 + int(months or 0), ms)


def parse(text: str) -> TimeRange:
    """One range of the grammar above. Raises InvalidError, about the whole text."""
    parts = text.split("/")
    try:
        return _parse_repetition(text, parts) if parts[0].startswith("R") else _parse_span(text, parts)
    except InvalidError as invalid:
        if invalid.found == text:
            raise
        raise InvalidError(text, f"{invalid.expected}, in place of '{invalid.found[:40]}'") from None


def _parse_span(text: str, parts: list[str]) -> Span:
    if len(parts) != 2 or parts == ["", ""]:
        raise InvalidError(text, GRAMMAR)
    start, end = parts
    if not start:
        return Span(None, unix_ms(parse_time(end)))
    first = parse_time(start)
    if not end:
        return Span(unix_ms(first), None)
    last_ms = parse_duration(end).after(first) if end.startswith("P") else unix_ms(parse_time(end))
    if last_ms < unix_ms(first):
        raise InvalidError(text, "a range whose end is not before its start")
    return Span(unix_ms(first), last_ms)


def _parse_repetition(text: str, parts: list[str]) -> Repetition:
    repeat = _REPEAT.fullmatch(parts[0])
    if repeat is None or len(parts) not in (3, 4):
        raise InvalidError(text, GRAMMAR)
    count = int(repeat[1]) if repeat[1] else None
    if count == 0:
        raise InvalidError(text, "at least one repetition")
    period = parse_duration(parts[2])
    if period.longest_ms == 0:
        raise InvalidError(text, "a period longer than zero")
    length = parse_duration(parts[3]) if len(parts) == 4 and parts[3] else Duration(0, _DAY_MS)
    return Repetition(parse_time(parts[1]), period, count, length)


def resolve(ranges: Sequence[TimeRange], now_ms: int, extent: Callable[[], Interval | None]) -> list[Interval]:
    """The union of `ranges` as disjoint ascending half-open intervals; without ranges, everything.

    `extent` gives the interval that holds all data (None: there are none); it is asked only for long repetitions.
    Raises InvalidError where a repetition comes to too many windows.
    """
    if not ranges:
        return [EVER]
    intervals: list[Interval] = []
    for item in ranges:
        if isinstance(item, Span):
            intervals.append(_interval(item, now_ms))
        else:
            intervals.extend(_windows(item, now_ms, extent))
    united = union(intervals)
    if len(united) > MAXIMUM_WINDOWS:
        raise InvalidError(f"{len(united)} windows", f"ranges of at most {MAXIMUM_WINDOWS} windows in all")
    return united


def follow_the_clock(ranges: Sequence[TimeRange]) -> bool:
    """Whether what they come to depends on the time that it is."""
    return any(not isinstance(item, Span) or item.last_ms is None for item in ranges)


def union(intervals: Sequence[Interval]) -> list[Interval]:
    """Disjoint ascending intervals that cover the same times; empty ones are left out."""
    merged: list[Interval] = []
    for first, end in sorted(intervals):
        if end <= first:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((first, end))
    return merged


def intersect(intervals: Sequence[Interval], within: Interval) -> list[Interval]:
    """The parts of `intervals` inside `within`."""
    cut = ((max(first, within[0]), min(end, within[1])) for first, end in intervals)
    return [(first, end) for first, end in cut if first < end]


def _interval(span: Span, now_ms: int) -> Interval:
    first_ms = EVER[0] if span.first_ms is None else max(span.first_ms, EVER[0])
    last_ms = now_ms if span.last_ms is None else span.last_ms
    return first_ms, min(last_ms + 1, EVER[1])


def _windows(item: Repetition, now_ms: int, extent: Callable[[], Interval | None]) -> list[Interval]:
    lowest, highest = EVER[0], now_ms + 1
    if _number_of_windows(item, lowest, highest) > MANY_WINDOWS:
        data = extent()
        if data is None:
            return []
        lowest, highest = max(lowest, data[0]), min(highest, data[1])
    if item.period.months == 0 and item.length.shortest_ms >= item.period.ms:
        # The windows touch: one range, however many they are.
        start = unix_ms(item.start)
        last_start = EVER[1] if item.count is None else start + item.period.ms * (item.count - 1)
        end = min(last_start, highest) + item.length.longest_ms + 1
        return intersect([(start, end)], (lowest, highest))
    if _number_of_windows(item, lowest, highest) > MAXIMUM_WINDOWS:
        raise InvalidError(
            f"R{item.count or ''}/…",
            f"a repetition of at most {MAXIMUM_WINDOWS} windows: use a longer period, or fewer repetitions",
        )
    return list(_each_window(item, lowest, highest))


def _number_of_windows(item: Repetition, lowest: int, highest: int) -> int:
    """At most so many windows start in [lowest, highest)."""
    start = max(unix_ms(item.start), lowest)
    fitting = max(0, (highest - start) // item.period.shortest_ms + 2)
    return fitting if item.count is None else min(item.count, fitting)


def _each_window(item: Repetition, lowest: int, highest: int) -> Iterator[Interval]:
    missed = (lowest - unix_ms(item.start) - item.length.longest_ms) // item.period.longest_ms
    index = max(0, missed)
    while item.count is None or index < item.count:
        first = item.period.after(item.start, index)
        if first >= highest:
            return
        last = first + item.length.ms
        if item.length.months:
            start = (_EPOCH + timedelta(milliseconds=first)).astimezone(item.start.tzinfo)
            last = item.length.after(start)
        if last >= lowest:
            yield max(first, lowest), min(last + 1, highest)
        index += 1
