from __future__ import annotations

import sys
from itertools import pairwise
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.fold import History, Stretch, advance, lay_out, status
from cloud_bridge.records.model import Known, Message
from cloud_bridge.records.rules import Rules
from tests.cloud_bridge.records.flows import ENGINE, IGNITION, at, cuts, flows, fold, here, stretch

BOTH = pytest.mark.parametrize("rules", [IGNITION, ENGINE], ids=["ignition", "engine"])


@BOTH
@given(st.data())
def test_where_a_flow_is_cut_makes_no_difference(rules: Rules, data: st.DataObject) -> None:
    whole = data.draw(flows())
    assert fold(data.draw(cuts(whole)), rules) == fold(whole, rules)


@BOTH
@given(flows(), st.integers(0, 3))
def test_folding_on_from_a_checkpoint_is_folding_from_the_start(rules: Rules, whole: list[Stretch], kept: int) -> None:
    checkpoint = fold(whole[:kept], rules)
    assert checkpoint.fold(whole[kept:], rules) == fold(whole, rules)


@given(flows())
def test_advancing_changes_no_argument(whole: list[Stretch]) -> None:
    history = History()
    for part in whole:
        before = msgspec.msgpack.encode(history)
        made = advance(history, part, IGNITION)
        assert msgspec.msgpack.encode(history) == before
        history = made.history


@given(flows())
def test_no_record_is_announced_that_later_turns_out_not_to_be_one(whole: list[Stretch]) -> None:
    """Each message alone: what is open at any moment is a record at the end, and every trip is over after the last."""
    single = [Stretch(message.at_ms, message.at_ms + 1, [message]) for part in whole for message in part.messages]
    if single:
        end_ms = single[-1].to_ms
        records = fold([*single, Stretch(end_ms, end_ms + 1, (), ends_asleep=True)])
        assert all(trip.done for trip in records.trips.values())
        assert records.history.trip is None


@given(flows())
def test_trips_do_not_overlap_and_say_nothing_from_outside(whole: list[Stretch]) -> None:
    trips = sorted(fold(whole).trips.values(), key=lambda trip: trip.started_at_ms)
    for trip, following in pairwise(trips):
        assert trip.stopped_at_ms is not None
        assert trip.stopped_at_ms <= following.started_at_ms
    for trip in trips:
        assert trip.stopped_at_ms in (None, trip.updated_at_ms)
        for position in (trip.start_position, trip.stop_position):
            assert position is None or trip.started_at_ms <= position.at_ms <= trip.updated_at_ms


def test_a_stretch_before_the_end_of_the_history_is_refused() -> None:
    history = advance(History(), Stretch(0, 1000, ()), IGNITION).history
    with pytest.raises(ValueError, match="cannot follow a history until 1000 ms"):
        advance(history, Stretch(999, 2000, ()), IGNITION)


@pytest.mark.parametrize("seconds", [[5.0], [11.0], [3.0, 2.0], [2.0, 2.0]], ids=["before", "after", "order", "twice"])
def test_messages_out_of_place_are_refused(seconds: list[float]) -> None:
    messages = [at(second, kinetic__speed=1.0) for second in seconds]
    with pytest.raises(ValueError, match="in ascending time"):
        advance(History(), Stretch(1000 if seconds[0] < 5 else 6000, 10_000, messages), IGNITION)


def test_the_status_is_the_newest_of_each_datum_with_its_own_time() -> None:
    messages = [
        at(1, here(1), kinetic__speed=10.0, odometer__mileage=100.0),
        at(2, kinetic__speed=20.0),
        at(3, environment__air__temp=17.0),
    ]
    newest = status(fold([stretch(messages)]).history)
    assert newest.known == {
        "environment.air.temp": Known(17.0, 3000),
        "kinetic.speed": Known(20.0, 2000),
        "odometer.mileage": Known(100.0, 1000),
    }
    assert newest.position == here(1)
    assert newest.updated_at_ms == 3000


def test_a_history_stays_small_however_long_the_drive() -> None:
    messages = [at(0, ignition__type="Start")]
    messages += [
        at(second, here(second, 2 + second / 1e4), kinetic__speed=50.0, alert__FuelLevelLow=second % 2 == 0)
        for second in range(1, 5000)
    ]
    assert len(msgspec.msgpack.encode(fold([stretch(messages)]).history)) < 2000


def test_overlapping_stretches_become_one_whatever_their_order() -> None:
    early, late = [at(1, kinetic__speed=1.0), at(3, kinetic__speed=3.0)], [at(2, kinetic__speed=2.0)]
    parts = [Stretch(1000, 4000, early, ends_asleep=True), Stretch(1000, 5000, late), Stretch(5000, 6000, ())]
    expected = [Stretch(1000, 5000, [early[0], late[0], early[1]]), Stretch(5000, 6000, ())]
    assert list(lay_out(parts)) == expected
    assert list(lay_out([parts[1], parts[0], parts[2]])) == expected


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.booleans()), max_size=8))
def test_laid_out_stretches_can_be_folded(spans: list[tuple[int, int, bool]]) -> None:
    parts = [Stretch(start, start + length, (), asleep) for start, length, asleep in spans]
    laid = list(lay_out(sorted(parts, key=lambda part: part.from_ms)))
    parts.reverse()
    backwards = list(lay_out(sorted(parts, key=lambda part: part.from_ms)))
    assert laid == backwards
    fold(laid)


def lines(stretches: list[Stretch]) -> int:
    """How many lines of Python laying them out takes."""
    counted = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        list(lay_out(stretches))
    finally:
        sys.settrace(before)
    return counted


def test_twice_as_many_stretches_that_overlap_cost_twice_as_much() -> None:
    """Two boxes that send as one vehicle, all day long."""
    chain = [Stretch(1000 * place, 1000 * place + 1500, [Message(1000 * place, {})]) for place in range(200)]
    assert lines(chain) < 2.2 * lines(chain[:100])


def test_stretches_in_descending_order_are_refused() -> None:
    with pytest.raises(ValueError, match="comes after one from 5 ms"):
        list(lay_out([Stretch(5, 6, ()), Stretch(4, 5, ())]))
