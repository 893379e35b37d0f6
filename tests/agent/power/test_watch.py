"""The rules of going to sleep, over scripted days and voltage curves."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from agent.power.watch import Ending, Limits, Watch

LIMITS = Limits(run_on_ms=600_000, low_v=11.8, recovered_v=12.2, low_for_ms=60_000)
Second = tuple[bool, bool, float | None]
"""Asleep, driving, volts."""


def endings(seconds: Iterable[Second], limits: Limits = LIMITS) -> list[tuple[int, Ending]]:
    """When and why the box is sent to sleep, second by second; it comes back at once each time."""
    watch = Watch(limits)
    found = []
    for second, (asleep, driving, supply_v) in enumerate(seconds):
        ending = watch.step(second * 1000, asleep=asleep, driving=driving, supply_v=supply_v)
        if ending is not None:
            found.append((second, ending))
            watch.done(second * 1000)
    return found


def parked(supply_v: float | None, seconds: int) -> list[Second]:
    return [(False, False, supply_v)] * seconds


def asleep(supply_v: float | None, seconds: int) -> list[Second]:
    return [(True, False, supply_v)] * seconds


def driving(supply_v: float | None, seconds: int) -> list[Second]:
    return [(False, True, supply_v)] * seconds


def test_the_run_on_counts_from_falling_asleep_and_again_after_each_sleep() -> None:
    day = driving(14.2, 100) + parked(12.7, 900) + asleep(12.6, 1300)
    assert endings(day) == [(1600, Ending.RUN_ON), (2200, Ending.RUN_ON)]


def test_a_vehicle_that_wakes_within_the_run_on_begins_it_anew() -> None:
    day = asleep(12.6, 599) + parked(12.6, 1) + asleep(12.6, 600)
    assert endings(day) == []
    assert endings([*day, *asleep(12.6, 1)]) == [(1200, Ending.RUN_ON)]


def test_without_limits_nothing_ever_happens() -> None:
    assert endings(asleep(3.0, 10_000), Limits()) == []


def test_the_dip_of_the_starter_cuts_nothing_off() -> None:
    crank = [12.5, 9.1, 6.4, 7.0, 9.8, 10.9, 11.2, 12.0, 13.9]
    assert endings([(False, False, supply_v) for supply_v in [12.5] * 100 + crank * 20]) == []


def test_a_supply_that_sinks_is_low_after_its_time_and_stays_so_until_it_has_recovered() -> None:
    # 12.6 V and 1 mV less each second: below 11.8 V from second 801 on.
    sinking = [(False, False, round(12.6 - second / 1000, 3)) for second in range(900)]
    assert endings(sinking) == [(861, Ending.LOW)]
    # The load is off, and the battery comes up a little: it is as empty as before.
    relieved = parked(12.1, 120)
    assert endings(sinking + relieved) == [(861, Ending.LOW), (921, Ending.LOW), (981, Ending.LOW)]
    charged = parked(12.2, 1) + parked(11.9, 500) + parked(11.7, 60)
    assert endings(sinking + charged) == [(861, Ending.LOW)]


def test_a_missing_reading_neither_begins_nor_ends_the_time() -> None:
    assert endings(parked(None, 1000)) == []
    assert endings(parked(11.0, 30) + parked(None, 29) + parked(11.0, 1)) == []
    assert endings(parked(11.0, 30) + parked(None, 30) + parked(11.0, 1)) == [(60, Ending.LOW)]


def test_a_wrong_reading_among_right_ones_is_no_reason() -> None:
    assert endings((parked(12.6, 30) + parked(0.0, 1)) * 100) == []
    assert endings((parked(11.0, 30) + parked(12.0, 1)) * 100) == []


def test_a_low_supply_goes_before_the_run_on() -> None:
    assert endings(asleep(11.0, 61)) == [(60, Ending.LOW)]


@given(st.lists(st.tuples(st.booleans(), st.none() | st.floats(0, 16)), max_size=300))
def test_nothing_is_cut_off_while_driving(seconds: list[tuple[bool, float | None]]) -> None:
    watch = Watch(Limits(run_on_ms=1000, low_v=11.8, recovered_v=12.2, low_for_ms=1000))
    for second, (drives, supply_v) in enumerate(seconds):
        ending = watch.step(second * 1000, asleep=not drives, driving=drives, supply_v=supply_v)
        assert not (drives and ending)


@given(st.lists(st.floats(0, 16), min_size=2, max_size=300))
def test_low_means_that_the_voltage_was_below_for_the_whole_time(curve: list[float]) -> None:
    limits = Limits(low_v=11.8, recovered_v=12.2, low_for_ms=10_000)
    found = endings([(False, False, supply_v) for supply_v in curve], limits)
    if found:
        first, _ = found[0]
        assert all(supply_v < 11.8 for supply_v in curve[first - 10 : first + 1])
    else:
        assert not any(all(supply_v < 11.8 for supply_v in curve[at : at + 11]) for at in range(len(curve) - 10))
