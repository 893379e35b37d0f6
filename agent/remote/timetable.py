"""When programs are due: a function of the programs, the time zone and two moments.

A program without recurrence is done once on each of its days, and then is off; one of charging begins at its start, and
ends at its end: on the next day where that is earlier. Where a clock is put forward, what would be due in the hour that
there is not is due an hour later; where it is put back, at the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec.structs import replace

from contract.actions import ChargingProgram, ConditioningProgram, NextCharge
from contract.catalog import DAYS
from contract.steps import CHARGE, PRECONDITION, STOP_CHARGING

_DAY_S = 86_400


def due(
    conditioning: Iterable[ConditioningProgram],
    charging: Iterable[ChargingProgram],
    upcoming: NextCharge | None,
    zone: tzinfo,
    after_utc_ms: int,
    until_utc_ms: int,
) -> list[str]:
    """The steps that are due in (after, until], at most a day, in the order of time."""
    found: list[tuple[int, str]] = []
    for one in conditioning:
        if one.enabled:
            times = _times(one.days, one.start_s, zone, after_utc_ms, until_utc_ms)
            found += [(at_ms, PRECONDITION) for _, at_ms in times]
    for other in charging:
        if other.enabled:
            begins = _times(other.days, other.start_s, zone, after_utc_ms, until_utc_ms)
            found += [(at_ms, CHARGE) for _, at_ms in begins]
            if other.end_s is not None:
                end_s = other.end_s + (0 if other.end_s > other.start_s else _DAY_S)
                ends = _times(other.days, end_s, zone, after_utc_ms, until_utc_ms)
                found += [(at_ms, STOP_CHARGING) for _, at_ms in ends]
    if upcoming is not None and after_utc_ms < upcoming.utc_ms <= until_utc_ms:
        found.append((upcoming.utc_ms, CHARGE))
    return list(dict.fromkeys(step for _, step in sorted(found)))


def spent(
    conditioning: Iterable[ConditioningProgram],
    upcoming: NextCharge | None,
    zone: tzinfo,
    after_utc_ms: int,
    until_utc_ms: int,
) -> tuple[tuple[ConditioningProgram, ...], NextCharge | None]:
    """What is left of them once what was due in (after, until] is done."""
    left = tuple(_without(program, zone, after_utc_ms, until_utc_ms) for program in conditioning)
    return left, upcoming if upcoming is not None and upcoming.utc_ms > until_utc_ms else None


def _without(program: ConditioningProgram, zone: tzinfo, after_utc_ms: int, until_utc_ms: int) -> ConditioningProgram:
    if program.recurrence != "None" or not program.enabled:
        return program
    done = {day for day, _ in _times(program.days, program.start_s, zone, after_utc_ms, until_utc_ms)}
    days = tuple(day for day in program.days if day not in done)
    return replace(program, days=days, enabled=bool(days)) if done else program


def _times(
    days: tuple[str, ...], second: int, zone: tzinfo, after_utc_ms: int, until_utc_ms: int
) -> Iterator[tuple[str, int]]:
    """The moments in (after, until] that are `second` after midnight of one of the days, each with its day. A second
    beyond the day is on the next one."""
    over, second_of_day = divmod(second, _DAY_S)
    hour, minute = divmod(second_of_day // 60, 60)
    first = datetime.fromtimestamp(after_utc_ms / 1000, UTC).astimezone(zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until_utc_ms / 1000, UTC).astimezone(zone).date()
    for number in range((last - first).days + 1):
        date = first + timedelta(days=number)
        day = DAYS[(date - timedelta(days=over)).weekday()]
        if day not in days:
            continue
        at = datetime(date.year, date.month, date.day, hour, minute, second_of_day % 60, tzinfo=zone)
        at_ms = int(at.timestamp() * 1000)
        if after_utc_ms < at_ms <= until_utc_ms:
            yield day, at_ms
