"""What a vehicle says and cannot be is published nowhere, and what stays becomes the truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.fold import History, Stretch, advance, status
from cloud_bridge.records.model import Implausible, Message, Position, Trip, Value
from tests.cloud_bridge.records.flows import IGNITION, Records, at, fold, here, stretch


class Told(msgspec.Struct):
    """What is left of some messages."""

    history: History
    refused: list[Implausible]


def told(messages: Sequence[Message], *, each_alone: bool = False) -> Told:
    history = History()
    refused: list[Implausible] = []
    parts = [[message] for message in messages] if each_alone else [list(messages)]
    for part in parts:
        made = advance(history, stretch(part), IGNITION)
        history = msgspec.msgpack.decode(msgspec.msgpack.encode(made.history), type=History)
        refused += made.implausible
    return Told(history, refused)


def mileages(*said: tuple[float, float]) -> list[Message]:
    """Odometers by second."""
    return [at(second, odometer__mileage=km) for second, km in said]


def reasons(messages: Sequence[Message]) -> list[tuple[int, str]]:
    return [(one.at_ms // 1000, one.reason) for one in told(messages).refused]


def test_an_odometer_that_goes_back_is_not_believed() -> None:
    back = told(mileages((0, 500.0), (1, 499.9), (2, 500.0), (3, 500.1)))
    assert back.refused == [Implausible(1000, "odometer.mileage", "back")]
    assert back.history.known["odometer.mileage"].value == 500.1


def test_an_odometer_that_goes_ahead_faster_than_any_vehicle_is_not_believed() -> None:
    assert reasons(mileages((0, 500.0), (10, 503.2), (20, 504.3))) == [(10, "jump"), (20, "jump")]
    assert reasons(mileages((0, 500.0), (10, 503.1))) == []


def test_a_day_in_which_nothing_was_said_may_have_been_a_long_drive() -> None:
    assert reasons(mileages((0, 500.0), (86_400, 1500.0))) == []


@pytest.mark.parametrize("before", [[], [(0.0, 67_660.2)]], ids=["at first", "later"])
def test_0_km_while_the_instrument_wakes_up_is_never_believed(before: list[tuple[float, float]]) -> None:
    woken = mileages(*before, *[(3600.0 + minute * 60, 0.0) for minute in range(30)], (5400.5, 67_660.2))
    assert reasons(woken) == [(3600 + minute * 60, "zero") for minute in range(30)]
    assert told(woken).history.known["odometer.mileage"].value == 67_660.2


def test_an_odometer_that_stays_where_it_is_after_a_jump_becomes_the_truth_after_ten_minutes() -> None:
    replaced = mileages((0, 67_660.2), *[(60.0 * minute, 10.0 + minute) for minute in range(1, 13)])
    assert reasons(replaced) == [(60 * minute, "back") for minute in range(1, 11)]
    assert told(replaced).history.known["odometer.mileage"].value == 22.0


def test_a_wrong_value_said_again_and_again_among_right_ones_never_becomes_the_truth() -> None:
    mixed = mileages((0, 500.0), *[(30.0 * turn, 9000.0 if turn % 2 else 500.0) for turn in range(1, 100)])
    assert len(reasons(mixed)) == 50


def test_values_that_have_nothing_to_do_with_each_other_never_become_the_truth() -> None:
    wild = mileages((0, 5000.0), *[(60.0 * minute, 1000.0 - minute) for minute in range(1, 100)])
    assert len(reasons(wild)) == 99


def test_few_values_over_a_long_time_are_not_enough() -> None:
    assert len(reasons(mileages((0, 500.0), *[(3600.0 + hour, 100.0) for hour in (0, 900, 1800, 2700)]))) == 4


def test_a_position_further_than_any_vehicle_drives_is_not_believed() -> None:
    jump = [at(0, here(0)), at(1, here(1, 2.1)), at(2, here(2, 2.0001)), at(3, kinetic__speed=0.0)]
    assert told(jump).refused == [Implausible(1000, "position", "jump")]
    assert told(jump).history.position == here(2, 2.0001)


def test_the_sea_south_of_ghana_is_no_position() -> None:
    assert reasons([at(0, Position(0, 0.0, 0.0)), at(1, here(1))]) == [(0, "zero")]
    assert reasons([at(0, here(0)), *[at(s, Position(s * 1000, 0.0, 0.0)) for s in range(1, 200)]])[-1] == (199, "zero")


def test_a_place_that_is_said_for_a_minute_becomes_the_truth() -> None:
    """The first fix after a long night was the old one, a ferry's trip away."""
    woken = [at(0, here(0, -4.0)), *[at(second, here(second, 2.0)) for second in range(1, 70)]]
    assert [second for second, _ in reasons(woken)] == list(range(1, 61))
    assert told(woken).history.position == here(69, 2.0)


def test_of_two_boxes_in_two_places_the_one_heard_first_is_believed() -> None:
    both = [at(second / 2, here(second / 2, 2.0 if second % 2 == 0 else 9.0)) for second in range(400)]
    assert len(reasons(both)) == 200
    assert told(both).history.position == here(199, 2.0)


def test_a_ferry_or_a_tow_is_no_jump() -> None:
    assert reasons([at(0, here(0)), at(4 * 3600, here(4 * 3600, 12.0))]) == []


def test_whoever_is_not_believed_says_nothing_at_all_but_his_other_data() -> None:
    message = at(1, here(1, 9.0), odometer__mileage=1.0, kinetic__speed=12.0)
    history = told([at(0, here(0), odometer__mileage=500.0), message]).history
    assert {datum: known.at_ms for datum, known in history.known.items()} == {
        "odometer.mileage": 0,
        "kinetic.speed": 1000,
    }
    assert status(history).position == here(0)


def drive(*wrong: tuple[int, dict[str, Value] | Position]) -> Trip:
    """Ten minutes at 72 km/h."""
    messages = [at(0, ignition__type="Stop"), at(1, ignition__type="Start")]
    messages += [
        at(
            second,
            here(second, 2 + second * 2.7e-4),
            ignition__type="Start",
            kinetic__speed=72.0,
            odometer__mileage=1000 + second / 52,
        )
        for second in range(2, 600)
    ]
    for second, said in wrong:
        one = messages[second]
        position = said if isinstance(said, Position) else one.position
        values = one.values if isinstance(said, Position) else one.values | said
        messages[second] = Message(one.at_ms, values, position)
    return fold([stretch([*messages, at(600, ignition__type="Stop")])]).trip


def test_a_trip_is_not_longer_for_a_position_or_an_odometer_that_cannot_be() -> None:
    right = drive()
    assert right.distance_km == pytest.approx(11.5, abs=0.03)
    assert drive((300, here(300, 9.0))) == right
    wrong = drive((300, {"odometer.mileage": 99_000.0}))
    assert wrong.distance_km == pytest.approx(11.94, abs=0.01)  # The speed's: an odometer that jumps is no measure.
    assert drive((300, {"odometer.mileage": 0.0})) == right


def test_a_path_that_jumps_and_stays_there_is_no_distance() -> None:
    messages = [at(0, ignition__type="Start")]
    messages += [
        at(s, here(s, (2 if s < 60 else 9) + s * 2.7e-4), ignition__type="Start", kinetic__moving=True)
        for s in range(1, 300)
    ]
    trip = fold([stretch([*messages, at(300, ignition__type="Stop")])]).trip
    assert trip.distance_km is None


@given(st.lists(st.tuples(st.sampled_from([1, 60, 600]), st.integers(0, 40)), min_size=2, max_size=40))
def test_a_published_odometer_goes_back_only_where_another_had_stayed(said: list[tuple[int, int]]) -> None:
    seconds = accumulate(pause for pause, _ in said)
    messages = mileages(*[(float(second), float(km)) for second, (_, km) in zip(seconds, said, strict=True)])
    refused = [one.at_ms for one in told(messages).refused]
    published = [(one.at_ms, float(one.values["odometer.mileage"])) for one in messages if one.at_ms not in refused]
    assert all(km != 0 for _, km in published)
    for (before_ms, before_km), (at_ms, km) in pairwise(published):
        if km < before_km:
            between = [one_ms for one_ms in refused if before_ms < one_ms < at_ms]
            assert len(between) >= 4
            assert at_ms - between[0] >= 600_000


def test_judging_goes_on_from_one_upload_to_the_next() -> None:
    messages = mileages((0, 500.0), (1, 400.0), *[(60.0 * minute, 10.0 + minute) for minute in range(1, 13)])
    assert told(messages, each_alone=True) == told(messages)


def test_what_was_not_believed_is_left_out_of_what_follows_from_a_checkpoint_too() -> None:
    first = stretch(mileages((0, 500.0), (1, 9000.0)), until_s=2)
    rest = Stretch(2000, 700_000, mileages(*[(10.0 + 60 * minute, 9000.0) for minute in range(11)]))
    assert Records().fold([first, rest], IGNITION).history == fold([first, rest]).history
