"""The compile step: a profile and the databases it names become a plan.

Everything wrong is reported at once, as `contract.configuration` does: file, line, key, what was found, what to do. A
message or signal that no database has names the nearest one that there is. What healing did to the databases is no
error, as long as the signals that the profile wants came out of it.

The interval in which on-change signals are restated is never longer than the cadence: every upload restates them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from agent.checksums import Checker, checksum_checker
from agent.databases import DatabaseError, Loaded, load
from agent.decode import raw_decoder
from agent.gnss import fix as gnss
from agent.layouts import UNSENT_ID, MessageLayout, SignalLayout
from agent.plan import FrameKey, Plan, PlannedClock, PlannedGroup, PlannedMessage, PlannedSignal
from agent.published import expression_problems, mapping_problems
from agent.values import bounds, fixed_point, manifest_signal, reader
from contract.configuration import ConfigurationError, Document, Keys, Problem, nearest
from contract.expressions import Expression, Value
from contract.manifest import Group, Manifest, Sampling, manifest_id
from contract.manifest import Signal as ManifestSignal
from contract.profile import RECEIVER, RECEIVER_SIGNALS, Profile, Signal, load_profile
from contract.wire import WireError

_RECEIVER_CYCLE_MS = 1000
_RECEIVER_LIMITS = {
    "GNSS.Longitude": 1_800_000_000,
    "GNSS.Latitude": 900_000_000,
}


class Place(NamedTuple):
    """Where a signal is found."""

    bus: str
    message: MessageLayout
    signal: SignalLayout


def compile_plan(file: Path, *, cadence_ms: int | None = None) -> Plan:
    """Reads the profile in `file` and the databases that it names. `cadence_ms` takes the place of its cadences.

    Raises ConfigurationError with everything that is wrong.
    """
    profile = load_profile(file)
    document = Document.read(file)
    databases, problems = _databases(profile, document)
    if problems:
        raise ConfigurationError(problems)
    return _Compiler(profile, databases, document, cadence_ms).compile()


def _databases(profile: Profile, document: Document) -> tuple[dict[Path, Loaded], list[Problem]]:
    loaded: dict[Path, Loaded] = {}
    problems: list[Problem] = []
    for name, bus in profile.buses.items():
        for index, path in enumerate(bus.databases):
            if path not in loaded:
                try:
                    loaded[path] = load(path)
                except DatabaseError as wrong:
                    problems.append(document.problem(("buses", name, "databases", index), str(wrong)))
    return loaded, problems


class _Compiler:
    def __init__(
        self, profile: Profile, databases: Mapping[Path, Loaded], document: Document, cadence_ms: int | None
    ) -> None:
        self._profile = profile
        self._databases = databases
        self._document = document
        self._driving_ms = cadence_ms or int(profile.cadence.driving)
        self._parked_ms = cadence_ms or int(profile.cadence.parked)
        self._problems: list[Problem] = []
        self._messages: dict[str, list[tuple[str, MessageLayout]]] = {}
        for bus, settings in profile.buses.items():
            seen: set[str] = set()
            for path in settings.databases:
                for layout in databases[path].layouts:
                    if layout.id != UNSENT_ID and layout.name not in seen:
                        seen.add(layout.name)
                        self._messages.setdefault(layout.name, []).append((bus, layout))
        self._places: dict[str, Place] = {}
        self._conditions: dict[Expression, int] = {}

    def compile(self) -> Plan:
        groups = self._groups()
        sent = [name for _, names in groups for name in names]
        for name in sent:
            self._place(name, ("signals", name))
        clock_names = self._clock_names()
        applying = self._all_conditions([*sent, *clock_names])
        for key, text in mapping_problems(self._profile, self._manifest_signal_of):
            self._report(key, text)
        for name in self._profile.messages:
            self._message_known(name, ("messages", name))
        self._circles(applying)
        if self._problems:
            raise ConfigurationError(self._problems)
        plan = self._plan(groups, applying)
        if self._problems:
            raise ConfigurationError(self._problems)
        return plan

    def _report(self, keys: Keys, text: str) -> None:
        self._problems.append(self._document.problem(keys, text))

    # What the profile names, found in the databases.

    def _message_known(self, name: str, keys: Keys) -> list[tuple[str, MessageLayout]]:
        found = self._messages.get(name, [])
        if not found:
            where = ", ".join(path.name for path in self._databases)
            self._report(keys, f"no message {name} in {where}{nearest(name, self._messages)}")
        elif len(found) > 1:
            buses = " and ".join(bus for bus, _ in found)
            self._report(keys, f"the databases of {buses} both have a message {name}: leave it in one of them")
        return found

    def _place(self, name: str, keys: Keys) -> Place | None:
        """Where a bus signal is; reports what is wrong with it, once."""
        if name in self._places:
            return self._places[name]
        message_name, _, signal_name = name.partition(".")
        found = self._message_known(message_name, keys)
        if len(found) != 1:
            return None
        bus, message = found[0]
        try:
            signal = message.signal(signal_name)
        except KeyError:
            names = [each.name for each in message.signals]
            self._report(keys, f"message {message_name} has no signal {signal_name}{nearest(signal_name, names)}")
            return None
        if signal.length > 64:
            self._report(keys, f"{name} has {signal.length} bits; at most 64 can be collected")
            return None
        for raw in self._settings(name).invalid:
            if not _fits(raw, signal):
                kind = "signed" if signal.signed else "unsigned"
                self._report((*keys, "invalid"), f"{raw} is no raw value of {name} ({signal.length} bits, {kind})")
        place = self._places[name] = Place(bus, message, signal)
        return place

    def _settings(self, name: str) -> Signal:
        return self._profile.signals.get(name) or Signal()

    def _manifest_signal_of(self, name: str) -> ManifestSignal | None:
        """As it will be sent; None, reported before, where there is no such signal."""
        for signal in RECEIVER_SIGNALS:
            if signal.name == name:
                return signal
        place = self._places.get(name)
        return None if place is None else manifest_signal(name, place.signal)

    # Conditions.

    def _all_conditions(self, sent: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The conditions of each signal that is sent or read by a condition."""
        applying: dict[str, tuple[int, ...]] = {}
        waiting = list(sent)
        while waiting:
            name = waiting.pop(0)
            place = self._places.get(name)
            if name in applying or place is None:
                continue
            indices = []
            for keys, expression in self._conditions_of(name, place.bus):
                known = expression in self._conditions
                indices.append(self._conditions.setdefault(expression, len(self._conditions)))
                if not known:
                    self._check(expression, keys)
                waiting += expression.names
            applying[name] = tuple(indices)
        return applying

    def _conditions_of(self, name: str, bus: str) -> Iterator[tuple[Keys, Expression]]:
        """The signal's own, and its message's and its bus's unless these read the signal itself."""
        signal = self._settings(name).valid_when
        if signal is not None:
            yield ("signals", name, "valid_when"), signal
        message_name = name.partition(".")[0]
        message = self._profile.messages.get(message_name)
        if message is not None and message.valid_when is not None and name not in message.valid_when.names:
            yield ("messages", message_name, "valid_when"), message.valid_when
        whole_bus = self._profile.buses[bus].valid_when
        if whole_bus is not None and name not in whole_bus.names:
            yield ("buses", bus, "valid_when"), whole_bus

    def _check(self, expression: Expression, keys: Keys) -> None:
        """That its signals are there and have the values that it compares them with."""
        for name in expression.names:
            if name.partition(".")[0] == RECEIVER:
                self._report(keys, f"{name}: a condition cannot read the receiver")
            else:
                self._place(name, keys)
        for wrong_keys, text in expression_problems(expression, keys, self._manifest_signal_of):
            self._report(wrong_keys, text)

    def _circles(self, applying: Mapping[str, tuple[int, ...]]) -> None:
        """A condition may not depend on itself, through whatever signals."""
        expressions = list(self._conditions)

        def reaches(start: str, name: str, seen: set[str]) -> bool:
            for index in applying.get(name, ()):
                for read in expressions[index].names:
                    if read == start:
                        return True
                    if read not in seen:
                        seen.add(read)
                        if reaches(start, read, seen):
                            return True
            return False

        for name in applying:
            if reaches(name, name, set()):
                self._report(("signals", name, "valid_when"), f"whether {name} is valid depends on {name} itself")

    def _clock_names(self) -> list[str]:
        """The signals that give the time."""
        clock = self._profile.clock
        if clock is None:
            return []
        self._place(clock.source, ("clock", "from"))
        if clock.valid_when is None:
            return [clock.source]
        self._conditions.setdefault(clock.valid_when, len(self._conditions))
        self._check(clock.valid_when, ("clock", "valid_when"))
        return [clock.source, *clock.valid_when.names]

    # The plan.

    def _groups(self) -> list[tuple[PlannedGroup, list[str]]]:
        """By class in the profile's order, then the receiver's; numbered through."""
        groups: list[tuple[PlannedGroup, list[str]]] = []
        begin = 0
        for class_name, sampling in self._profile.classes.items():
            names = [name for name, signal, _ in self._profile.collected() if signal.sampling == class_name]
            if not names:
                continue
            interval_ms = int(sampling.every)
            if sampling.on_change:
                interval_ms = min(interval_ms, self._driving_ms, self._parked_ms)
            groups.append((PlannedGroup(interval_ms, sampling.on_change, range(begin, begin + len(names))), names))
            begin += len(names)
        return groups

    def _plan(self, groups: list[tuple[PlannedGroup, list[str]]], applying: dict[str, tuple[int, ...]]) -> Plan:
        receiver = [signal.name for signal in RECEIVER_SIGNALS] if self._profile.gnss.source == "receiver" else []
        sent = [name for _, names in groups for name in names]
        planned_groups = [group for group, _ in groups]
        if receiver:
            last = range(len(sent), len(sent) + len(receiver))
            planned_groups.append(PlannedGroup(int(self._profile.gnss.every), False, last))
        numbers = {name: number for number, name in enumerate(dict.fromkeys([*sent, *receiver, *applying]))}
        on_change = {number for group in planned_groups if group.on_change for number in group.signals}

        messages: list[PlannedMessage] = []
        signals: dict[int, PlannedSignal] = {}
        wanted: dict[str, list[str]] = {}
        for name in numbers:
            wanted.setdefault(name.partition(".")[0], []).append(name)
        for message_name, names in wanted.items():
            index = len(messages)
            if message_name == RECEIVER:
                messages.append(_receiver_message([numbers[name] for name in names]))
                signals.update((numbers[name], _receiver_signal(name, index, slot)) for slot, name in enumerate(names))
                continue
            messages.append(self._planned_message(names, numbers, on_change))
            for slot, name in enumerate(names):
                signals[numbers[name]] = self._planned_signal(name, index, slot, applying.get(name, ()))
        self._double_ids(messages)
        return Plan(
            profile=self._profile,
            manifest=self._manifest(planned_groups, [*sent, *receiver]),
            buses=tuple(self._profile.buses),
            messages=tuple(messages),
            signals=tuple(signals[number] for number in range(len(numbers))),
            conditions=tuple(self._conditions),
            groups=tuple(planned_groups),
            known=self._known(),
            driving_cadence_ms=self._driving_ms,
            parked_cadence_ms=self._parked_ms,
            driving=self._driving(),
            clock=self._planned_clock(numbers),
            findings={path: loaded.findings for path, loaded in self._databases.items()},
        )

    def _planned_message(self, names: list[str], numbers: Mapping[str, int], on_change: set[int]) -> PlannedMessage:
        place = self._places[names[0]]
        layouts = [self._places[name].signal for name in names]
        checksum, counter = self._integrity(place)
        return PlannedMessage(
            name=place.message.name,
            bus=place.bus,
            id=place.message.id,
            extended=place.message.extended,
            decode=raw_decoder(place.message, [layout.name for layout in layouts]),
            signals=tuple(numbers[name] for name in names),
            needed_bytes=max((layout.payload_bytes for layout in layouts if not layout.multiplexer), default=0),
            cycle_ms=place.message.cycle_ms or None,
            multiplexed=any(layout.multiplexer for layout in layouts),
            on_change=tuple(numbers[name] for name in names if numbers[name] in on_change),
            feeds=tuple(
                index for expression, index in self._conditions.items() if not set(expression.names).isdisjoint(names)
            ),
            checksum=checksum,
            counter=counter,
            clock=self._profile.clock is not None and self._profile.clock.source in names,
        )

    def _integrity(self, place: Place) -> tuple[Checker | None, Callable[[bytes], int | None] | None]:
        message = self._profile.messages.get(place.message.name)
        if message is None:
            return None, None
        check: Checker | None = None
        counter: Callable[[bytes], int | None] | None = None
        if message.checksum is not None:
            keys = ("messages", place.message.name, "checksum")
            layout = self._own_signal(place.message, message.checksum.signal, keys)
            if layout is not None:
                checksum = message.checksum
                try:
                    check = checksum_checker(checksum.kind, layout, checksum.initial, checksum.final_xor)
                except ValueError as wrong:
                    self._report(keys, str(wrong))
        if message.counter is not None:
            layout = self._own_signal(
                place.message, message.counter.signal, ("messages", place.message.name, "counter")
            )
            if layout is not None:
                counter = _counter(place.message, layout.name)
        return check, counter

    def _own_signal(self, message: MessageLayout, name: str, keys: Keys) -> SignalLayout | None:
        try:
            return message.signal(name)
        except KeyError:
            hint = nearest(name, [signal.name for signal in message.signals])
            self._report(keys, f"message {message.name} has no signal {name}{hint}")
            return None

    def _planned_signal(self, name: str, message: int, slot: int, conditions: tuple[int, ...]) -> PlannedSignal:
        layout = self._places[name].signal
        settings = self._settings(name)
        sent = manifest_signal(name, layout)
        minimum = layout.minimum if settings.minimum is None else settings.minimum
        maximum = layout.maximum if settings.maximum is None else settings.maximum
        low, high = bounds(sent.scale, sent.offset, minimum, maximum)
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
        condition = None if clock.valid_when is None else self._conditions[clock.valid_when]
        return PlannedClock(numbers[clock.source], int(clock.uncertainty), condition)

    def _double_ids(self, messages: Iterable[PlannedMessage]) -> None:
        by_key: dict[FrameKey, str] = {}
        for message in messages:
            key = (message.bus, message.id, message.extended)
            other = by_key.setdefault(key, message.name)
            if other != message.name:
                text = f"{other} and {message.name} have the same id {message.id:X}: collect signals of one of them"
                self._report(("buses", message.bus, "databases"), text)

    def _known(self) -> frozenset[FrameKey]:
        return frozenset(
            (bus, layout.id, layout.extended)
            for bus, settings in self._profile.buses.items()
            for path in settings.databases
            for layout in self._databases[path].layouts
        )

    def _manifest(self, groups: list[PlannedGroup], names: list[str]) -> Manifest:
        sent = {signal.name: signal for signal in RECEIVER_SIGNALS} | {
            name: manifest_signal(name, place.signal) for name, place in self._places.items()
        }
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
            self._report(("signals",), f"the signals cannot be sent: {wrong}")
        return manifest

    def _driving(self) -> Callable[[Callable[[str], Value | None]], bool] | None:
        trip = self._profile.trip
        if trip is None or self._driving_ms == self._parked_ms:
            return None
        mapping = self._profile.data[trip.datum]
        source, expression, table, active = mapping.source, mapping.expression, mapping.values, frozenset(trip.active)

        def driving(lookup: Callable[[str], Value | None]) -> bool:
            value = lookup(source) if source is not None else expression and expression(lookup)
            if table and value is not None:
                value = table.get(str(value))
            return value in active

        return driving


def _counter(message: MessageLayout, signal: str) -> Callable[[bytes], int | None]:
    decode = raw_decoder(message, [signal])
    return lambda data: decode(data)[0]


def _fits(raw: int, signal: SignalLayout) -> bool:
    low = -(1 << (signal.length - 1)) if signal.signed else 0
    return low <= raw < low + (1 << signal.length)


def _receiver_message(numbers: list[int]) -> PlannedMessage:
    return PlannedMessage(
        name=RECEIVER,
        bus=gnss.BUS,
        id=0,
        extended=False,
        decode=gnss.raw_values,
        signals=tuple(numbers),
        needed_bytes=0,
        cycle_ms=_RECEIVER_CYCLE_MS,
        multiplexed=False,
    )


def _receiver_signal(name: str, message: int, slot: int) -> PlannedSignal:
    signal = next(signal for signal in RECEIVER_SIGNALS if signal.name == name)
    limit = _RECEIVER_LIMITS.get(name, 1 << 31)
    return PlannedSignal(name, message, slot, -limit, limit, frozenset(), (), reader(signal), None)
