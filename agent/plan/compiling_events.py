"""Events of a profile, compiled: its own, the built-in ones that its data allow, and the crash.

A built-in event is about data and alerts: it watches what [data] and [alerts] make of signals, so nothing needs to be
said twice. Of a conditions' signals those that are sent are recorded unless the profile says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.plan.data import datum
from agent.plan.events import Evaluate, PlannedCrash, PlannedEvent, Recording
from agent.plan.plan import Plan
from contract.catalog import LOCKED_STATES, OPENINGS
from contract.configuration import Keys
from contract.evaluation import Lookup, Value
from contract.expressions import Expression
from contract.manifest import Signal
from contract.profile.data import Lamp
from contract.profile.data import Mapping as DatumMapping
from contract.profile.events import BUILT_IN, CRASH, Event
from contract.profile.profile import Profile
from contract.units import UNCHANGED, UnitError, conversion

if TYPE_CHECKING:
    from agent.plan.actions import PlannedRemote

BUILT_IN_AN_HOUR = 120
"""So that a loose contact does not fill the link: what is held back goes with the next regular upload."""
SPEED = "kinetic.speed"
_CHARGING = "energies.Electric.charging"
_WATCHED = {
    "ignition": ("ignition.type",),
    "doors": tuple(f"doorsState.opening.{opening}" for opening in OPENINGS),
    "locks": ("doorsState.locked", *LOCKED_STATES),
    "plug": (f"{_CHARGING}.plugged",),
    "charging": (f"{_CHARGING}.status",),
}
_INTEGRATED = "m/s^2"

Find = Callable[[str], Signal | None]


def conditions(profile: Profile) -> Iterator[tuple[Keys, Expression]]:
    """Every expression that only events have, with its place in the profile."""
    for name, event in profile.events.items():
        yield ("events", name, "when"), event.when
        if event.clear is not None:
            yield ("events", name, "clear"), event.clear
    if profile.crash is not None and profile.crash.message is not None:
        yield ("crash", "message"), profile.crash.message
    if profile.state.charging is not None:
        yield ("state", "charging"), profile.state.charging


def accelerations(profile: Profile) -> Iterator[tuple[Keys, str]]:
    for index, name in enumerate(profile.crash.acceleration if profile.crash is not None else ()):
        yield ("crash", "acceleration", index), name


def problems(profile: Profile, find: Find) -> Iterator[tuple[Keys, str]]:
    """Conditions that would never hold, and accelerations that are none."""
    for keys, expression in conditions(profile):
        on_change = keys[0] == "events" and keys[-1] == "when" and profile.events[str(keys[1])].on == "change"
        signal = find(expression.text)
        if signal is not None and signal.choices and not on_change:
            compared = f"{signal.name} != {signal.choices[min(signal.choices)]!r}"
            yield keys, f"{signal.name} is a text, which never holds by itself: compare it, as {compared}"
    for keys, name in accelerations(profile):
        signal = find(name)
        if signal is not None:
            try:
                conversion(signal.unit, _INTEGRATED, of=name)
            except UnitError as wrong:
                yield keys, str(wrong)


def planned_events(profile: Profile, numbers: Mapping[str, int], sent: Iterable[str]) -> tuple[PlannedEvent, ...]:
    """All events but the crash."""
    recordable = frozenset(sent)
    wanted = [name for name in BUILT_IN if getattr(profile.built_in, name)]
    found = [_own(profile, name, event, numbers, recordable) for name, event in profile.events.items()]
    for name in wanted:
        for key in _WATCHED.get(name, ()):
            mapping = profile.data.get(key)
            if mapping is not None:
                found.append(_built_in(name, key, datum(mapping), mapping.names, None, numbers, recordable))
    if "alerts" in wanted:
        for alert, lamp in profile.alerts.items():
            # A lamp that is lit when the car wakes is news; a dark one is not.
            found.append(_built_in("alerts", alert, _lit(lamp), lamp.names, False, numbers, recordable))
    return tuple(found)


def planned_crash(profile: Profile, numbers: Mapping[str, int], sent: Iterable[str], find: Find) -> PlannedCrash | None:
    crash = profile.crash
    if crash is None or not profile.built_in.crash:
        return None
    speed = profile.data.get(SPEED)
    speed_names = () if speed is None else speed.names
    accelerating = [(name, signal) for name in crash.acceleration if (signal := find(name)) is not None]
    recorded = [*crash.acceleration, *speed_names, *_signals(profile, crash.record)]
    return PlannedCrash(
        message=crash.message,
        message_names=() if crash.message is None else crash.message.names,
        windows=() if crash.message is None else crash.message.windows,
        acceleration=tuple(
            (numbers[name], conversion(signal.unit, _INTEGRATED, of=name).factor) for name, signal in accelerating
        ),
        speed=None if speed is None else speed_of(speed, find),
        speed_names=speed_names,
        velocity_change_kmh=crash.velocity_change,
        within_ms=int(crash.within),
        alone=crash.alone,
        recording=_recording(int(crash.before), int(crash.after), recorded, numbers, frozenset(sent)),
    )


def without_events(plan: Plan, names: Iterable[str]) -> Plan:
    """The plan without some events, by their names."""
    off = frozenset(names)
    events = tuple(event for event in plan.events if event.name not in off)
    crash = None if CRASH in off else plan.crash
    return _watching(replace(plan, events=events, crash=crash))


def without_remote(plan: Plan) -> Plan:
    """The plan of a vehicle that nothing is transmitted to."""
    return plan if plan.remote is None else _watching(replace(plan, remote=None))


def _watching(plan: Plan) -> Plan:
    numbers = {signal.name: number for number, signal in enumerate(plan.signals)}
    watched = watched_signals(plan.events, plan.crash, plan.remote, numbers)
    messages = tuple(replace(each, watched=not watched.isdisjoint(each.signals)) for each in plan.messages)
    return replace(plan, messages=messages)


def event_names(plan: Plan) -> frozenset[str]:
    """The events that there are in a plan."""
    return frozenset(event.name for event in plan.events) | ({CRASH} if plan.crash is not None else set())


def watched_signals(
    events: Iterable[PlannedEvent],
    crash: PlannedCrash | None,
    remote: PlannedRemote | None,
    numbers: Mapping[str, int],
) -> frozenset[int]:
    """Every signal of which an event or an action needs each frame."""
    watched = {numbers[name] for event in events for name in event.names}
    if remote is not None:
        watched |= {numbers[name] for name in remote.names}
    recordings = [event.recording for event in events]
    if crash is not None:
        watched |= {numbers[name] for name in (*crash.message_names, *crash.speed_names)}
        watched |= {number for number, _ in crash.acceleration}
        recordings.append(crash.recording)
    for recording in recordings:
        if recording.before_ms or recording.after_ms:
            watched.update(recording.signals)
    return frozenset(watched)


def _own(profile: Profile, name: str, event: Event, numbers: Mapping[str, int], sent: frozenset[str]) -> PlannedEvent:
    record = _signals(profile, event.record) if event.record else list(event.when.names)
    windows = event.when.windows + (event.clear.windows if event.clear is not None else ())
    names = event.when.names + (event.clear.names if event.clear is not None else ())
    return PlannedEvent(
        name=name,
        text=event.when.text,
        evaluate=event.when,
        names=tuple(dict.fromkeys(names)),
        windows=tuple(dict.fromkeys(windows)),
        on=event.on,
        lasting_ms=int(event.lasting or 0),
        clear=event.clear,
        not_again_ms=int(event.not_again_for or 0),
        most_an_hour=event.most_an_hour,
        recording=_recording(int(event.before), int(event.after), record, numbers, sent),
    )


def _built_in(
    name: str,
    text: str,
    evaluate: Evaluate,
    names: tuple[str, ...],
    unheard: Value | None,
    numbers: Mapping[str, int],
    sent: frozenset[str],
) -> PlannedEvent:
    """What it is about changes seldom and is sent at each change: there is nothing to be recorded beside it."""
    return PlannedEvent(
        name=name,
        text=text,
        evaluate=evaluate,
        names=names,
        windows=(),
        on="change",
        unheard=unheard,
        lasting_ms=0,
        clear=None,
        not_again_ms=0,
        most_an_hour=BUILT_IN_AN_HOUR,
        recording=_recording(0, 0, names, numbers, sent),
    )


def _recording(
    before_ms: int, after_ms: int, names: Iterable[str], numbers: Mapping[str, int], sent: frozenset[str]
) -> Recording:
    signals = tuple(numbers[name] for name in dict.fromkeys(names) if name in sent)
    return Recording(before_ms, after_ms, signals)


def _signals(profile: Profile, record: Iterable[str]) -> list[str]:
    """The signals of a list of signals and classes."""
    found: list[str] = []
    for name in record:
        found += (
            [name]
            if name not in profile.classes
            else [signal for signal, settings in profile.signals.items() if settings.sampling == name]
        )
    return found


def _lit(lamp: Lamp) -> Evaluate:
    source, expression, states = lamp.source, lamp.expression, lamp.states

    def evaluate(lookup: Lookup) -> Value | None:
        if source is None:
            return None if expression is None else expression(lookup)
        value = lookup(source)
        return None if value is None else value in states

    return evaluate


def speed_of(mapping: DatumMapping, find: Find) -> Evaluate:
    """In km/h."""
    signal = None if mapping.source is None else find(mapping.source)
    to_kmh = UNCHANGED if signal is None else conversion(signal.unit, "km/h", of=signal.name)
    evaluate = datum(mapping)

    def kmh(lookup: Lookup) -> Value | None:
        value = evaluate(lookup)
        return None if value is None or isinstance(value, str) else to_kmh(value)

    return kmh
