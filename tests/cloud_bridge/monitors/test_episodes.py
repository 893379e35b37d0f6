from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.monitors.episodes import Event, State, Subject, advance
from cloud_bridge.monitors.moments import Moment, Told, moments
from cloud_bridge.records.messages import merge
from cloud_bridge.records.model import Message, Origin
from tests.cloud_bridge.monitors.bodies import data, time, zone
from tests.cloud_bridge.monitors.flows import TRIP, cut, flows, subject, told, watched
from tests.cloud_bridge.records.flows import at, here

LOW = data("low1", "vehicle.energy.electric.level", "lowerThan", "50")
NIGHT = time("night1", {"start": "PT22H", "duration": "PT8H"})
FAST = data("fast1", "vehicle.kinetic.speed", "greaterThan", "100")
TRUNK = data("trunk1", "vehicle.doorsState.opening", "onChange")
BROKEN = data("broken1", "vehicle.alarm.trigger.type", "onChange")
ENDED = data("ended1", "vehicle.trip.stop", "onChange")
RUNNING = [(1_704_900_060_000, 1_704_901_000_000), (1_704_910_000_000, None)]
MONITORS = [
    subject(LOW, refresh_s=60),
    subject(zone("out1", "Out"), NIGHT, LOW, condition="(out1 & (low1 | night1))", refresh_s=600),
    subject(NIGHT, TRUNK, condition="night1 | trunk1"),
    subject(NIGHT, LOW, condition="!night1 & low1", running=RUNNING),
    subject(BROKEN, ENDED, FAST, condition="broken1 | ended1 | !fast1"),
]  # fmt: skip
MONITOR = pytest.mark.parametrize("monitor", MONITORS, ids=[one.watch.condition.text for one in MONITORS])


def level(second: float, percent: float, **more: float) -> Message:
    return at(second, energies__Electric__level=percent, **more)


def times(events: list[Event] | tuple[Event, ...]) -> list[tuple[float, bool]]:
    return [(event.at_ms / 1000, event.refresh) for event in events]


def fired(messages: list[Message], by: Subject) -> list[tuple[float, bool]]:
    return times(list(watched(messages, by).events))


@MONITOR
@given(flows(), st.data())
def test_where_the_moments_are_cut_makes_no_difference(
    monitor: Subject, messages: list[Message], drawn: st.DataObject
) -> None:
    whole = told(messages)
    edges = drawn.draw(st.lists(st.integers(whole.from_ms, whole.to_ms), max_size=5))
    near = st.lists(st.sampled_from(messages), max_size=3)
    edges += [message.at_ms + shift for message in drawn.draw(near) for shift in (0, 1)]
    assert cut(whole, edges, monitor) == watched(whole, monitor)


@MONITOR
@given(flows(), st.data())
def test_any_order_of_what_comes_gives_the_same_events(
    monitor: Subject, messages: list[Message], drawn: st.DataObject
) -> None:
    """Each part is told from a state before it on, as late uploads are."""
    parts = drawn.draw(st.lists(st.integers(0, 3), min_size=len(messages), max_size=len(messages)))
    uploads = [[m for m, part in zip(messages, parts, strict=True) if part == number] for number in range(4)]
    states: dict[int, State] = {}
    heard: list[Message] = []
    events: dict[int, list[Event]] = {}
    for upload in drawn.draw(st.permutations(uploads)):
        if not upload:
            continue
        heard = merge(heard, upload)
        whole = told(heard)
        all_moments = _kept(whole)
        from_ms = min(_first_change(all_moments, events, states), upload[0].at_ms)
        states = {at_ms: state for at_ms, state in states.items() if at_ms < from_ms}
        events = {at_ms: told_then for at_ms, told_then in events.items() if at_ms < from_ms}
        state = states[max(states)] if states else State()
        for moment in all_moments:
            if moment.at_ms >= from_ms:
                made = advance(state, [moment], monitor)
                state = made.state
                states[moment.at_ms], events[moment.at_ms] = state, list(made.events)
    expected = watched(heard, monitor)
    assert [event for at_ms in sorted(events) for event in events[at_ms]] == list(expected.events)


def _kept(whole: Told) -> list[Moment]:
    """With what each knew, which is good until the next one only."""
    return [Moment(m.at_ms, dict(m.known), m.changed, m.happened, m.position, m.used, m.origin)
            for m in moments({}, whole, TRIP)]  # fmt: skip


def _first_change(now: list[Moment], events: dict[int, list[Event]], states: dict[int, State]) -> int:
    """Trips that end otherwise than before change moments of the past: here, any of them may have."""
    return min((moment.at_ms for moment in now if moment.happened), default=2**62) if states or events else 0


@MONITOR
@given(flows())
def test_no_episode_has_two_beginnings_and_between_two_the_condition_did_not_hold(
    monitor: Subject, messages: list[Message]
) -> None:
    made = watched(messages, monitor)
    beginnings = [event for event in made.events if not event.refresh]
    assert len({event.id for event in made.events}) == len(made.events)
    assert {event.id for event in beginnings} == {one.id for one in made.episodes.values() if one.is_event}
    for one, following in pairwise(sorted(made.episodes.values(), key=lambda episode: episode.from_ms)):
        assert one.to_ms is not None
        assert one.to_ms <= following.from_ms


@given(st.lists(st.sampled_from([10.0, 49.0, 50.0, 80.0]), min_size=1, max_size=20))
def test_a_level_fires_each_time_that_it_falls_below(levels: list[float]) -> None:
    falls = [float(n) for n, value in enumerate(levels) if value < 50 and (n == 0 or levels[n - 1] >= 50)]
    assert fired([level(n, value) for n, value in enumerate(levels)], subject(LOW)) == [(n, False) for n in falls]


def test_the_condition_is_reminded_of_once_a_period_in_which_the_vehicle_speaks() -> None:
    messages = [level(second, 40) for second in (0, 30, 59, 60, 61, 125, 600)] + [level(601, 60), level(700, 60)]
    found = [(0, False), (60, True), (125, True), (600, True)]
    assert fired(messages, subject(LOW, refresh_s=60)) == found


def test_each_episode_has_its_own_periods() -> None:
    messages = [level(0, 40), level(200, 40), level(300, 60), level(400, 40), level(430, 40), level(470, 40)]
    found = [(0, False), (200, True), (400, False), (470, True)]
    assert fired(messages, subject(LOW, refresh_s=60)) == found


def test_nobody_is_reminded_while_the_monitor_is_paused() -> None:
    messages = [level(second, 40) for second in (0, 70, 130, 190)]
    paused = subject(LOW, refresh_s=60, running=[(0, 60_000), (140_000, None)])
    assert fired(messages, paused) == [(0, False), (190, True)]


def test_nothing_fires_for_what_began_before_the_monitor_was_there_nor_reminds_of_it() -> None:
    messages = [level(0, 40), level(100, 40), level(200, 60), level(300, 40)]
    assert fired(messages, subject(LOW, refresh_s=60, running=[(50_000, None)])) == [(300, False)]


def test_nothing_fires_while_it_is_paused_nor_afterwards_for_what_began_then() -> None:
    messages = [level(0, 60), level(100, 40), level(300, 40), level(400, 60), level(500, 40)]
    assert fired(messages, subject(LOW, running=[(0, 50_000), (200_000, None)])) == [(500, False)]


def test_what_is_not_known_yet_fires_when_it_is_known_to_hold() -> None:
    assert fired([at(0, kinetic__speed=3.0), level(1, 40)], subject(LOW)) == [(1, False)]
    assert fired([at(0, kinetic__speed=3.0)], subject(LOW, condition="!low1")) == []


def test_a_change_is_of_its_moment_and_fires_each_time() -> None:
    said = ["Open", "Open", "Closed", "Closed", "Open"]
    messages = [at(n, doorsState__opening__Trunk=value) for n, value in enumerate(said)]
    assert fired(messages, subject(TRUNK)) == [(2, False), (4, False)]


def test_a_moment_in_which_a_condition_does_not_hold_is_no_new_beginning_of_it() -> None:
    messages = [level(0, 40, kinetic__speed=1.0), at(1, doorsState__opening__Trunk="Open"),
                at(2, doorsState__opening__Trunk="Closed"), at(3, kinetic__speed=2.0)]  # fmt: skip
    assert fired(messages, subject(LOW, TRUNK, condition="low1 & !trunk1")) == [(0, False)]


MIDNIGHT_S = 1_704_841_200.0
"""2024-01-10 00:00 in Paris."""


def driving(*hours: float, ignition: str = "Start") -> list[Message]:
    return [at(MIDNIGHT_S + hour * 3600, ignition__type=ignition) for hour in hours]


def test_a_night_begins_at_its_time_while_the_vehicle_is_used_and_not_when_it_next_speaks() -> None:
    found = fired(driving(21.99, 22.01, 22.03), subject(NIGHT))
    assert found == [(MIDNIGHT_S + 22 * 3600, False)]


def test_a_vehicle_that_stands_at_night_is_no_use_of_it() -> None:
    assert fired(driving(21.9, 22.1, 23, ignition="Stop"), subject(NIGHT)) == []
    assert fired(driving(10, 11, ignition="Stop"), subject(NIGHT, condition="!night1")) == []
    assert fired(driving(10), subject(NIGHT, condition="!night1")) == [(MIDNIGHT_S + 10 * 3600, False)]


def test_each_use_in_a_night_fires() -> None:
    messages = driving(23, 23.05) + driving(23.1, ignition="Stop") + driving(23.5) + driving(25.5, 25.55)
    found = [(round(second - MIDNIGHT_S) / 3600, refresh) for second, refresh in fired(messages, subject(NIGHT))]
    assert found == [(23, False), (23.5, False), (25.5, False)]


def test_a_zone_is_left_once_however_the_fixes_scatter_about_its_edge() -> None:
    """20 km east of the centre on the equator is at 0.179663 degrees."""
    longitudes = [0.1, 0.1797, 0.1796, 0.1797, 0.1803, 0.1797, 0.1796, 0.1790, 0.1797]
    messages = [at(n, here(n, longitude, 0.0)) for n, longitude in enumerate(longitudes)]
    assert fired(messages, subject(zone("z", "Out", at=(0, 0)))) == [(4, False)]
    assert fired(messages, subject(zone("z", "In", at=(0, 0)))) == [(0, False), (7, False)]


def test_a_trip_that_ended_is_of_the_moment_at_which_it_did_and_tells_its_id() -> None:
    messages = [at(n, ignition__type="Start", kinetic__speed=90.0) for n in range(120)]
    messages += [at(second, ignition__type="Stop", kinetic__speed=0.0) for second in (120, 121, 1000)]
    made = watched(messages, subject(ENDED))
    (event,) = made.events
    assert event.at_ms == 120_000
    assert len(event.values["vehicle.trip.stop"]) == 1


def test_an_event_tells_what_its_data_were() -> None:
    alert = data("ice1", "vehicle.alert", "includedIn", "RiskOfIce", "FuelLevelLow")
    messages = [level(0, 70), level(1, 70, alert__RiskOfIce=True, alert__SuspensionFault=True)]
    (event,) = watched(messages, subject(LOW, alert, condition="low1 | ice1")).events
    assert event.values == {"vehicle.energy.electric.level": (70,), "vehicle.alert": ("RiskOfIce", "SuspensionFault")}


def test_an_id_stays_when_a_better_time_is_known_for_the_message() -> None:
    origin = Origin(b"k" * 16, 77)
    one = Message(1000, {"energies.Electric.level": 40.0}, None, origin)
    other = Message(2500, {"energies.Electric.level": 40.0}, None, origin)
    (first,), (second,) = watched([one], subject(LOW)).events, watched([other], subject(LOW)).events
    assert first.id == second.id


def test_moments_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot follow one at 5 ms"):
        advance(State(), [Moment(5), Moment(5)], subject(LOW))
