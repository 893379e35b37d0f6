"""When a time trigger is on: by the clock and the calendar of its time zone.

`Daily` begins at a time of the wall clock, on the days and in the weeks that are named, and lasts as long as it says,
past midnight too: days and weeks are those of the beginning. On the night when clocks change, eight hours are eight
hours: it ends an hour earlier or later by the clock. A beginning that the clock leaps over is as much after the leap;
one that comes twice is the first of the two. Weeks are those of ISO 8601; the 53rd, which some years have and nobody
can name, counts as the 52nd.

`None` is one interval of absolute time. Its years and months are those of the calendar, in the offset of its start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import UnsetType

from cloud_bridge.monitors import parameter
from cloud_bridge.monitors.parameter import DAY_S, TIME_ZONE
from cloud_bridge.shapes.bodies import RefusedBodyError
from contract.catalog import DAYS

_DURATION = re.compile(
    r"P(?!\Z)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,3})W)?(?:(\d{1,5})D)?"
    r"(?:T(?=\d)(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?"
)
_WEEKS = re.compile(r"[wW]([1-9]|[1-4][0-9]|5[0-2])(?:-[wW]([1-9]|[1-4][0-9]|5[0-2]))?")
_LAST_WEEK = 52
_ABSOLUTE = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Daily(msgspec.Struct, frozen=True, tag=True):
    start_s: int
    """On the wall clock, since midnight."""
    duration_s: int
    """Up to a day."""
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """0: Monday."""
    weeks: tuple[int, ...] = tuple(range(1, _LAST_WEEK + 1))


class Once(msgspec.Struct, frozen=True, tag=True):
    """[from_ms, to_ms); None: without end."""

    from_ms: int
    to_ms: int | None


class Schedule(msgspec.Struct, frozen=True):
    """On while one of its times is."""

    times: tuple[Daily | Once, ...]
    zone: str

    def holds(self, at_ms: int) -> bool:
        return any(start <= at_ms and (end is None or at_ms < end) for start, end in self.around(at_ms, at_ms))

    def changes(self, from_ms: int, to_ms: int) -> list[int]:
        """The moments in (from_ms, to_ms) at which one of its times begins or ends, ascending."""
        edges = {edge for interval in self.around(from_ms, to_ms) for edge in interval if edge is not None}
        return sorted(edge for edge in edges if from_ms < edge < to_ms)

    def constant(self, at_ms: int) -> tuple[int, int]:
        """[from, to) around `at_ms`, a day before and after at most, in which it neither goes on nor off."""
        first_ms, last_ms = at_ms - 1000 * DAY_S, at_ms + 1000 * DAY_S
        edges = self.changes(first_ms, last_ms)
        return (
            max((edge for edge in edges if edge <= at_ms), default=first_ms),
            min((edge for edge in edges if edge > at_ms), default=last_ms),
        )

    def around(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int | None]]:
        """At least the intervals that overlap [from_ms, to_ms]."""
        zone = ZoneInfo(self.zone)
        # A day that begins before midnight ends after the next one where the clock leaps.
        first = datetime.fromtimestamp(from_ms / 1000, zone).toordinal() - 2
        last = datetime.fromtimestamp(to_ms / 1000, zone).toordinal()
        for one in self.times:
            if isinstance(one, Once):
                yield one.from_ms, one.to_ms
                continue
            for ordinal in range(first, last + 1):
                interval = _on_day(one, self.zone, ordinal)
                if interval is not None:
                    yield interval


def schedule(asked: parameter.Time, field: str) -> Schedule:
    """The schedule that `asked`, at `field` of the body, means. RefusedBodyError where it means none."""
    zone = TIME_ZONE if isinstance(asked.time_zone, UnsetType) else asked.time_zone
    if "/" not in zone or zone not in _zones():
        why = f"`{zone}` is no time zone of the tz database with an area, as `Europe/Paris` or `Etc/UTC`"
        raise RefusedBodyError(f"{field}.timeZone", why)
    entries = [_entry(entry, f"{field}.times[{number}]") for number, entry in enumerate(asked.times)]
    return Schedule(tuple(entries), zone)


def _entry(entry: parameter.TimeEntry, field: str) -> Daily | Once:
    if entry.recurrence != "None":
        return _daily(entry, field)
    if not isinstance(entry.occurence, UnsetType):
        raise RefusedBodyError(f"{field}.occurence", "is only for the recurrence `Daily`")
    start = _absolute(entry.start, f"{field}.start")
    if isinstance(entry.duration, UnsetType):
        return Once(_ms(start), None)
    months, seconds = _duration(entry.duration, f"{field}.duration")
    try:
        end = _months_later(start, months) + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise RefusedBodyError(f"{field}.duration", f"`{entry.duration}` ends after the year 9999") from None
    if end <= start:
        raise RefusedBodyError(f"{field}.duration", f"`{entry.duration}` is no time at all")
    return Once(_ms(start), _ms(end))


def _daily(entry: parameter.TimeEntry, field: str) -> Daily:
    months, start_s = _duration(entry.start, f"{field}.start")
    if months or start_s >= DAY_S or start_s % 60 > 0:
        raise RefusedBodyError(f"{field}.start", f"`{entry.start}`: expected from PT0H to PT23H59M after midnight")
    if isinstance(entry.duration, UnsetType):
        raise RefusedBodyError(f"{field}.duration", "is required for the recurrence `Daily`")
    months, duration_s = _duration(entry.duration, f"{field}.duration")
    if months or not 0 < duration_s <= DAY_S:
        raise RefusedBodyError(f"{field}.duration", f"`{entry.duration}`: expected more than nothing, up to PT24H")
    occurrence = entry.occurence
    if isinstance(occurrence, UnsetType):
        return Daily(start_s, duration_s)
    days = tuple(number for number, day in enumerate(DAYS) if day in occurrence.day)
    if isinstance(occurrence.week, UnsetType):
        return Daily(start_s, duration_s, days)
    weeks: set[int] = set()
    for number, text in enumerate(occurrence.week):
        weeks.update(_weeks(text, f"{field}.occurence.week[{number}]"))
    return Daily(start_s, duration_s, days, tuple(sorted(weeks)))


def _weeks(text: str, field: str) -> range:
    match = _WEEKS.fullmatch(text)
    if match is None:
        raise RefusedBodyError(field, f"`{text}`: expected a week from w1 to w52, or a range as w34-w46")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        why = f"`{text}` goes backwards: over the end of a year these are two, w{first}-w52 and w1-w{last}"
        raise RefusedBodyError(field, why)
    return range(first, last + 1)


def _duration(text: str, field: str) -> tuple[int, int]:
    """Months and seconds."""
    match = _DURATION.fullmatch(text)
    if match is None or not text.isascii():
        raise RefusedBodyError(field, f"`{text}` is no duration as ISO 8601 writes it, as PT14H30M")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 12 * years + months, DAY_S * (7 * weeks + days) + 3600 * hours + 60 * minutes + seconds


def _absolute(text: str, field: str) -> datetime:
    try:
        if _ABSOLUTE.fullmatch(text) is None:
            raise ValueError(text)
        found = datetime.fromisoformat(text.upper())
        if found.astimezone(UTC).year >= 1970:
            return found
    except (ValueError, OverflowError):
        pass
    why = f"`{text}` is no time as RFC 3339 writes it, as 2018-01-03T12:00:00+01:00, from 1970 on"
    raise RefusedBodyError(field, why) from None


def _months_later(start: datetime, months: int) -> datetime:
    """The same day of a later month, or its last."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    first_after = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return start.replace(year=year, month=month + 1, day=min(start.day, (first_after - timedelta(days=1)).day))


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=8192)
def _on_day(daily: Daily, zone: str, ordinal: int) -> tuple[int, int] | None:
    """The interval that begins on this day of the zone's calendar."""
    day = date.fromordinal(ordinal)
    if day.weekday() not in daily.days or min(day.isocalendar().week, _LAST_WEEK) not in daily.weeks:
        return None
    wall = datetime.combine(day, time(daily.start_s // 3600, daily.start_s // 60 % 60), ZoneInfo(zone))
    start_ms = _ms(wall.astimezone(UTC))
    return start_ms, start_ms + 1000 * daily.duration_s


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
