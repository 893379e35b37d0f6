from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.monitors import parameter
from cloud_bridge.monitors.schedule import Schedule, schedule
from cloud_bridge.shapes.bodies import RefusedBodyError


def of(*times: Mapping[str, object], zone: str = "Europe/Paris") -> Schedule:
    return schedule(msgspec.convert({"times": times, "timeZone": zone}, parameter.Time), "time")


ONCE: dict[str, object] = {"recurrence": "None", "start": "2024-01-01T00:00:00Z"}


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NIGHT: dict[str, object] = {"start": "PT22H", "duration": "PT8H"}


@pytest.mark.parametrize(
    ("at", "on"),
    [
        ("2024-01-10T20:59:59.999Z", False),
        ("2024-01-10T21:00:00Z", True),
        ("2024-01-11T04:59:59.999Z", True),
        ("2024-01-11T05:00:00Z", False),
        ("2024-07-10T20:00:00Z", True),
    ],
)
def test_a_night_goes_by_the_clock_of_its_time_zone_and_past_midnight(at: str, on: bool) -> None:
    assert of(NIGHT).holds(ms(at)) is on


def test_without_a_time_zone_it_is_the_published_one() -> None:
    assert schedule(msgspec.convert({"times": [NIGHT]}, parameter.Time), "time") == of(NIGHT)


def test_days_are_those_on_which_it_begins() -> None:
    friday = of(NIGHT | {"occurence": {"day": ["Fri"]}})
    assert friday.holds(ms("2024-03-08T23:00:00+01:00"))
    assert friday.holds(ms("2024-03-09T05:00:00+01:00"))
    assert not friday.holds(ms("2024-03-09T23:00:00+01:00"))
    assert not friday.holds(ms("2024-03-08T05:00:00+01:00"))


def test_a_day_from_late_in_the_evening_reaches_into_the_day_after_next_where_the_clock_leaps() -> None:
    saturday = of({"start": "PT23H59M", "duration": "PT24H", "occurence": {"day": ["Sat"]}})
    assert saturday.holds(ms("2026-03-30T00:58:59+02:00"))
    end_ms = ms("2026-03-30T00:59:00+02:00")
    assert not saturday.holds(end_ms)
    assert saturday.changes(ms("2026-03-30T00:10:00+02:00"), ms("2026-03-30T02:00:00+02:00")) == [end_ms]


def test_weeks_are_those_of_iso_and_the_53rd_counts_as_the_52nd() -> None:
    every = [("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")]
    first = of({"start": "PT8H", "duration": "PT1H", "occurence": {"day": every[0], "week": ["w1", "W34-w46"]}})
    last = of({"start": "PT8H", "duration": "PT1H", "occurence": {"day": every[0], "week": ["w52"]}})
    assert first.holds(ms("2024-12-30T08:30:00+01:00"))
    assert first.holds(ms("2024-08-19T08:30:00+02:00"))
    assert not first.holds(ms("2024-08-18T08:30:00+02:00"))
    assert last.holds(ms("2020-12-31T08:30:00+01:00"))
    assert not last.holds(ms("2021-01-04T08:30:00+01:00"))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-03-30T22:00:00+01:00", "2024-03-31T07:00:00+02:00"),
        ("2024-10-26T22:00:00+02:00", "2024-10-27T05:00:00+01:00"),
    ],
    ids=["spring", "autumn"],
)
def test_eight_hours_are_eight_hours_when_the_clocks_change(start: str, end: str) -> None:
    night = of(NIGHT)
    assert night.changes(ms(start) - 1, ms(end) + 1) == [ms(start), ms(end)]
    assert ms(end) - ms(start) == 8 * 3_600_000


def test_a_beginning_that_the_clock_leaps_over_comes_as_much_later_and_one_that_comes_twice_is_the_first() -> None:
    early = of({"start": "PT2H30M", "duration": "PT10M"})
    assert early.holds(ms("2024-03-31T03:30:00+02:00"))
    assert early.holds(ms("2024-10-27T02:30:00+02:00"))
    assert not early.holds(ms("2024-10-27T02:30:00+01:00"))


def test_an_absolute_time_is_one_interval_or_has_no_end() -> None:
    once = {"recurrence": "None", "start": "2024-01-31T12:00:00+01:00"}
    month = of(once | {"duration": "P1M"})
    assert month.changes(0, 2**42) == [ms("2024-01-31T11:00:00Z"), ms("2024-02-29T11:00:00Z")]
    assert of(once).holds(ms("2099-01-01T00:00:00Z"))
    assert not of(once).holds(ms("2024-01-31T10:59:59Z"))


@given(
    st.integers(1_672_531_200_000, 1_798_761_600_000),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "Africa/Casablanca"]),
    st.integers(1, 5_000),
)
def test_it_changes_at_its_changes_and_nowhere_else(
    from_ms: int, start: int, minutes: int, zone: str, span: int
) -> None:
    own = of({"start": f"PT{start}M", "duration": f"PT{minutes}M", "occurence": {"day": ["Mon", "Sun"]}}, zone=zone)
    edges = [from_ms, *own.changes(from_ms, from_ms + span * 60_000), from_ms + span * 60_000]
    for one, other in pairwise(edges):
        states = {own.holds(one + (other - one) * share // 7) for share in range(7)}
        assert len(states) == 1


@pytest.mark.parametrize(
    ("entry", "field", "why"),
    [
        ({"start": "PT24H", "duration": "PT1H"}, "start", "from PT0H to PT23H59M"),
        ({"start": "22:00", "duration": "PT1H"}, "start", "no duration"),
        ({"start": "P", "duration": "PT1H"}, "start", "no duration"),
        ({"start": "PT", "duration": "PT1H"}, "start", "no duration"),
        ({"start": "P1M", "duration": "PT1H"}, "start", "from PT0H"),
        ({"start": "PT1H"}, "duration", "is required"),
        ({"start": "PT1H", "duration": "PT0H"}, "duration", "more than nothing"),
        ({"start": "PT1H", "duration": "PT24H1S"}, "duration", "up to PT24H"),
        (NIGHT | {"occurence": {"day": ["Mon"], "week": ["w53"]}}, "week[0]", "w1 to w52"),
        (NIGHT | {"occurence": {"day": ["Mon"], "week": ["w1", "w0"]}}, "week[1]", "w1 to w52"),
        (NIGHT | {"occurence": {"day": ["Mon"], "week": ["w46-w2"]}}, "week[0]", "w46-w52 and w1-w2"),
        ({"recurrence": "None", "start": "PT1H"}, "start", "RFC 3339"),
        ({"recurrence": "None", "start": "2024-01-01T00:00:00"}, "start", "RFC 3339"),
        ({"recurrence": "None", "start": "2024-02-30T00:00:00Z"}, "start", "RFC 3339"),
        ({"recurrence": "None", "start": "0001-01-01T00:00:00+01:00"}, "start", "RFC 3339"),
        (ONCE | {"duration": "PT0S"}, "duration", "no time at all"),
        (ONCE | {"duration": "P9999Y"}, "duration", "year 9999"),
        (ONCE | {"occurence": {"day": ["Mon"]}}, "occurence", "only for"),
    ],
)  # fmt: skip
def test_what_means_no_time_is_refused_with_its_field(entry: Mapping[str, object], field: str, why: str) -> None:
    with pytest.raises(RefusedBodyError) as refused:
        of(entry)
    assert refused.value.field.startswith("time.times[0]")
    assert refused.value.field.endswith(field)
    assert why in refused.value.why


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "CET", "../../etc/passwd", "Europe/Paris\0", ""])
def test_a_time_zone_is_one_of_the_database(zone: str) -> None:
    with pytest.raises(RefusedBodyError, match="no time zone"):
        of(NIGHT, zone=zone)
