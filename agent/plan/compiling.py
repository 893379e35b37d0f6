"""The compile step: a profile and the databases it names become a plan.

Everything wrong is reported at once, as `contract.configuration` does: file, line, key, what was found, what to do. A
message or signal that no database has names the nearest one that there is. What healing did to the databases is no
error, as long as the signals that the profile wants came out of it.

The interval in which on-change signals are restated is never longer than the cadence: every upload restates them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from agent.bus.j1939 import group_of, largest_valid
from agent.databases.layouts import MessageLayout
from agent.databases.loaded import DatabaseError, Loaded
from agent.decode.checksums import Checker, checksum_checker
from agent.decode.decoders import raw_decoder
from agent.devices.messages import decoder as device_decoder
from agent.plan.answers import answer_problems, as_answer
from agent.plan.compiling_events import (
    accelerations,
    planned_crash,
    planned_events,
    watched_signals,
)
from agent.plan.compiling_events import conditions as event_conditions
from agent.plan.compiling_events import problems as event_problems
from agent.plan.places import Place, Places
from agent.plan.plan import FrameKey, Plan, PlannedClock, PlannedGroup, PlannedMessage, PlannedSignal
from agent.plan.privacy import planned_privacy, privacy_problems
from agent.plan.published import mapping_problems
from agent.plan.state import state_of
from agent.plan.values import bounds, fixed_point, manifest_signal, reader
from contract.configuration import ConfigurationError, Document, Problem
from contract.manifest import Group, Manifest, Sampling, manifest_id
from contract.profile.cadence import AWAKE, VehicleState
from contract.profile.devices import DEVICES, RECEIVER_SIGNALS
from contract.profile.profile import Profile, profile_in
from contract.profile.signals import SamplingClass
from contract.wire import WireError

_LAST_ADDRESS = 253


class Compiled(NamedTuple):
    plan: Plan
    consulted: frozenset[str]
    """The messages that were looked into, by name: of the others only name, id and form count."""


def compile_plan(file: Path, *, cadence_ms: int | None = None) -> Plan:
    """Reads the profile in `file` and the databases that it names. `cadence_ms` takes the place of its cadences.

    Raises ConfigurationError with everything that is wrong.
    """
    document = Document.read(file)
    return compile_document(document, profile_in(document), cadence_ms=cadence_ms).plan


def compile_document(
    document: Document,
    profile: Profile,
    read: Callable[[Path], Loaded] | None = None,
    *,
    cadence_ms: int | None = None,
) -> Compiled:
    """As `compile_plan`, of the profile in `document`; `read` gives a database, or raises DatabaseError."""
    databases, problems = _databases(profile, document, read or _reader())
    if problems:
        raise ConfigurationError(problems)
    compiler = _Compiler(profile, databases, document, cadence_ms)
    return Compiled(compiler.compile(), frozenset(compiler.consulted))


def _reader() -> Callable[[Path], Loaded]:
    # Here and not above: cantools is large, and a service that finds its databases read already does without it.
    from agent.databases.loading import load

    return load


def _databases(
    profile: Profile, document: Document, read: Callable[[Path], Loaded]
) -> tuple[dict[Path, Loaded], list[Problem]]:
    loaded: dict[Path, Loaded] = {}
    problems: list[Problem] = []
    for name, bus in profile.buses.items():
        for index, path in enumerate(bus.databases):
            if path not in loaded:
                try:
                    loaded[path] = read(path)
                except DatabaseError as wrong:
                    problems.append(document.problem(("buses", name, "databases", index), str(wrong)))
    return loaded, problems


class _Described(NamedTuple):
    """What databases describe, by bus."""

    names: dict[FrameKey, set[str]]
    """Of the messages of a frame; more than one where they do not agree."""
    with_fd: set[str]
    """Buses of which a message is one of CAN FD."""


class _Compiler:
    def __init__(
        self,
        profile: Profile,
        databases: Mapping[Path, Loaded],
        document: Document,
        cadence_ms: int | None,
    ) -> None:
        self._profile = profile
        self._databases = databases
        self._places = Places(profile, databases, document)
        cadence = profile.cadence
        self._cadences_ms = {
            VehicleState.DRIVING: int(cadence_ms or cadence.driving),
            VehicleState.CHARGING: int(cadence_ms or cadence.charging),
            VehicleState.PARKED: int(cadence_ms or cadence.parked),
            VehicleState.ASLEEP: int(cadence.asleep),
        }
        self._first_ms = int(cadence.first) if cadence_ms is None else 0
        self._receiver = [signal.name for signal in RECEIVER_SIGNALS] if profile.gnss.source == "receiver" else []

    @property
    def consulted(self) -> set[str]:
        return self._places.consulted

    def compile(self) -> Plan:
        groups = self._groups()
        sent = [name for _, names in groups for name in names]
        places = self._places
        for name in sent:
            places.find(name, ("signals", name))
        for name in self._receiver:
            places.find(name, ("gnss",))
        applying = places.conditions_of_all([*sent, *places.clock_names(), *self._only_read()])
        for key, text in mapping_problems(self._profile, places.manifest_signal):
            places.report(key, text)
        for key, text in event_problems(self._profile, places.manifest_signal):
            places.report(key, text)
        for key, text in privacy_problems(self._profile, places.manifest_signal):
            places.report(key, text)
        for name in self._profile.messages:
            places.message(name, ("messages", name))
        places.circles(applying)
        if places.problems:
            raise ConfigurationError(places.problems)
        plan = self._plan(groups, applying)
        if places.problems:
            raise ConfigurationError(places.problems)
        return plan

    def _only_read(self) -> Iterator[str]:
        """The signals that events and the state read, sent or not."""
        for keys, expression in event_conditions(self._profile):
            self._places.check(expression, keys)
            yield from expression.names
        for keys, name in accelerations(self._profile):
            self._places.find(name, keys)
            yield name
        word = self._profile.privacy.source
        if word is not None:
            self._places.find(word, ("privacy", "from"))
            yield word
        supply = self._profile.power.supply
        if supply is not None:
            place = self._places.find(supply, ("power", "supply"))
            if place is not None and place.signal.unit != "V":
                self._places.report(("power", "supply"), f"{supply} is in {place.signal.unit or 'no unit'}, not in V")
            yield supply

    def _groups(self) -> list[tuple[PlannedGroup, list[str]]]:
        """By class in the profile's order, then the receiver's; numbered through."""
        groups: list[tuple[PlannedGroup, list[str]]] = []
        begin = 0
        for class_name, sampling in self._profile.classes.items():
            names = [name for name, signal, _ in self._profile.collected() if signal.sampling == class_name]
            if not names:
                continue
            intervals_ms = self._intervals_ms(sampling)
            interval_ms = min(int(sampling.every), *intervals_ms.values())
            strides = {state: each // interval_ms for state, each in intervals_ms.items() if each >= 2 * interval_ms}
            follows = None if sampling.follows is None else begin + names.index(sampling.follows)
            numbers = range(begin, begin + len(names))
            groups.append((PlannedGroup(interval_ms, sampling.on_change, numbers, follows, strides), names))
            begin += len(names)
        return groups

    def _intervals_ms(self, sampling: SamplingClass) -> dict[VehicleState, int]:
        """How often a class is sampled, or restated, in each state."""
        found = {state: int(sampling.every) for state in AWAKE} | {
            state: int(interval) for state, interval in sampling.intervals()
        }
        if not sampling.on_change:
            return found
        return {state: min(interval_ms, self._cadences_ms[state]) for state, interval_ms in found.items()}

    def _plan(self, groups: list[tuple[PlannedGroup, list[str]]], applying: dict[str, tuple[int, ...]]) -> Plan:
        receiver = self._receiver
        sent = [name for _, names in groups for name in names]
        planned_groups = [group for group, _ in groups]
        if receiver:
            last = range(len(sent), len(sent) + len(receiver))
            planned_groups.append(PlannedGroup(int(self._profile.gnss.every), False, last, last[0]))
        numbers = {name: number for number, name in enumerate(dict.fromkeys([*sent, *receiver, *applying]))}
        on_change = {number for group in planned_groups if group.on_change for number in group.signals}
        collected = [*sent, *receiver]
        events = planned_events(self._profile, numbers, collected)
        crash = planned_crash(self._profile, numbers, collected, self._places.manifest_signal)
        watched = watched_signals(events, crash, numbers)

        messages: list[PlannedMessage] = []
        signals: dict[int, PlannedSignal] = {}
        wanted: dict[str, list[str]] = {}
        for name in numbers:
            wanted.setdefault(name.partition(".")[0], []).append(name)
        for names in wanted.values():
            index = len(messages)
            message = self._planned_message(names, numbers, on_change, planned_groups)
            messages.append(replace(message, watched=not watched.isdisjoint(message.signals)))
            for slot, name in enumerate(names):
                signals[numbers[name]] = self._planned_signal(name, index, slot, applying.get(name, ()))
        self._double_ids(messages)
        lengths = {place.message.name: place.message.length for place in self._places.found.values()}
        for key, text in answer_problems(self._profile, messages, lengths):
            self._places.report(key, text)
        return Plan(
            profile=self._profile,
            manifest=self._manifest(planned_groups, collected),
            buses=tuple(self._profile.buses),
            messages=tuple(messages),
            signals=tuple(signals[number] for number in range(len(numbers))),
            conditions=tuple(self._places.conditions),
            groups=tuple(planned_groups),
            known=self._known(messages),
            cadences_ms=self._cadences_ms,
            first_ms=self._first_ms,
            state_of=state_of(self._profile),
            clock=self._planned_clock(numbers),
            findings={path: loaded.findings for path, loaded in self._databases.items()},
            events=events,
            crash=crash,
            privacy=planned_privacy(self._profile, events),
        )

    def _planned_message(
        self, names: list[str], numbers: Mapping[str, int], on_change: set[int], groups: Sequence[PlannedGroup]
    ) -> PlannedMessage:
        place = self._places.found[names[0]]
        layouts = [self._places.found[name].signal for name in names]
        short = [layout.name for layout in layouts]
        checksum, counter = self._integrity(place)
        device = place.bus in DEVICES
        planned = PlannedMessage(
            name=place.message.name,
            bus=place.bus,
            id=place.message.id,
            extended=place.message.extended,
            decode=(device_decoder(place.bus, short) if device else raw_decoder(place.message, short)),
            signals=tuple(numbers[name] for name in names),
            needed_bytes=max((layout.payload_bytes for layout in layouts if not layout.multiplexer), default=0),
            cycle_ms=place.message.cycle_ms or None,
            multiplexed=any(layout.multiplexer for layout in layouts),
            on_change=tuple(numbers[name] for name in names if numbers[name] in on_change),
            feeds=tuple(
                index
                for expression, index in self._places.conditions.items()
                if not set(expression.names).isdisjoint(names)
            ),
            checksum=checksum,
            counter=counter,
            clock=self._profile.clock is not None and self._profile.clock.source in names,
            leads=_led([numbers[name] for name in names], groups),
            device=device,
            j1939=not device and self._profile.buses[place.bus].protocol == "j1939",
            source=self._source(place),
            refused_fd=None if device else self._refused_fd(place),
            claimed=not device and self._claimed(place),
            says_privacy=self._profile.privacy.source in names,
        )
        return as_answer(planned, place.message.length, self._profile)

    def _source(self, place: Place) -> int | None:
        rules = self._profile.messages.get(place.message.name)
        if rules is None or rules.source is None:
            return None
        keys = ("messages", place.message.name, "source")
        if place.bus in DEVICES or self._profile.buses[place.bus].protocol != "j1939":
            self._places.report(keys, f"bus {place.bus} is not one of J1939: its messages have no source address")
        elif not 0 <= rules.source <= _LAST_ADDRESS:
            self._places.report(keys, f"expected an address, 0 to {_LAST_ADDRESS}, found {rules.source}")
        return rules.source

    def _refused_fd(self, place: Place) -> bool | None:
        """Databases that describe no message as one of CAN FD say nothing about it."""
        return not place.message.fd if place.bus in self._described.with_fd else None

    def _claimed(self, place: Place) -> bool:
        own = place.message
        return not self._described.names[place.bus, own.id, own.extended] <= {own.name}

    @cached_property
    def _described(self) -> _Described:
        described = _Described({}, set())
        for bus, settings in self._profile.buses.items():
            for layout in (layout for path in settings.databases for layout in self._databases[path].layouts):
                described.names.setdefault((bus, layout.id, layout.extended), set()).add(layout.name)
                if layout.fd:
                    described.with_fd.add(bus)
        return described

    def _integrity(self, place: Place) -> tuple[Checker | None, Callable[[bytes], int | None] | None]:
        message = self._profile.messages.get(place.message.name)
        if message is None:
            return None, None
        check: Checker | None = None
        counter: Callable[[bytes], int | None] | None = None
        if message.checksum is not None:
            keys = ("messages", place.message.name, "checksum")
            layout = self._places.own_signal(place.message, message.checksum.signal, keys)
            if layout is not None:
                checksum = message.checksum
                try:
                    check = checksum_checker(checksum.kind, layout, checksum.initial, checksum.final_xor)
                except ValueError as wrong:
                    self._places.report(keys, str(wrong))
        if message.counter is not None:
            layout = self._places.own_signal(
                place.message, message.counter.signal, ("messages", place.message.name, "counter")
            )
            if layout is not None:
                counter = _counter(place.message, layout.name)
        return check, counter

    def _planned_signal(self, name: str, message: int, slot: int, conditions: tuple[int, ...]) -> PlannedSignal:
        layout = self._places.found[name].signal
        settings = self._places.settings(name)
        sent = manifest_signal(name, layout)
        minimum = layout.minimum if settings.minimum is None else settings.minimum
        maximum = layout.maximum if settings.maximum is None else settings.maximum
        low, high = bounds(sent.scale, sent.offset, minimum, maximum)
        bus = self._places.found[name].bus
        if bus not in DEVICES and self._profile.buses[bus].protocol == "j1939" and not layout.signed:
            high = min(high, largest_valid(layout.length) or high)
        invalid = frozenset(settings.invalid)
        return PlannedSignal(
            name=name,
            message=message,
            slot=slot,
            low=low,
            high=high,
            invalid=frozenset() if layout.is_float else invalid,
            conditions=conditions,
            read=reader(sent),
            layout=layout,
            fixed=fixed_point(layout, sent.scale, invalid) if layout.is_float else None,
        )

    def _planned_clock(self, numbers: Mapping[str, int]) -> PlannedClock | None:
        clock = self._profile.clock
        if clock is None:
            return None
        condition = None if clock.valid_when is None else self._places.conditions[clock.valid_when]
        return PlannedClock(numbers[clock.source], int(clock.uncertainty), condition)

    def _double_ids(self, messages: Iterable[PlannedMessage]) -> None:
        by_key: dict[FrameKey, str] = {}
        for message in messages:
            for key in _claims(message):
                other = by_key.setdefault(key, message.name)
                if other != message.name:
                    text = f"{other} and {message.name} have the same id {key[1]:X}: collect signals of one of them"
                    self._places.report(("buses", message.bus, "databases"), text)

    def _known(self, messages: Iterable[PlannedMessage]) -> frozenset[FrameKey]:
        described = (
            (bus, layout.id, layout.extended)
            for bus, settings in self._profile.buses.items()
            for path in settings.databases
            for layout in self._databases[path].layouts
        )
        return frozenset(described) | {key for message in messages for key in message.keys}

    def _manifest(self, groups: list[PlannedGroup], names: list[str]) -> Manifest:
        sent = {name: manifest_signal(name, place.signal) for name, place in self._places.found.items()}
        manifest = Manifest(
            self._profile.model,
            tuple(
                Group(
                    Sampling.ON_CHANGE if group.on_change else Sampling.EVERY,
                    group.interval_ms,
                    tuple(sent[names[number]] for number in group.signals),
                )
                for group in groups
            ),
        )
        try:
            manifest_id(manifest)
        except WireError as wrong:
            self._places.report(("signals",), f"the signals cannot be sent: {wrong}")
        return manifest


def _claims(message: PlannedMessage) -> Iterable[FrameKey]:
    """What no other message may be read from. On a J1939 bus a source makes two messages of a parameter group."""
    if not message.j1939:
        return message.keys
    return ((message.bus, group_of(message.id) | (0xFF if message.source is None else message.source), True),)


def _counter(message: MessageLayout, signal: str) -> Callable[[bytes], int | None]:
    decode = raw_decoder(message, [signal])
    return lambda data: decode(data)[0]


def _led(signals: Sequence[int], groups: Sequence[PlannedGroup]) -> tuple[tuple[int, int], ...]:
    """The groups that follow one of these signals, with it."""
    return tuple(
        (index, group.follows)
        for index, group in enumerate(groups)
        if group.follows is not None and group.follows in signals
    )
