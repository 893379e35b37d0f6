"""Flows of messages to fold, written by hand or drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from cloud_bridge.records.fold import History, Stretch, advance
from cloud_bridge.records.model import Alert, Implausible, Message, Position, Record, Trip, Value
from cloud_bridge.records.rules import Rules
from cloud_bridge.records.trips import TripRule
from cloud_bridge.store.port.reading import One
from cloud_bridge.unify.events import CRASHED

VIN = "VF30A5FWTEST00001"
SILENCE_MS = 300_000
IGNITION = Rules(VIN, TripRule("ignition.type", frozenset({"Start"}), SILENCE_MS))
ENGINE = Rules(VIN, TripRule("powertrain.status", frozenset({"Running"}), SILENCE_MS, 180_000))


def at(second: float, *said: dict[str, Value] | Position, **values: Value) -> Message:
    """A message at `second`: of data, of a position, of data named with `__` for the dot."""
    data = {name.replace("__", "."): value for name, value in values.items()}
    position = None
    for one in said:
        if isinstance(one, Position):
            position = one
        else:
            data |= one
    return Message(round(second * 1000), dict(sorted(data.items())), position)


def here(second: float, longitude: float = 2.0, latitude: float = 48.0) -> Position:
    return Position(round(second * 1000), longitude, latitude)


def stretch(messages: Sequence[Message], until_s: float | None = None, *, asleep: bool = False) -> Stretch:
    """All of `messages`, from the first until just after the last or until `until_s`."""
    to_ms = messages[-1].at_ms + 1 if until_s is None else round(until_s * 1000)
    return Stretch(messages[0].at_ms, to_ms, messages, asleep)


class Records(msgspec.Struct):
    """The last state of every record, what is not believed, and what is carried on."""

    all: dict[str, Record] = {}
    implausible: list[Implausible] = []
    history: History = msgspec.field(default_factory=History)

    def of(self, kind: type[One]) -> dict[str, One]:
        return {record_id: one for record_id, one in self.all.items() if isinstance(one, kind)}

    @property
    def trips(self) -> dict[str, Trip]:
        return self.of(Trip)

    @property
    def alerts(self) -> dict[str, Alert]:
        return self.of(Alert)

    @property
    def trip(self) -> Trip:
        """The only trip."""
        (trip,) = self.trips.values()
        return trip

    def fold(self, stretches: Iterable[Stretch], rules: Rules) -> Records:
        """Fold on, with the history written and read between any two stretches."""
        for part in stretches:
            made = advance(self.history, part, rules)
            self.all |= made.records
            self.implausible += made.implausible
            self.history = msgspec.msgpack.decode(msgspec.msgpack.encode(made.history), type=History)
        return self


def fold(stretches: Iterable[Stretch], rules: Rules = IGNITION) -> Records:
    return Records().fold(stretches, rules)


_values: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        "ignition.type": st.sampled_from(["Stop", "Start", "StartUp"]),
        "powertrain.status": st.sampled_from(["Running", "NotRunning"]),
        "kinetic.speed": st.sampled_from([0.0, 0.5, 3.0, 36.0, 130.0]),
        "odometer.mileage": st.integers(1000, 1300).map(lambda tenths: tenths / 10),
        "energies.Fuel.level": st.sampled_from([11.5, 12.0]),
        "energies.Fuel.consumption.total": st.integers(100, 300).map(float),
        "energies.Electric.consumption.total": st.integers(100, 300).map(float),
        "propulsion": st.sampled_from(["Thermal", "Electric"]),
        "privacy.state": st.sampled_from(["None", "None", "Geolocation", "Full"]),
        "alert.FuelLevelLow": st.booleans(),
        "alert.EngineOilPressureFailure": st.booleans(),
        "alarm.status.activation": st.sampled_from(["Inactive", "Active"]),
        "alarm.trigger.type": st.sampled_from(["NoBreakIn", "RoofBreakIn", "VehicleLifting"]),
        "collision.side": st.sampled_from(["Front", "Rear"]),
        "collision.severity": st.sampled_from(["Minor", "Major"]),
        "collision.tippedOver": st.booleans(),
        CRASHED: st.just(True),
    },
)
_steps_ms = st.sampled_from([1, 100, 1000, 1000, 1000, 9000, 10_000, 10_001, 60_000, 60_001, 120_001, 300_000, 300_001])


@st.composite
def flows(draw: st.DrawFn) -> list[Stretch]:
    """Stretches as a vehicle makes them: some end asleep, some are followed by a hole, some hold no message at all."""
    stretches = []
    now_ms = 1_000_000
    for _ in range(draw(st.integers(1, 3))):
        from_ms = now_ms
        messages = []
        for _ in range(draw(st.integers(0, 12))):
            fix = Position(now_ms, 2 + draw(st.integers(0, 40)) / 1000, 48.0) if draw(st.booleans()) else None
            values = draw(_values)
            if values or fix:
                messages.append(Message(now_ms, values, fix))
            now_ms += draw(_steps_ms)
        stretches.append(Stretch(from_ms, now_ms, messages, draw(st.booleans())))
        now_ms += draw(st.sampled_from([0, 0, 1000, 400_000]))
    return stretches


@st.composite
def cuts(draw: st.DrawFn, stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same stretches, cut anywhere; sleep is at the very end of each."""
    parts = []
    for whole in stretches:
        bounds = draw(st.lists(st.integers(whole.from_ms, whole.to_ms), max_size=6))
        bounds += [
            message.at_ms + shift
            for message in draw(
                st.lists(st.sampled_from(whole.messages), max_size=4) if whole.messages else st.just([])
            )
            for shift in (0, 1)
        ]
        edges = sorted({whole.from_ms, *bounds, whole.to_ms})
        if len(edges) == 1:
            parts.append(whole)
        for start, end in pairwise(edges):
            inside = [message for message in whole.messages if start <= message.at_ms < end]
            parts.append(Stretch(start, end, inside, whole.ends_asleep and end == whole.to_ms))
    return parts
