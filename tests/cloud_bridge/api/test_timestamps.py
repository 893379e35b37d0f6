from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.api.errors import InvalidError
from cloud_bridge.api.timestamps import (
    EVER,
    MAXIMUM_WINDOWS,
    Duration,
    intersect,
    parse,
    parse_duration,
    parse_time,
    resolve,
    union,
    unix_ms,
)
from cloud_bridge.store.port.times import Interval
from tests.cloud_bridge.api.world import ms

NOW = ms("2024-03-05T20:00:00+00:00")
DAY = 86_400_000


def unasked() -> Interval | None:
    raise AssertionError("a short range needs no look at the data")


def intervals(*texts: str, data: Interval | str | None = "unasked") -> list[Interval]:
    extent = unasked if isinstance(data, str) else lambda: data
    return resolve([parse(text) for text in texts], NOW, extent)


def closed(*pairs: tuple[str, str]) -> list[Interval]:
    """Ranges that include both ends, as half-open intervals."""
    return [(ms(first), ms(last) + 1) for first, last in pairs]


# ---- date-times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-05T07:42:10Z", "2024-03-05T07:42:10+00:00"),
        ("2024-03-05t07:42:10z", "2024-03-05T07:42:10+00:00"),
        ("2018-01-01T09:00:00+01:00", "2018-01-01T08:00:00+00:00"),
        ("2018-01-01T09:00:00 01:00", "2018-01-01T08:00:00+00:00"),
        ("2018-01-01T00:30:00-05:30", "2018-01-01T06:00:00+00:00"),
        ("2024-03-05T07:42:10.25Z", "2024-03-05T07:42:10.250+00:00"),
        ("2024-03-05T07:42:10.123999Z", "2024-03-05T07:42:10.123+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_a_time_is_read_in_its_own_offset(text: str, expected: str) -> None:
    assert unix_ms(parse_time(text)) == ms(expected)


@pytest.mark.parametrize(
    "text",
    [
        "", "2024", "2024-03-05", "2024-03-05T07:42Z", "2024-03-05T07:42:10", "2024-03-05 07:42:10Z",
        "2024-13-05T07:42:10Z", "2023-02-29T00:00:00Z", "2024-03-05T25:00:00Z", "2024-03-05T07:60:00Z",
        "2024-03-05T07:42:61Z", "2024-03-05T07:42:10+0100", "2024-03-05T07:42:10+24:00", "2024-03-05T07:42:10+01:60",
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:60Z",
        "٢024-03-05T07:42:10Z", "2024-03-05T07:42:10.Z", " 2024-03-05T07:42:10Z", "20240305T074210Z",
        "Mon Jun 03 08:35:36 GMT 2019", "1709624530",
    ],
)  # fmt: skip
def test_what_is_not_a_time_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_time(text)
    assert str(refused.value).startswith(f"found '{text}', expected ")


# ---- durations


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("PT1S", 0, 1),
        ("PT2H30M", 0, 9000),
        ("P1D", 0, 86_400),
        ("P1DT1S", 0, 86_401),
        ("P2W", 0, 1_209_600),
        ("P1M", 1, 0),
        ("PT1M", 0, 60),
        ("P1MT1M", 1, 60),
        ("P1Y", 12, 0),
        ("P3Y6M4DT12H30M5S", 42, 4 * 86_400 + 12 * 3600 + 30 * 60 + 5),
        ("PT0.5S", 0, 0.5),
        ("PT0,25H", 0, 900),
        ("P0.5D", 0, 43_200),
        ("PT36H", 0, 129_600),
        ("P6H", 0, 21_600),
        ("P1D6H", 0, 108_000),
        ("PT0S", 0, 0),
    ],
)
def test_a_duration_is_months_and_milliseconds(text: str, months: int, seconds: float) -> None:
    assert parse_duration(text) == Duration(months, round(seconds * 1000))


@pytest.mark.parametrize(
    "text",
    [
        "", "P", "PT", "P1", "1D", "PT1D", "P1S", "P1DT", "P-1D", "-P1D", "P0.5Y", "P1.5M", "PT1.5H30M", "P1H2M3S",
        "PT1S1M", "p1d", "P1DT1H1H", "P1HT1H", "P1.D", "P 1D", "P1D ", "PT1e3S", "P9999999999D",
    ],
)  # fmt: skip
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2024-01-31T00:00:00Z", "P1M", "2024-02-29T00:00:00+00:00"),
        ("2023-01-31T00:00:00Z", "P1M", "2023-02-28T00:00:00+00:00"),
        ("2024-02-29T12:00:00Z", "P1Y", "2025-02-28T12:00:00+00:00"),
        ("2024-01-15T00:00:00Z", "P1M1D", "2024-02-16T00:00:00+00:00"),
        ("2024-01-31T00:00:00Z", "P1M1D", "2024-03-01T00:00:00+00:00"),
        ("2024-11-15T00:00:00Z", "P3M", "2025-02-15T00:00:00+00:00"),
        ("2018-01-03T12:00:00+01:00", "P3Y6M4DT12H30M5S", "2021-07-08T00:30:05+01:00"),
        # On the calendar of its own offset: still January there.
        ("2024-01-31T23:30:00-05:00", "P1M", "2024-02-29T23:30:00-05:00"),
    ],
)
def test_months_are_added_on_the_calendar(start: str, duration: str, end: str) -> None:
    assert parse_duration(duration).after(parse_time(start)) == ms(end)


@given(
    st.integers(0, ms("2500-01-01T00:00:00+00:00")).map(lambda at_ms: datetime.fromtimestamp(at_ms // 1000, UTC)),
    st.integers(0, 400),
    st.integers(0, 86_400_000),
)
def test_a_duration_never_goes_back_and_stays_within_its_bounds(start: datetime, months: int, extra: int) -> None:
    duration = Duration(months, extra)
    length = duration.after(start) - unix_ms(start)
    assert duration.shortest_ms - 3 * DAY <= length <= duration.longest_ms


# ---- ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "2018-01-01T09:00:00+01:00/2018-01-01T12:00:00+01:00",
            closed(("2018-01-01T08:00:00+00:00", "2018-01-01T11:00:00+00:00")),
        ),
        (
            "2018-01-03T12:00:00+01:00/P3Y6M4DT12H30M5S",
            closed(("2018-01-03T11:00:00+00:00", "2021-07-07T23:30:05+00:00")),
        ),
        ("2018-01-03T12:00:00+01:00/", closed(("2018-01-03T11:00:00+00:00", "2024-03-05T20:00:00+00:00"))),
        ("/2018-01-03T12:00:00+01:00", [(0, ms("2018-01-03T11:00:00+00:00") + 1)]),
        (
            "R5/2018-01-03T12:00:00Z/P6H/P2H",
            closed(
                ("2018-01-03T12:00:00+00:00", "2018-01-03T14:00:00+00:00"),
                ("2018-01-03T18:00:00+00:00", "2018-01-03T20:00:00+00:00"),
                ("2018-01-04T00:00:00+00:00", "2018-01-04T02:00:00+00:00"),
                ("2018-01-04T06:00:00+00:00", "2018-01-04T08:00:00+00:00"),
                ("2018-01-04T12:00:00+00:00", "2018-01-04T14:00:00+00:00"),
            ),
        ),
        # Without a length, 24 hours.
        (
            "R2/2018-01-03T12:00:00Z/P7D",
            closed(
                ("2018-01-03T12:00:00+00:00", "2018-01-04T12:00:00+00:00"),
                ("2018-01-10T12:00:00+00:00", "2018-01-11T12:00:00+00:00"),
            ),
        ),
        ("R2/2018-01-03T12:00:00Z/P7D/", closed(
            ("2018-01-03T12:00:00+00:00", "2018-01-04T12:00:00+00:00"),
            ("2018-01-10T12:00:00+00:00", "2018-01-11T12:00:00+00:00"),
        )),
        # Days do not drift: the third is in March again.
        (
            "R3/2018-01-31T00:00:00Z/P1M/PT1H",
            closed(
                ("2018-01-31T00:00:00+00:00", "2018-01-31T01:00:00+00:00"),
                ("2018-02-28T00:00:00+00:00", "2018-02-28T01:00:00+00:00"),
                ("2018-03-31T00:00:00+00:00", "2018-03-31T01:00:00+00:00"),
            ),
        ),
        # Unbounded: up to now.
        (
            "R/2024-03-04T19:30:00Z/PT12H/PT1H",
            closed(
                ("2024-03-04T19:30:00+00:00", "2024-03-04T20:30:00+00:00"),
                ("2024-03-05T07:30:00+00:00", "2024-03-05T08:30:00+00:00"),
                ("2024-03-05T19:30:00+00:00", "2024-03-05T20:00:00+00:00"),
            ),
        ),
        # Windows that touch are one range.
        ("R2/2018-01-03T12:00:00Z/P1D", closed(("2018-01-03T12:00:00+00:00", "2018-01-05T12:00:00+00:00"))),
        ("R2/2018-01-03T12:00:00Z/PT1H/P1D", closed(("2018-01-03T12:00:00+00:00", "2018-01-04T13:00:00+00:00"))),
        ("2018-01-03T12:00:00Z/2018-01-03T12:00:00Z", closed(("2018-01-03T12:00:00+00:00",) * 2)),
        ("2030-01-01T00:00:00Z/", []),
        ("R/2030-01-01T00:00:00Z/P1D", []),
        ("1950-01-01T00:00:00Z/1960-01-01T00:00:00Z", []),
        ("9000-01-01T00:00:00Z/P9000Y", [(ms("9000-01-01T00:00:00+00:00"), EVER[1])]),
    ],
)  # fmt: skip
def test_the_grammar(text: str, expected: list[Interval]) -> None:
    assert intervals(text) == expected


def test_without_ranges_there_is_no_limit() -> None:
    assert intervals() == [EVER]


def test_several_ranges_are_a_union() -> None:
    assert intervals("2018-01-02T00:00:00Z/P1D", "2018-01-01T00:00:00Z/PT36H", "2018-02-01T00:00:00Z/PT1S") == closed(
        ("2018-01-01T00:00:00+00:00", "2018-01-03T00:00:00+00:00"),
        ("2018-02-01T00:00:00+00:00", "2018-02-01T00:00:01+00:00"),
    )


def test_a_reversed_range_is_refused() -> None:
    with pytest.raises(InvalidError, match="end is not before its start"):
        parse("2018-01-02T00:00:00Z/2018-01-01T23:59:59.999Z")


def test_a_refusal_names_the_whole_range_and_the_part_that_is_wrong() -> None:
    with pytest.raises(InvalidError, match=r"found '2018-01-02T00:00:00Z/P1', expected .* in place of 'P1'"):
        parse("2018-01-02T00:00:00Z/P1")


# ---- long repetitions


def test_a_long_repetition_is_cut_to_the_data() -> None:
    data = (ms("2024-03-05T07:00:00+00:00"), ms("2024-03-05T07:20:00+00:00"))
    found = intervals("R/1970-01-01T00:00:00Z/PT10M/PT1M", data=data)
    assert found == [
        *closed(
            ("2024-03-05T07:00:00+00:00", "2024-03-05T07:01:00+00:00"),
            ("2024-03-05T07:10:00+00:00", "2024-03-05T07:11:00+00:00"),
        ),
    ]


def test_a_long_repetition_over_no_data_is_nothing() -> None:
    assert intervals("R/1970-01-01T00:00:00Z/PT1S/PT0S", data=None) == []


def test_touching_windows_are_never_expanded() -> None:
    data = (ms("2000-01-01T00:00:00+00:00"), NOW)
    assert intervals("R/1990-01-01T00:00:00Z/PT1S/PT1S", data=data) == [data]
    ended = intervals("R999999999/1999-12-30T00:00:00Z/PT0.001S/PT1S", data=data)
    assert ended == [(data[0], ms("1999-12-30T00:00:00+00:00") + 999_999_998 + 1001)]


def test_more_windows_than_a_query_can_bear_are_refused() -> None:
    data = (ms("2000-01-01T00:00:00+00:00"), NOW)
    with pytest.raises(InvalidError, match=f"at most {MAXIMUM_WINDOWS} windows"):
        intervals("R/1990-01-01T00:00:00Z/PT2S/PT1S", data=data)


def test_several_repetitions_are_refused_for_their_windows_in_all() -> None:
    data = (ms("2024-01-01T00:00:00+00:00"), ms("2024-01-02T12:00:00+00:00"))
    evens = "R6000/2024-01-01T00:00:00Z/PT10S/PT1S"
    odds = "R6000/2024-01-01T00:00:05Z/PT10S/PT1S"
    assert len(intervals(evens, evens, data=data)) == 6000
    with pytest.raises(InvalidError, match=f"12000 windows.*at most {MAXIMUM_WINDOWS} windows in all"):
        intervals(evens, odds, data=data)


def test_a_yearly_window_since_the_year_one_is_found() -> None:
    found = intervals("R/0001-03-01T00:00:00Z/P1Y/P1D")
    assert intersect(found, (ms("2020-01-01T00:00:00+00:00"), NOW)) == closed(
        *((f"{year}-03-01T00:00:00+00:00", f"{year}-03-02T00:00:00+00:00") for year in range(2020, 2025))
    )


def test_a_window_that_began_before_the_data_reaches_into_them() -> None:
    data = (ms("2020-01-15T00:00:00+00:00"), ms("2020-02-20T00:00:00+00:00"))
    found = intervals("R500/2000-01-01T00:00:00Z/P1M/P20D", data=data)
    assert found == [
        (data[0], ms("2020-01-21T00:00:00+00:00") + 1),
        (ms("2020-02-01T00:00:00+00:00"), data[1]),
    ]
    assert intersect(intervals("R500/2000-01-01T00:00:00Z/P3M/P2M"), data) == [data]


# ---- laws

starts = st.integers(NOW - 30 * DAY, NOW + DAY).map(lambda at_ms: datetime.fromtimestamp(at_ms // 1000, UTC))
seconds = st.integers(0, 3 * 86_400)
# Not so short that forty days are too many windows.
periods = st.integers(400, 3 * 86_400)


@given(starts, periods, seconds, st.integers(1, 60) | st.none(), st.integers(NOW - 31 * DAY, NOW))
def test_a_repetition_holds_exactly_the_times_of_its_windows(
    start: datetime, period: int, length: int, count: int | None, at_ms: int
) -> None:
    text = f"R{count or ''}/{start:%Y-%m-%dT%H:%M:%SZ}/PT{period}S/PT{length}S"
    data = (NOW - 40 * DAY, NOW + 1)
    found = resolve([parse(text)], NOW, lambda: data)
    windows = -(-(at_ms - unix_ms(start) + 1) // (period * 1000))
    held = any(
        0 <= at_ms - unix_ms(start) - index * period * 1000 <= length * 1000
        for index in range(max(0, windows - length // period - 2), windows if count is None else min(windows, count))
    )
    assert any(first <= at_ms < end for first, end in found) == held


interval_lists = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=12)


@given(interval_lists, st.integers(0, 100))
def test_a_union_holds_what_any_part_holds_and_is_disjoint_and_ascending(parts: list[Interval], at_ms: int) -> None:
    merged = union(parts)
    assert any(first <= at_ms < end for first, end in merged) == any(first <= at_ms < end for first, end in parts)
    assert all(first < end for first, end in merged)
    assert all(merged[i][1] < merged[i + 1][0] for i in range(len(merged) - 1))


@given(interval_lists, st.tuples(st.integers(0, 100), st.integers(0, 100)), st.integers(0, 100))
def test_an_intersection_holds_what_both_hold(parts: list[Interval], within: Interval, at_ms: int) -> None:
    cut = intersect(parts, within)
    both = within[0] <= at_ms < within[1] and any(first <= at_ms < end for first, end in parts)
    assert any(first <= at_ms < end for first, end in cut) == both


@given(st.text(alphabet="0123456789-:TZ/+RPDHMSYW. ", max_size=60))
def test_any_text_is_a_range_or_refused_and_never_a_failure(text: str) -> None:
    with suppress(InvalidError):
        found = resolve([parse(text)], NOW, lambda: (NOW - DAY, NOW))
        assert all(EVER[0] <= first < end <= EVER[1] for first, end in found)


@given(st.integers(DAY, ms("9000-01-01T00:00:00+00:00")), st.integers(-1439, 1439))
def test_every_time_that_is_written_is_read_back(at_ms: int, offset_minutes: int) -> None:
    sign, (hours, minutes) = "-" if offset_minutes < 0 else "+", divmod(abs(offset_minutes), 60)
    local = datetime.fromtimestamp(at_ms // 1000, UTC) + timedelta(minutes=offset_minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}{sign}{hours:02}:{minutes:02}"
    assert unix_ms(parse_time(text)) == at_ms
