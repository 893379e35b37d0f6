"""Passing over what cannot matter leaves everything as following it would."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.monitors import kept
from cloud_bridge.monitors.broken import BrokenError
from cloud_bridge.monitors.episodes import Episode, Outcome, State, Subject, advance
from cloud_bridge.monitors.interests import Interests
from cloud_bridge.monitors.moments import Told, moments, standing
from cloud_bridge.monitors.together import Together
from cloud_bridge.records.model import Known, Message, Position
from tests.cloud_bridge.monitors.bodies import data, time, zone
from tests.cloud_bridge.monitors.flows import TRIP, flows, subject, told
from tests.cloud_bridge.monitors.test_episodes import BROKEN, ENDED, FAST, LOW, NIGHT, RUNNING, TRUNK
from tests.cloud_bridge.records.flows import at

STOLEN = data("stolen1", "stolen.state", "equalsTo", "true")
ANY = data("any1", "vehicle.alert", "onChange")
MOVES = data("moves1", "privacy.state", "onChange")
MONITORS = {
    "low": subject(LOW, refresh_s=60),
    "far or at night": subject(zone("out1", "Out"), NIGHT, LOW, condition="(out1 & (low1 | night1))", refresh_s=600),
    "two zones": subject(zone("near1", radius=5), zone("far1", "Out", 30), condition="near1 | far1", refresh_s=60),
    "trunk at night": subject(NIGHT, TRUNK, condition="night1 | trunk1"),
    "day": subject(NIGHT, LOW, condition="!night1 & low1", running=RUNNING),
    "night": subject(time("n1", {"start": "PT17H", "duration": "PT5H"}), refresh_s=60),
    "what happens": subject(BROKEN, ENDED, FAST, condition="broken1 | ended1 | !fast1"),
    "not changed": subject(MOVES, condition="!moves1"),
    "alerts": subject(ANY),
    "stolen": subject(STOLEN, refresh_s=60),
}
INTERESTS = Interests({key: one.watch for key, one in MONITORS.items()})
SUBJECTS = {key: Subject(key, one.watch, one.running, one.served) for key, one in MONITORS.items()}


def together() -> Together:
    return Together(INTERESTS, SUBJECTS.__getitem__)


def one_by_one(whole: Told) -> dict[str, Outcome]:
    return {key: advance(State(), moments({}, whole, TRIP), one) for key, one in SUBJECTS.items()}


def comparable(states: Mapping[str, State]) -> dict[str, State]:
    """What is known is of no account, and of monitors without a schedule neither is the time."""
    found = {key: msgspec.structs.replace(state, values={}) for key, state in states.items()}
    timeless = found.keys() - INTERESTS.schedules
    return found | {key: msgspec.structs.replace(found[key], at_ms=0, used=None) for key in timeless}


@st.composite
def lives(draw: st.DrawFn) -> Told:
    """Drives around Paris with silences, and thefts."""
    whole = told(draw(flows()))
    edges = st.integers(whole.from_ms, whole.to_ms)
    theft = sorted(draw(st.lists(edges, min_size=2, max_size=2, unique=True)))
    return msgspec.structs.replace(whole, thefts=[(theft[0], theft[1])] if draw(st.booleans()) else [])


@given(lives(), st.data())
def test_together_they_tell_what_each_tells_alone_wherever_it_is_cut(whole: Told, drawn: st.DataObject) -> None:
    edges = st.one_of(
        st.integers(whole.from_ms, whole.to_ms), st.sampled_from([one.at_ms + 1 for one in whole.messages])
    )
    cuts = sorted({whole.from_ms, *drawn.draw(st.lists(edges, max_size=3)), whole.to_ms})
    states = kept.of(dict.fromkeys(SUBJECTS, State()))
    known: dict[str, Known] = {}
    events: dict[str, list[object]] = {key: [] for key in SUBJECTS}
    for start, end in pairwise(cuts):
        inside = [message for message in whole.messages if start <= message.at_ms < end]
        part = Told(start, end, inside, whole.records, whole.thefts)
        run = together()
        run.go_on(states)
        run.take(moments(known, part, TRIP))
        for key, outcome in run.outcomes():
            events[key] += outcome.events
        states = kept.decode(kept.encode(run.kept()))
        assert dict(states.readable(INTERESTS)) == run.states()
        for message in inside:
            known |= {datum: Known(value, message.at_ms) for datum, value in message.values.items()}
    expected = one_by_one(whole)
    assert events == {key: list(one.events) for key, one in expected.items()}
    assert comparable(dict(states.readable(INTERESTS))) == comparable({key: one.state for key, one in expected.items()})


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40), st.booleans()), min_size=1, max_size=30))
def test_however_a_vehicle_moves_no_edge_is_missed(steps: list[tuple[int, int, bool]]) -> None:
    """In steps of up to some kilometres, near the edges and far from them."""
    east, north = 2.33, 48.866
    said = []
    for number, (right, up, stays) in enumerate(steps):
        east, north = (east, north) if stays else (east + right / 1000, north + up / 1000)
        at_ms = 1_704_900_000_000 + 1000 * number
        said.append(Message(at_ms, {"kinetic.speed": 1.0 * number}, Position(at_ms, east, north)))
    whole = told(said)
    run = together()
    run.join(dict.fromkeys(SUBJECTS, State()))
    run.take(moments({}, whole, TRIP))
    expected = one_by_one(whole)
    assert {key: list(one.events) for key, one in run.outcomes()} == {
        key: list(expected[key].events) for key, _ in run.outcomes()
    }
    assert {key for key, one in expected.items() if one.events} <= {key for key, _ in run.outcomes()}
    assert comparable(run.states()) == comparable({key: one.state for key, one in expected.items()})


def test_a_moment_of_no_interest_is_not_followed() -> None:
    messages = [at(second, energies__Electric__level=80, kinetic__speed=second % 7) for second in range(100)]
    interests = Interests({"low": SUBJECTS["low"].watch, "two zones": SUBJECTS["two zones"].watch})
    first = Together(interests, SUBJECTS.__getitem__)
    first.join(dict.fromkeys(interests.watches, State()))
    first.take(moments({}, told(messages[:1]), TRIP))
    nobody: dict[str, Subject] = {}
    later = Together(interests, nobody.__getitem__)
    later.go_on(first.kept())
    later.take(moments({"energies.Electric.level": Known(80, 1)}, told(messages[1:]), TRIP))
    assert later.states() == first.states()
    assert later.kept().by_key == first.kept().by_key
    with pytest.raises(BrokenError, match="monitor low cannot be evaluated: KeyError"):
        later.take(moments({}, told([at(100, energies__Electric__level=49)]), TRIP))


def test_what_holds_when_a_monitor_begins_is_no_event_and_what_begins_then_is() -> None:
    known = {"energies.Electric.level": Known(40.0, 1), "kinetic.speed": Known(150.0, 1)}
    paris = Position(1, 2.4, 48.9)
    run = together()
    since_ms = 1_704_900_000_000
    for key in SUBJECTS:
        subject_then = msgspec.structs.replace(SUBJECTS[key], running=((since_ms, None),))
        run._subject_of = {**SUBJECTS, key: subject_then}.__getitem__
        run.begin(key, standing(known, paris, since_ms - 1, (), TRIP))
    run._subject_of = lambda key: msgspec.structs.replace(SUBJECTS[key], running=((since_ms, None),))
    low = Message(since_ms + 10, {"energies.Electric.level": 39.0}, Position(since_ms + 10, 2.4, 48.9))
    again = Message(since_ms + 20, {"energies.Electric.level": 70.0, "kinetic.speed": 90.0})
    falls = Message(since_ms + 30, {"energies.Electric.level": 30.0})
    run.take(moments(known, Told(since_ms, since_ms + 40, [low, again, falls]), TRIP))
    fired = {key: [event.at_ms - since_ms for event in one.events] for key, one in run.outcomes() if one.events}
    assert fired == {"low": [30], "what happens": [20]}


@pytest.mark.parametrize(("silent_s", "told_at"), [(0, ["22:00"]), (290, ["22:00"]), (301, [])])
def test_time_that_passes_begins_what_begins_by_the_clock_while_the_vehicle_is_used(
    silent_s: int, told_at: list[str]
) -> None:
    """The vehicle drives at a quarter to ten, or so long before ten o'clock, and says nothing more."""
    ten_ms = 1_705_179_600_000  # 2024-01-13T22:00+01:00
    last_ms = ten_ms - silent_s * 1000 - 1
    run = Together(Interests({"at night": subject(NIGHT).watch}), lambda _: subject(NIGHT))
    run.join({"at night": State()})
    said = Message(last_ms, {"ignition.type": "Start"})
    run.take(moments({}, Told(last_ms, last_ms + 1, [said]), TRIP))
    before = run.states()
    assert run.next_change_ms(last_ms) == (ten_ms if told_at else None)
    later = run.ahead({}, [], ten_ms + 1)
    found = [event.at_ms for _, one in later.outcomes() for event in one.events]
    assert found == [ten_ms for _ in told_at]
    assert run.states() == before
    assert [event for _, one in run.ahead({}, [], ten_ms).outcomes() for event in one.events] == []


def test_a_monitor_that_goes_on_in_another_state_ends_what_was_going_on_in_its_own() -> None:
    run = together()
    run.join({"low": State()})
    run.take(moments({}, told([at(0, energies__Electric__level=40)]), TRIP))
    ((_, outcome),) = ((key, one) for key, one in run.outcomes() if key == "low")
    (episode,) = outcome.episodes.values()
    other = msgspec.structs.replace(outcome.state, episode=Episode("before", 1))
    for state, expected in ((other, {"before": None}), (State((False,), 2), {"before": 2})):
        run.resume("low", state, 2)
        episodes = dict(run.outcomes())["low"].episodes
        assert {one.id: one.to_ms for one in episodes.values()} == {episode.id: 2, **expected}
    assert run.states()["low"].episode is None
