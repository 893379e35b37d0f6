"""What a profile names, found in its databases: messages, signals, and the conditions that apply to signals.

What is not there, or cannot be what the profile takes it for, is reported with its line and the nearest name there is;
the search goes on, so that everything wrong comes out at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from agent.databases.layouts import UNSENT_ID, MessageLayout, SignalLayout
from agent.databases.loaded import Loaded
from agent.devices.messages import layout as device_layout
from agent.plan.published import expression_problems
from agent.plan.values import manifest_signal as as_sent
from contract.configuration import Document, Keys, Problem, nearest
from contract.expressions import Expression
from contract.manifest import Signal as ManifestSignal
from contract.profile.devices import DEVICES
from contract.profile.profile import Profile
from contract.profile.signals import Signal


class Place(msgspec.Struct, frozen=True):
    """Where a signal is found."""

    bus: str
    """For a device message, its own name."""
    message: MessageLayout
    signal: SignalLayout


class Places:
    """`found` and `conditions` grow as signals are asked for, `problems` as they are not found."""

    def __init__(self, profile: Profile, databases: Mapping[Path, Loaded], document: Document) -> None:
        self._profile = profile
        self._databases = databases
        self._document = document
        self._messages: dict[str, list[tuple[str, MessageLayout]]] = {}
        for bus, settings in profile.buses.items():
            seen: set[str] = set()
            for path in settings.databases:
                for layout in databases[path].layouts:
                    if layout.id != UNSENT_ID and layout.name not in seen:
                        seen.add(layout.name)
                        self._messages.setdefault(layout.name, []).append((bus, layout))
        for device in DEVICES:
            self._messages.setdefault(device, [(device, device_layout(device))])
        self.problems: list[Problem] = []
        self.found: dict[str, Place] = {}
        self.conditions: dict[Expression, int] = {}
        """Every condition, with its number."""
        self.consulted: set[str] = set()
        """The messages that were looked into, by name: of all others the plan needs no more than name and id."""

    def report(self, keys: Keys, text: str) -> None:
        self.problems.append(self._document.problem(keys, text))

    def message(self, name: str, keys: Keys) -> list[tuple[str, MessageLayout]]:
        found = self._messages.get(name, [])
        self.consulted.add(name)
        if not found:
            where = ", ".join(path.name for path in self._databases)
            self.report(keys, f"no message {name} in {where}{nearest(name, self._messages)}")
        elif len(found) > 1:
            buses = " and ".join(bus for bus, _ in found)
            self.report(keys, f"the databases of {buses} both have a message {name}: leave it in one of them")
        return found

    def find(self, name: str, keys: Keys) -> Place | None:
        """Where a signal is; reports what is wrong with it, once."""
        if name in self.found:
            return self.found[name]
        message_name, _, signal_name = name.partition(".")
        found = self.message(message_name, keys)
        if len(found) != 1:
            return None
        bus, message = found[0]
        try:
            signal = message.signal(signal_name)
        except KeyError:
            names = [each.name for each in message.signals]
            self.report(keys, f"message {message_name} has no signal {signal_name}{nearest(signal_name, names)}")
            return None
        if signal.length > 64:
            self.report(keys, f"{name} has {signal.length} bits; at most 64 can be collected")
            return None
        for raw in self.settings(name).invalid:
            if not _fits(raw, signal):
                kind = "signed" if signal.signed else "unsigned"
                self.report((*keys, "invalid"), f"{raw} is no raw value of {name} ({signal.length} bits, {kind})")
        place = self.found[name] = Place(bus, message, signal)
        return place

    def settings(self, name: str) -> Signal:
        return self._profile.signals.get(name) or Signal()

    def on_j1939(self, place: Place) -> bool:
        """Whether the place is on a bus that speaks J1939."""
        return place.bus not in DEVICES and self._profile.buses[place.bus].protocol == "j1939"

    def manifest_signal(self, name: str) -> ManifestSignal | None:
        """As it will be sent; None, reported before, where there is no such signal."""
        place = self.found.get(name)
        return None if place is None else as_sent(name, place.signal)

    def conditions_of_all(self, sent: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The conditions of each signal that is sent or read by a condition."""
        applying: dict[str, tuple[int, ...]] = {}
        waiting = list(sent)
        while waiting:
            name = waiting.pop(0)
            place = self.found.get(name)
            if name in applying or place is None:
                continue
            indices = []
            for keys, expression in self._conditions_of(name, place.bus):
                known = expression in self.conditions
                indices.append(self.conditions.setdefault(expression, len(self.conditions)))
                if not known:
                    self.check(expression, keys)
                waiting += expression.names
            applying[name] = tuple(indices)
        return applying

    def _conditions_of(self, name: str, bus: str) -> Iterator[tuple[Keys, Expression]]:
        """The signal's own, and its message's and its bus's unless these read the signal itself."""
        signal = self.settings(name).valid_when
        if signal is not None:
            yield ("signals", name, "valid_when"), signal
        message_name = name.partition(".")[0]
        message = self._profile.messages.get(message_name)
        if message is not None and message.valid_when is not None and name not in message.valid_when.names:
            yield ("messages", message_name, "valid_when"), message.valid_when
        settings = self._profile.buses.get(bus)  # None for a device.
        if settings is not None and settings.valid_when is not None and name not in settings.valid_when.names:
            yield ("buses", bus, "valid_when"), settings.valid_when

    def check(self, expression: Expression, keys: Keys) -> None:
        """That its signals are there and have the values that it compares them with."""
        for name in expression.names:
            self.find(name, keys)
        for wrong_keys, text in expression_problems(expression, keys, self.manifest_signal):
            self.report(wrong_keys, text)

    def circles(self, applying: Mapping[str, tuple[int, ...]]) -> None:
        """A condition may not depend on itself, through whatever signals."""
        expressions = list(self.conditions)

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
                self.report(("signals", name, "valid_when"), f"whether {name} is valid depends on {name} itself")

    def clock_names(self) -> list[str]:
        """The signals that give the time."""
        clock = self._profile.clock
        if clock is None:
            return []
        self.find(clock.source, ("clock", "from"))
        if clock.valid_when is None:
            return [clock.source]
        self.conditions.setdefault(clock.valid_when, len(self.conditions))
        self.check(clock.valid_when, ("clock", "valid_when"))
        return [clock.source, *clock.valid_when.names]

    def own_signal(self, message: MessageLayout, name: str, keys: Keys) -> SignalLayout | None:
        try:
            return message.signal(name)
        except KeyError:
            hint = nearest(name, [signal.name for signal in message.signals])
            self.report(keys, f"message {message.name} has no signal {name}{hint}")
            return None


def _fits(raw: int, signal: SignalLayout) -> bool:
    low = -(1 << (signal.length - 1)) if signal.signed else 0
    return low <= raw < low + (1 << signal.length)
