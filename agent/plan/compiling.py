"""The compile step: a profile and the databases it names become a plan.

Everything wrong is reported at once, as `contract.configuration` does: file, line, key, what was found, what to do. A
message or signal that no database has names the nearest one that there is. What healing did to the databases is no
error, as long as the signals that the profile wants came out of it.

First everything that the profile names is looked up (`agent.plan.places`), wanted or only read. Then the parts of the
plan are made of what was found: groups, messages, signals and events, each in a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from agent.databases.loaded import DatabaseError, Loaded
from agent.plan.compiling_events import accelerations, planned_crash, planned_events, watched_signals
from agent.plan.compiling_events import conditions as event_conditions
from agent.plan.compiling_events import problems as event_problems
from agent.plan.compiling_groups import cadences, grouped
from agent.plan.compiling_messages import Messages
from agent.plan.compiling_signals import planned_signal
from agent.plan.places import Places
from agent.plan.plan import Plan, PlannedClock, PlannedMessage, PlannedSignal
from agent.plan.privacy import planned_privacy, privacy_problems
from agent.plan.published import mapping_problems
from agent.plan.state import state_of
from agent.plan.values import manifest_signal
from contract.configuration import ConfigurationError, Document, Problem
from contract.manifest import Group, Manifest, Sampling, manifest_id
from contract.profile.profile import Profile, placed_buses, profile_in
from contract.wire import WireError

if TYPE_CHECKING:
    from agent.plan.actions import PlannedRemote


class Compiled(NamedTuple):
    plan: Plan
    consulted: frozenset[str]
    """The messages that were looked into, by name: of the others only name, id and form count."""


def compile_plan(file: Path, *, cadence_ms: int | None = None) -> Plan:
    """Reads the profile in `file` and the databases that it names. `cadence_ms` takes the place of its cadences.

    Raises ConfigurationError with everything that is wrong.
    """
    document = Document.read(file)
    try:
        profile = profile_in(document)
    except ConfigurationError as wrong:
        raise ConfigurationError([*_unknown_signals(document), *wrong.problems]) from None
    return compile_document(document, profile, cadence_ms=cadence_ms).plan


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


def _unknown_signals(document: Document) -> list[Problem]:
    """What is listed under [signals] and in no database, of a profile that contradicts itself: a name that is misspelt
    there is missing where it is used, and the nearest of those that are listed would be the wrong one."""
    try:
        profile = document.convert(Profile)
    except ConfigurationError:
        return []
    profile = replace(profile, buses=placed_buses(profile, document))
    databases, problems = _databases(profile, document, _reader())
    if problems:
        return problems
    places = Places(profile, databases, document)
    for name in profile.signals:
        places.find(name, ("signals", name))
    return places.problems


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
        self._cadences_ms = cadences(profile, cadence_ms)
        self._first_ms = int(profile.cadence.first) if cadence_ms is None else 0
        self._grouping = grouped(profile, self._cadences_ms)

    @property
    def consulted(self) -> set[str]:
        return self._places.consulted

    def compile(self) -> Plan:
        applying = self._looked_up()
        self._refuse_problems()
        plan = self._plan(applying)
        self._refuse_problems()
        return plan

    def _refuse_problems(self) -> None:
        if self._places.problems:
            raise ConfigurationError(self._places.problems)

    def _looked_up(self) -> dict[str, tuple[int, ...]]:
        """Finds all that the profile names, and reports what is wrong. The conditions of each signal that is wanted."""
        places, grouping = self._places, self._grouping
        for name in grouping.listed:
            places.find(name, ("signals", name))
        for name in grouping.receiver:
            places.find(name, ("gnss",))
        applying = places.conditions_of_all([*grouping.listed, *places.clock_names(), *self._only_read()])
        for problems in (mapping_problems, event_problems, privacy_problems):
            for keys, text in problems(self._profile, places.manifest_signal):
                places.report(keys, text)
        for name in self._profile.messages:
            places.message(name, ("messages", name))
        places.circles(applying)
        return applying

    def _only_read(self) -> Iterator[str]:
        """The signals that events and the state read, sent or not."""
        for keys, expression in (*event_conditions(self._profile), *self._profile.action_conditions()):
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

    def _plan(self, applying: Mapping[str, tuple[int, ...]]) -> Plan:
        sent = self._grouping.sent
        numbers = {name: number for number, name in enumerate(dict.fromkeys([*sent, *applying]))}
        events = planned_events(self._profile, numbers, sent)
        crash = planned_crash(self._profile, numbers, sent, self._places.manifest_signal)
        remote = self._remote()
        watched = watched_signals(events, crash, remote, numbers)

        making = Messages(self._profile, self._databases, self._places, self._grouping, numbers)
        messages: list[PlannedMessage] = []
        signals: dict[int, PlannedSignal] = {}
        for names in _by_message(numbers):
            for slot, name in enumerate(names):
                signals[numbers[name]] = planned_signal(
                    name, self._places, message=len(messages), slot=slot, conditions=applying.get(name, ())
                )
            messages.append(making.planned(names, watched))
        making.check(messages)
        return Plan(
            profile=self._profile,
            manifest=self._manifest(),
            buses=tuple(self._profile.buses),
            messages=tuple(messages),
            signals=tuple(signals[number] for number in range(len(numbers))),
            conditions=tuple(self._places.conditions),
            groups=self._grouping.groups,
            known=making.known(messages),
            cadences_ms=self._cadences_ms,
            first_ms=self._first_ms,
            state_of=state_of(self._profile),
            clock=self._planned_clock(numbers),
            findings={path: loaded.findings for path, loaded in self._databases.items()},
            events=events,
            crash=crash,
            privacy=planned_privacy(self._profile, events),
            remote=remote,
        )

    def _remote(self) -> PlannedRemote | None:
        if not self._profile.actions:
            return None
        # Here and not above: most vehicles are asked to do nothing.
        from agent.plan.compiling_actions import planned_remote

        return planned_remote(self._profile, self._places)

    def _planned_clock(self, numbers: Mapping[str, int]) -> PlannedClock | None:
        clock = self._profile.clock
        if clock is None:
            return None
        condition = None if clock.valid_when is None else self._places.conditions[clock.valid_when]
        return PlannedClock(numbers[clock.source], int(clock.uncertainty), condition)

    def _manifest(self) -> Manifest:
        grouping, places = self._grouping, self._places
        sent = [manifest_signal(name, places.found[name].signal) for name in grouping.sent]
        manifest = Manifest(
            self._profile.model,
            tuple(
                Group(
                    Sampling.ON_CHANGE if group.on_change else Sampling.EVERY,
                    group.interval_ms,
                    tuple(sent[number] for number in group.signals),
                )
                for group in grouping.groups
            ),
        )
        try:
            manifest_id(manifest)
        except WireError as wrong:
            places.report(("signals",), f"the signals cannot be sent: {wrong}")
        return manifest


def _by_message(names: Iterable[str]) -> Iterable[list[str]]:
    """The signals of each message, in the order of the first."""
    wanted: dict[str, list[str]] = {}
    for name in names:
        wanted.setdefault(name.partition(".")[0], []).append(name)
    return wanted.values()
