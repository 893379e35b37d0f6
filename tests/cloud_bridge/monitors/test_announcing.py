from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.monitors.announcing import REDATED_MS, Announced, unannounced
from cloud_bridge.monitors.episodes import Event, State, Subject, advance
from cloud_bridge.monitors.moments import moments
from cloud_bridge.records.messages import merge
from cloud_bridge.records.model import Message
from tests.cloud_bridge.monitors.bodies import data
from tests.cloud_bridge.monitors.flows import flows, subject, told, watched
from tests.cloud_bridge.records.flows import at

LOW = data("low1", "vehicle.energy.electric.level", "lowerThan", "50")
SHUT = data("trunk1", "vehicle.doorsState.opening", "onChange")
MONITOR = subject(LOW, refresh_s=60)


def tell(uploads: list[list[Message]], by: Subject = MONITOR) -> list[Event]:
    """What is told as the uploads come, one after the other."""
    heard: list[Message] = []
    found: list[Event] = []
    for upload in uploads:
        heard = merge(heard, upload)
        made = watched(heard, by)
        announced = [Announced(one.id, one.at_ms, one.refresh) for one in found]
        found += unannounced(made.events, made.episodes, announced)
    return found


def level(second: float, percent: float) -> Message:
    return at(second, energies__Electric__level=percent)


def beginnings(events: list[Event]) -> list[float]:
    return [event.at_ms / 1000 for event in events if not event.refresh]


@given(flows())
def test_in_order_everything_is_told_when_it_comes_and_once(messages: list[Message]) -> None:
    assert tell([[message] for message in messages]) == list(watched(messages, MONITOR).events)


@given(flows(), st.data())
def test_in_any_order_no_episode_is_told_twice_and_none_is_left_out(
    messages: list[Message], drawn: st.DataObject
) -> None:
    order = drawn.draw(st.permutations([[message] for message in messages]))
    found = tell(order)
    assert len({event.id for event in found}) == len(found)
    assert tell([*order, *order]) == found
    made = watched(messages, MONITOR)
    for episode in made.episodes.values():
        end_ms = episode.to_ms if episode.to_ms is not None else 2**62
        near = [one for one in found if episode.from_ms - REDATED_MS <= one.at_ms <= end_ms + REDATED_MS]
        assert near


def test_what_turns_out_to_have_begun_earlier_is_not_told_again() -> None:
    assert beginnings(tell([[level(10, 60), level(20, 40)], [level(15, 45)]])) == [20]


def test_what_turns_out_to_be_one_is_not_told_again() -> None:
    assert beginnings(tell([[level(0, 40)], [level(30, 40)], [level(10, 60)], [level(5, 60)]])) == [0, 30]


def test_a_beginning_that_shows_late_between_is_told() -> None:
    assert beginnings(tell([[level(0, 60), level(1000, 60)], [level(500, 40)]])) == [500]


def test_a_change_that_was_a_little_earlier_is_the_same() -> None:
    said = [at(0, doorsState__opening__Trunk="Open"), at(20, doorsState__opening__Trunk="Closed")]
    late = [at(15, doorsState__opening__Trunk="Closed")]
    assert beginnings(tell([said, late], subject(SHUT))) == [20]


def test_what_did_not_happen_as_it_seemed_does_not_stand_for_what_happened_long_before() -> None:
    said = [at(0, doorsState__opening__Trunk="Open"), at(900, doorsState__opening__Trunk="Closed")]
    late = [at(15, doorsState__opening__Trunk="Closed")]
    assert beginnings(tell([said, late], subject(SHUT))) == [900, 15]


def test_telling_goes_on_from_a_state_in_the_midst_of_an_episode() -> None:
    begun = advance(State(), moments({}, told([level(0, 40), level(50, 40)]), None), MONITOR)
    later = advance(begun.state, moments({}, told([level(130, 40)]), None), MONITOR)
    announced = [Announced(begun.events[0].id, 0)]
    assert [event.refresh for event in unannounced(later.events, later.episodes, announced)] == [True]


def test_of_reminders_that_come_late_only_the_newest_is_told() -> None:
    history = [level(second, 40) for second in range(0, 600, 10)]
    found = tell([history[:1], history, history])
    assert [(event.at_ms // 1000, event.refresh) for event in found] == [(0, False), (540, True)]
