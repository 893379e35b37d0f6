"""Where in a trip privacy hides something is which fault it is."""

from __future__ import annotations

import pytest

from cloud_bridge.records.model import Fault, Message, Trip, Value
from tests.cloud_bridge.records.flows import ENGINE, at, fold, stretch
from tests.cloud_bridge.records.test_trips import RUNNING, START, STOP, STOPPED, drive

NONE: dict[str, Value] = {"privacy.state": "None"}
GEOLOCATION: dict[str, Value] = {"privacy.state": "Geolocation"}
FULL: dict[str, Value] = {"privacy.state": "Full"}
STATES = pytest.mark.parametrize(
    ("state", "cause"), [("Geolocation", "GeoPrivacy"), ("Full", "FullPrivacy")], ids=["geolocation", "full"]
)


def trips(messages: list[Message], *, asleep: bool = False) -> list[Trip]:
    records = fold([stretch(messages, asleep=asleep)])
    return sorted(records.trips.values(), key=lambda trip: trip.started_at_ms)


def faults(messages: list[Message], *, asleep: bool = False) -> list[tuple[str, str | None]]:
    (trip,) = trips(messages, asleep=asleep)
    return [(fault.fault, fault.cause) for fault in trip.faults]


@STATES
def test_a_trip_under_privacy_lacks_data_at_every_place(state: str, cause: str) -> None:
    messages = [at(0, STOP, privacy__state=state), *drive(1, 60, START), at(61, STOP)]
    assert faults(messages) == [("Unstarted", cause), ("DataLacking", cause), ("Unfinished", cause)]


@STATES
def test_privacy_lifted_on_the_way_hides_the_start(state: str, cause: str) -> None:
    messages = [at(0, STOP, privacy__state=state), *drive(1, 60, START), at(61, NONE), *drive(62, 60), at(125, STOP)]
    assert faults(messages) == [("Unstarted", cause)]


@pytest.mark.parametrize("state", ["Geolocation", "Full"])
def test_privacy_lifted_before_the_start_or_set_after_the_end_hides_nothing(state: str) -> None:
    private: dict[str, Value] = {"privacy.state": state}
    messages = [at(0, STOP, private), at(5, STOP, NONE), *drive(6, 60, START), at(66, STOP), at(66.1, private)]
    assert faults(messages) == []


@STATES
def test_privacy_set_and_lifted_on_the_way_hides_what_is_between(state: str, cause: str) -> None:
    messages = [at(0, STOP), *drive(1, 60, START), at(61, privacy__state=state), at(90, START, NONE), *drive(91, 60)]
    assert faults([*messages, at(151, STOP)]) == [("DataLacking", cause)]


@STATES
def test_privacy_set_on_the_way_to_the_end_hides_the_end(state: str, cause: str) -> None:
    """Until sleep, or the data of the next day: the vehicle said that it is so, and nothing followed."""
    messages = [at(0, STOP), *drive(1, 60, START), at(61, privacy__state=state)]
    assert faults(messages, asleep=True) == [("Unfinished", cause)]
    assert faults([*messages, at(86_400, STOP, NONE)]) == [("Unfinished", cause)]


def test_a_trip_that_ends_while_its_places_are_hidden_lacks_its_end() -> None:
    messages = [at(0, STOP), *drive(1, 60, START), at(61, GEOLOCATION), *drive(62, 60, START), at(122, STOP)]
    assert faults(messages) == [("Unfinished", "GeoPrivacy")]


def test_full_privacy_hides_the_start_of_a_trip_that_is_moving_when_it_is_lifted() -> None:
    """The data that come first are not those that say that it drives."""
    messages = [at(0, STOP), at(1, FULL), at(90, NONE, doorsState__opening__Driver="Closed")]
    assert faults([*messages, *drive(91, 60, START), at(151, STOP)]) == [("Unstarted", "FullPrivacy")]
    standing = [at(second, START, kinetic__speed=0.0) for second in range(91, 102)]
    assert faults([*messages, *standing, *drive(102, 60, START), at(162, STOP)]) == []
    assert faults([*messages, at(90.5, STOP), *drive(91, 60, START), at(151, STOP)]) == []


def test_the_sleep_of_a_private_vehicle_hides_no_start() -> None:
    asleep = stretch([at(0, STOP), at(1, FULL)], asleep=True)
    awake = stretch([at(90, NONE), *drive(91, 60, START), at(151, STOP)])
    assert fold([asleep, awake]).trip.faults == (Fault("Unstarted"),)


def test_full_privacy_hides_an_end_that_is_first_heard_of_after_it() -> None:
    messages = [at(0, STOP), *drive(1, 60, START), at(61, FULL), at(200, NONE), at(200.1, STOP)]
    assert faults(messages) == [("Unfinished", "FullPrivacy")]


def test_full_privacy_longer_than_the_silence_parts_a_trip_in_one_without_end_and_one_without_start() -> None:
    first = [at(0, STOP), *drive(1, 60, START), at(61, FULL)]
    one, other = trips([*first, at(400, NONE), *drive(401, 60, START), at(461, STOP)])
    assert one.faults == (Fault("Unfinished", "FullPrivacy"),)
    assert other.faults == (Fault("Unstarted", "FullPrivacy"),)


def test_the_word_that_all_is_hidden_does_not_lengthen_a_trip() -> None:
    (trip,) = trips([at(0, STOP), *drive(1, 60, START), at(90, FULL)], asleep=True)
    assert trip.stopped_at_ms == 60_000
    assert trip.updated_at_ms == 60_000


def test_full_privacy_explains_the_silence_under_it_and_no_other() -> None:
    messages = [at(0, STOP), *drive(1, 60, START), at(61, FULL), at(200, START, NONE), *drive(201, 60, START)]
    assert faults([*messages, at(261, STOP)]) == [("DataLacking", "FullPrivacy")]
    messages = [at(0, STOP, GEOLOCATION), *drive(1, 60, START), at(61, NONE), *drive(182, 60, START), at(242, STOP)]
    assert faults(messages) == [("Unstarted", "GeoPrivacy"), ("DataLacking", None)]


def test_a_stricter_privacy_has_places_of_its_own() -> None:
    messages = [at(0, STOP, GEOLOCATION), *drive(1, 60, START), at(61, FULL), at(90, START, NONE), *drive(91, 60)]
    assert faults([*messages, at(151, STOP)]) == [("Unstarted", "GeoPrivacy"), ("DataLacking", "FullPrivacy")]


def test_what_a_trip_that_goes_on_lacks_now_is_not_yet_a_fault() -> None:
    assert faults([at(0, STOP), *drive(1, 60, START), at(61, GEOLOCATION), *drive(62, 5)]) == []


def test_privacy_in_a_pause_is_between_when_the_trip_goes_on() -> None:
    messages = [at(0, STOPPED), *drive(1, 60, RUNNING), at(61, STOPPED), at(62, GEOLOCATION)]
    ended = fold([stretch(messages, until_s=400)], ENGINE).trip
    assert ended.faults == ()
    on = [at(100, RUNNING), at(101, NONE), *drive(102, 60, RUNNING), at(170, STOPPED)]
    assert fold([stretch([*messages, *on], until_s=400)], ENGINE).trip.faults == (Fault("DataLacking", "GeoPrivacy"),)
