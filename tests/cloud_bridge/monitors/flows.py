"""What vehicles say to monitors, by hand or drawn by hypothesis, and monitors over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from cloud_bridge.monitors.episodes import Episode, Event, Outcome, State, Subject, advance
from cloud_bridge.monitors.moments import Told, moments
from cloud_bridge.records.fold import History, Stretch
from cloud_bridge.records.fold import advance as fold
from cloud_bridge.records.model import Known, Message, Position, Record, Value
from cloud_bridge.records.rules import Rules
from cloud_bridge.records.trips import TripRule
from tests.cloud_bridge.monitors.bodies import Body, body, checked

TRIP = TripRule("ignition.type", frozenset({"Start"}), 300_000)
ALWAYS = ((0, None),)


def subject(*triggers: Body, condition: str | None = None, running: Sequence[tuple[int, int | None]] = ALWAYS,
            refresh_s: int | None = None) -> Subject:  # fmt: skip
    more = {} if refresh_s is None else {"refreshEvent": refresh_s}
    watch = checked(body(*triggers, condition=condition, **more))
    return Subject("m1/1/VF30A5FWTEST00001", watch, tuple(running), frozenset({"energies.Electric.level"}))


def told(messages: Sequence[Message]) -> Told:
    """All that a vehicle said, with the records that are made of it."""
    until_ms = messages[-1].at_ms + 1
    made = fold(History(), Stretch(messages[0].at_ms, until_ms, messages), Rules("VF30A5FWTEST00001", TRIP))
    records: list[Record] = list(made.records.values())
    return Told(messages[0].at_ms, until_ms, messages, records)


def watched(said: Sequence[Message] | Told, by: Subject) -> Outcome:
    """The whole of it at once."""
    whole = said if isinstance(said, Told) else told(said)
    return advance(State(), moments({}, whole, TRIP), by)


def cut(whole: Told, edges: Iterable[int], by: Subject) -> Outcome:
    """The same stretch by stretch, with the state written and read between any two."""
    bounds = sorted({whole.from_ms, *(edge for edge in edges if whole.from_ms < edge < whole.to_ms), whole.to_ms})
    state, known = State(), dict[str, Known]()
    events: list[Event] = []
    episodes: dict[str, Episode] = {}
    for start, end in pairwise(bounds):
        inside = [message for message in whole.messages if start <= message.at_ms < end]
        part = Told(start, end, inside, whole.records, whole.thefts)
        made = advance(state, moments(known, part, TRIP), by)
        events += made.events
        episodes |= made.episodes
        for message in inside:
            known |= {datum: Known(value, message.at_ms) for datum, value in message.values.items()}
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(made.state), type=State)
    return Outcome(state, events, episodes)


_values: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        "ignition.type": st.sampled_from(["Stop", "Start"]),
        "kinetic.speed": st.sampled_from([0.0, 5.0, 10.0, 130.0]),
        "energies.Electric.level": st.sampled_from([9.5, 49.5, 50.0, 90.0]),
        "alert.RiskOfIce": st.booleans(),
        "privacy.state": st.sampled_from(["None", "Geolocation"]),
        "alarm.trigger.type": st.sampled_from(["NoBreakIn", "RoofBreakIn"]),
        "doorsState.opening.Trunk": st.sampled_from(["Open", "Closed"]),
    },
)
_steps_ms = st.sampled_from([1, 1000, 1000, 30_000, 60_000, 299_999, 300_000, 300_001, 1_800_000, 4 * 3_600_000])


@st.composite
def flows(draw: st.DrawFn) -> list[Message]:
    """From some evening on, with silences."""
    now_ms = 1_704_900_000_000
    messages: list[Message] = []
    for _ in range(draw(st.integers(1, 14))):
        fix = Position(now_ms, 2.33 + draw(st.integers(0, 60)) / 100, 48.86) if draw(st.booleans()) else None
        values = draw(_values)
        if values or fix or not messages:
            messages.append(Message(now_ms, dict(sorted(values.items())), fix))
        now_ms += draw(_steps_ms)
    return messages
