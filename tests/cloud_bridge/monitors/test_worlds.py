from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_bridge.monitors.data import Operator
from cloud_bridge.monitors.meetings import meetings
from cloud_bridge.monitors.schedule import Daily, Once, Schedule
from cloud_bridge.monitors.triggers import InTime, OfData
from cloud_bridge.monitors.worlds import worlds
from cloud_bridge.shapes.bodies import RefusedBodyError
from tests.cloud_bridge.monitors.bodies import Body, body, checked, data, time, zone

SPEED, LEVEL, AUTONOMY = "vehicle.kinetic.speed", "vehicle.energy.electric.level", "vehicle.energy.electric.autonomy"
PRIVACY, ALERT, SIDE, STATE = "privacy.state", "vehicle.alert", "vehicle.collision.side", "vehicle.trip.state"
MOVING = "vehicle.kinetic.moving"
NIGHT = {"start": "PT22H", "duration": "PT8H"}
NOON = {"start": "PT12H", "duration": "PT1H"}
DAY, ALL_DAY = {"start": "PT6H", "duration": "PT17H"}, {"start": "PT6H", "duration": "PT24H"}
WEDNESDAY = {"recurrence": "None", "start": "2018-01-03T00:00:00+01:00", "duration": "P1D"}
SINCE_MONDAY = {"recurrence": "None", "start": "2018-01-01T00:00:00Z"}
AT_2 = {"start": "PT2H", "duration": "PT1H"}
THURSDAY = {"recurrence": "None", "start": "2018-01-04T00:00:00+01:00", "duration": "P1D"}
LYON = (4.84, 45.76)


def on(day: str, **more: list[str]) -> Body:
    return {"occurence": {"day": [day], **more}}


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def speed(name: str, operator: str, value: str) -> Body:
    return data(name, SPEED, operator, value)


ICE = data("a", ALERT, "equalsTo", "RiskOfIce")

NEVER: list[tuple[str, list[Body], str]] = [
    ("faster and slower", [speed("a", "greaterThan", "10"), speed("b", "lowerThan", "5")], "a & b"),
    ("two values", [speed("a", "equalsTo", "10"), speed("b", "equalsTo", "5")], "a & b"),
    ("nothing between", [data("a", AUTONOMY, "greaterThan", "10"), data("b", AUTONOMY, "lowerThan", "11")], "a & b"),
    ("beyond the limit", [data("a", LEVEL, "greaterThan", "100")], "a"),
    ("below the limit", [data("a", LEVEL, "lowerThan", "0")], "a"),
    ("half a kilometre", [data("a", AUTONOMY, "equalsTo", "10.5")], "a"),
    ("narrower, not wider", [speed("a", "greaterThan", "10"), speed("b", "greaterThan", "5")], "a & !b"),
    ("two names", [data("a", PRIVACY, "equalsTo", "Full"), data("b", PRIVACY, "equalsTo", "None")], "a & b"),
    ("a part, not all", [ICE, data("b", ALERT, "includedIn", "RiskOfIce", "SuspensionFault")], "a & !b"),
    (
        "faultless with a fault",
        [data("a", STATE, "includedIn", "Nominal"), data("b", STATE, "includedIn", "Unstarted")],
        "a & b",
    ),
    ("in and out", [zone("a"), zone("b", "Out")], "a & b"),
    ("in both towns", [zone("a"), zone("b", at=LYON)], "a & b"),
    ("in both circles", [zone("a", at=(0, 0)), zone("b", at=(0.3635, 0))], "a & b"),
    ("in the town, not the country", [zone("a"), zone("b", radius=500)], "a & !b"),
    ("the same night", [time("a", NIGHT), time("b", NIGHT)], "a & !b"),
    ("night and noon", [time("a", NIGHT), time("b", NOON)], "a & b"),
    ("the hour, not the night", [time("a", {"start": "PT23H", "duration": "PT1H"}), time("b", NIGHT)], "a & !b"),
    ("two days", [time("a", NOON | on("Mon")), time("b", NOON | on("Tue"))], "a & b"),
    ("two weeks", [time("a", NOON | on("Mon", week=["w3"])), time("b", NOON | on("Mon", week=["w4-w9"]))], "a & b"),
    ("a Wednesday", [time("a", WEDNESDAY), time("b", NIGHT | on("Thu"))], "a & b"),
    ("one day, then another", [time("a", WEDNESDAY), time("b", THURSDAY)], "a & b"),
    ("since before", [time("a", WEDNESDAY), time("b", SINCE_MONDAY)], "a & !b"),
]  # fmt: skip
ALWAYS: list[tuple[str, list[Body], str]] = [
    ("every name", [data("a", PRIVACY, "includedIn", "None", "Full", "Geolocation")], "a"),
    ("either", [data("a", MOVING, "equalsTo", "true"), data("b", MOVING, "equalsTo", "false")], "a | b"),
    ("slower or faster", [speed("a", "lowerThan", "10"), speed("b", "greaterThan", "5")], "a | b"),
    (
        "below, at or above",
        [speed("a", "lowerThan", "5"), speed("b", "equalsTo", "5"), speed("c", "greaterThan", "5")],
        "a | b | c",
    ),
    ("around the clock", [time("a", ALL_DAY, timeZone="Etc/UTC")], "a"),
    ("one after the other", [time("a", NIGHT, timeZone="Etc/UTC"), time("b", DAY, timeZone="Etc/UTC")], "a | b"),
    ("out of one of two towns", [zone("a", "Out"), zone("b", "Out", at=LYON)], "a | b"),
]  # fmt: skip
DEPENDS: list[tuple[str, list[Body], str]] = [
    ("between", [speed("a", "greaterThan", "5"), speed("b", "lowerThan", "10")], "a & b"),
    ("one between", [data("a", AUTONOMY, "greaterThan", "10"), data("b", AUTONOMY, "lowerThan", "12")], "a & b"),
    ("tenths between", [speed("a", "greaterThan", "10"), speed("b", "lowerThan", "11")], "a & b"),
    ("full", [data("a", LEVEL, "equalsTo", "100")], "a"),
    ("all but full", [data("a", LEVEL, "lowerThan", "100")], "a"),
    ("below or above", [speed("a", "lowerThan", "5"), speed("b", "greaterThan", "5")], "a | b"),
    ("changed to it", [data("a", PRIVACY, "equalsTo", "Full"), data("b", PRIVACY, "onChange")], "a & b"),
    ("two alerts", [ICE, data("b", ALERT, "equalsTo", "FuelLevelLow")], "a & b"),
    ("two sides", [data("a", SIDE, "equalsTo", "Front"), data("b", SIDE, "equalsTo", "Rear")], "a & b"),
    ("any collision", [data("a", SIDE, "includedIn", "Front", "Rear", "Lateral")], "a"),
    ("any trip", [data("a", "vehicle.trip.duration", "greaterThan", "0")], "a"),
    ("circles that meet", [zone("a", radius=200), zone("b", radius=200, at=LYON)], "a & b"),
    ("circles that may meet", [zone("a", at=(0, 0)), zone("b", at=(0.3611, 0))], "a & b"),
    ("out of both", [zone("a", "Out"), zone("b", "Out", at=LYON)], "a & b"),
    ("other data", [speed("a", "greaterThan", "5"), data("b", MOVING, "equalsTo", "false")], "a & b"),
    ("day and night", [time("a", NIGHT), time("b", {"start": "PT5H", "duration": "PT4H"})], "a & b"),
    ("over midnight", [time("a", NIGHT | on("Mon")), time("b", AT_2 | on("Tue"))], "a & b"),
    ("over the year's end", [time("a", NIGHT | on("Sun", week=["w52"])),
                             time("b", AT_2 | on("Mon", week=["w1"]))], "a & b"),
    ("when an hour is leapt over", [time("a", {"start": "PT1H", "duration": "PT2H"}),
                                    time("b", {"start": "PT3H", "duration": "PT1H"})], "a & b"),
    ("a Wednesday night", [time("a", WEDNESDAY), time("b", NIGHT | on("Wed"))], "a & b"),
    ("two zones", [time("a", NOON, timeZone="Europe/Paris"), time("b", NOON, timeZone="Asia/Tokyo")], "a & b"),
    ("around a clock that is set back", [time("a", ALL_DAY)], "a"),
    ("one after the other, in the night that has an hour more", [time("a", NIGHT), time("b", DAY)], "a | b"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "verdict"), [(one, "false") for one in NEVER] + [(one, "true") for one in ALWAYS])
def test_a_condition_that_the_data_decide_beforehand_is_refused(
    case: tuple[str, list[Body], str], verdict: str
) -> None:
    with pytest.raises(RefusedBodyError, match=f"the condition is always {verdict}"):
        checked(body(*case[1], condition=case[2]))


@pytest.mark.parametrize("case", DEPENDS, ids=[one[0] for one in DEPENDS])
def test_a_condition_that_can_be_both_is_not(case: tuple[str, list[Body], str]) -> None:
    assert checked(body(*case[1], condition=case[2]))


_values = st.sampled_from(["-40", "-0.5", "0", "0.5", "10", "10.5", "99.5", "100", "101"])
_operators: st.SearchStrategy[Operator] = st.sampled_from(["equalsTo", "greaterThan", "lowerThan"])
_tests = st.lists(st.tuples(_operators, _values), min_size=1, max_size=5)


@given(st.sampled_from([SPEED, LEVEL, AUTONOMY, "vehicle.odometer"]), _tests, st.integers(-4200, 10_500))
def test_whatever_a_vehicle_says_is_a_row_that_can_be(
    datum: str, asked: list[tuple[Operator, str]], tenths: int
) -> None:
    tests = [OfData(datum, operator, (float(value),)) for operator, value in asked]
    watched = tests[0].watched
    value = float(tenths // 10) if datum == AUTONOMY else tenths / 10
    if (watched.minimum is None or value >= watched.minimum) and (watched.maximum is None or value <= watched.maximum):
        assert tuple(test.holds(value) for test in tests) in worlds(tests)


_dailies = st.builds(
    Daily,
    st.integers(0, 47).map(lambda half: 1800 * half),
    st.integers(1, 48).map(lambda half: 1800 * half),
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.one_of(
        st.just(tuple(range(1, 53))), st.sets(st.integers(1, 52), min_size=1).map(lambda weeks: tuple(sorted(weeks)))
    ),
)
_moments = st.integers(_ms("2026-01-01T00:00:00Z"), _ms("2054-01-01T00:00:00Z"))
_onces = st.builds(lambda start, hours: Once(start, None if hours is None else start + 3_600_000 * hours), _moments,
                   st.one_of(st.none(), st.integers(1, 3000)))  # fmt: skip
_times = st.lists(st.lists(st.one_of(_dailies, _onces), min_size=1, max_size=3), min_size=1, max_size=3)


@given(st.sampled_from(["Europe/Paris", "America/St_Johns", "Etc/UTC", "Africa/Casablanca"]), _times, st.data())
def test_whatever_the_time_is_a_row_that_can_be(
    zone: str, times: list[list[Daily | Once]], draw: st.DataObject
) -> None:
    schedules = [Schedule(tuple(own), zone) for own in times]
    rows = meetings(schedules)
    for _ in range(50):
        at_ms = draw.draw(_moments)
        # Where something changes is where something rare is.
        for moment in (at_ms, *(edge for own in schedules for edge in own.changes(at_ms, at_ms + 90_000_000))):
            assert tuple(own.holds(moment) for own in schedules) in rows


@given(st.sampled_from(["Europe/Paris", "Etc/UTC"]), st.lists(_dailies, min_size=2, max_size=2))
@settings(max_examples=10)
def test_no_row_can_be_that_28_years_do_not_have(zone: str, dailies: list[Daily]) -> None:
    schedules = [Schedule((one,), zone) for one in dailies]
    first, last = _ms("2026-01-01T00:00:00Z"), _ms("2054-01-01T00:00:00Z")
    edges = {first, *(edge for own in schedules for edge in own.changes(first, last))}
    assert meetings(schedules) == {tuple(own.holds(edge) for own in schedules) for edge in edges}


_zoned = st.tuples(
    *(
        st.builds(Schedule, st.lists(st.one_of(_dailies, _onces), min_size=1, max_size=2).map(tuple), st.just(zone))
        for zone in ("Europe/Paris", "Asia/Tokyo", "America/St_Johns", "Etc/UTC")
    )
)


@given(_zoned, st.data())
@settings(max_examples=20)
def test_whatever_the_time_is_in_any_number_of_zones_is_a_row_that_can_be(
    schedules: tuple[Schedule, ...], draw: st.DataObject
) -> None:
    rows = worlds([InTime(own) for own in schedules])
    for _ in range(50):
        at_ms = draw.draw(_moments)
        for moment in (at_ms, *(edge for own in schedules for edge in own.changes(at_ms, at_ms + 90_000_000))):
            assert tuple(own.holds(moment) for own in schedules) in rows


def test_what_schedules_of_three_zones_decide_beforehand_is_accepted() -> None:
    """A third of the day each, of clocks that never change: together all of it, and never two at once."""
    starts = {"Etc/UTC": "PT0H", "Asia/Tokyo": "PT17H", "Asia/Kolkata": "PT21H30M"}
    thirds = [
        time(name, {"start": start, "duration": "PT8H"}, timeZone=zone)
        for name, (zone, start) in zip("abc", starts.items(), strict=True)
    ]
    for condition in ("a | b | c", "a & b & c", "a & b", "a & !b & c"):
        tests = checked(body(*thirds, condition=condition)).tests
        schedules = [test.schedule for test in tests if isinstance(test, InTime)]
        halves = [_ms("2026-01-01T00:00:00Z") + 1_800_000 * number for number in range(48)]
        assert [sum(own.holds(at_ms) for own in schedules) for at_ms in halves] == [1] * 48


def test_a_leap_of_a_later_year_lets_two_meet_that_no_earlier_one_does() -> None:
    """In Morocco clocks change with Ramadan, each year some eleven days sooner."""
    zone = ZoneInfo("Africa/Casablanca")
    day = datetime(2030, 1, 1, 12, tzinfo=UTC)
    while (day + timedelta(days=1)).astimezone(zone).utcoffset() <= day.astimezone(zone).utcoffset():  # type: ignore[operator]
        day += timedelta(days=1)
    _, week, weekday = (day + timedelta(days=1)).isocalendar()
    leapt_over, after = (Daily(3600 * hour, 3600 * lasts, (weekday - 1,), (week,)) for hour, lasts in ((1, 2), (3, 1)))
    one, other = (Schedule((daily,), zone.key) for daily in (leapt_over, after))
    assert (True, True) in meetings([one, other])
