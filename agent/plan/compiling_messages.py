"""The messages of a plan: how each is told from others, found whole, and decoded.

What two databases of a bus say of one id is settled here: a message that another one shares its id with is *claimed*,
and two that are both wanted of the same frames are an error. On a bus of J1939 two databases claim a parameter group,
whatever priority, destination and source the ids have that they write it with; a source that the profile names settles
it against a message whose id has another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from agent.databases.layouts import MessageLayout
from agent.databases.loaded import Loaded
from agent.decode.checksums import Checker, checksum_checker
from agent.decode.decoders import raw_decoder
from agent.decode.pages import Pages
from agent.devices.messages import decoder as device_decoder
from agent.j1939.identifiers import group_of, source_of
from agent.plan.answers import answer_problems, as_answer
from agent.plan.compiling_groups import Grouping
from agent.plan.places import Place, Places
from agent.plan.plan import Claim, FrameKey, PlannedMessage
from contract.profile.devices import DEVICES
from contract.profile.profile import Profile

_LAST_ADDRESS = 253

Counter = Callable[[bytes], int | None]


class Messages:
    """Makes the messages that are wanted; what is wrong with them is reported to `places`."""

    def __init__(
        self,
        profile: Profile,
        databases: Mapping[Path, Loaded],
        places: Places,
        grouping: Grouping,
        numbers: Mapping[str, int],
    ) -> None:
        """`numbers`: of every signal that is wanted."""
        self._profile = profile
        self._databases = databases
        self._places = places
        self._grouping = grouping
        self._numbers = numbers
        self._described: set[FrameKey] = set()
        """Every frame that a database describes."""
        self._named: dict[FrameKey, set[str]] = {}
        """The names that databases have for a frame or a parameter group; more than one where they may not agree."""
        self._with_fd: set[str] = set()
        """Buses of which a message is one of CAN FD."""
        for bus, settings in profile.buses.items():
            for layout in (layout for path in settings.databases for layout in databases[path].layouts):
                self._described.add((bus, layout.id, layout.extended))
                self._named.setdefault(self._claimed(bus, layout), set()).add(layout.name)
                if layout.fd:
                    self._with_fd.add(bus)

    def planned(self, names: Sequence[str], watched: frozenset[int]) -> PlannedMessage:
        """The message of some signals, which are all that is wanted of it. `watched`: those that events watch."""
        places, numbers = self._places, self._numbers
        place = places.found[names[0]]
        layouts = [places.found[name].signal for name in names]
        short = [layout.name for layout in layouts]
        signals = tuple(numbers[name] for name in names)
        on_change = self._grouping.on_change
        device = place.bus in DEVICES
        planned = PlannedMessage(
            name=place.message.name,
            bus=place.bus,
            id=place.message.id,
            extended=place.message.extended,
            decode=device_decoder(place.bus, short) if device else raw_decoder(place.message, short),
            signals=signals,
            needed_bytes=max((layout.payload_bytes for layout in layouts if not layout.multiplexer), default=0),
            cycle_ms=place.message.cycle_ms or None,
            pages=Pages(place.message, short) if any(layout.multiplexer for layout in layouts) else None,
            on_change=tuple(number for number in signals if number in on_change),
            feeds=tuple(
                index for expression, index in places.conditions.items() if not set(expression.names).isdisjoint(names)
            ),
            checksum=self._checksum(place),
            counter=self._counter(place),
            clock=self._profile.clock is not None and self._profile.clock.source in names,
            leads=self._grouping.led_by(signals),
            device=device,
            j1939=places.on_j1939(place),
            source=self._source(place),
            refused_fd=self._refused_fd(place),
            claims=() if device else self._claims(place),
            says_privacy=self._profile.privacy.source in names,
            watched=not watched.isdisjoint(signals),
        )
        return as_answer(planned, place.message.length, self._profile)

    def known(self, messages: Iterable[PlannedMessage]) -> frozenset[FrameKey]:
        """Every frame that is described, or read by one of these."""
        return frozenset(self._described).union(key for message in messages for key in message.keys)

    def check(self, messages: Sequence[PlannedMessage]) -> None:
        """That all of them together can be read."""
        self._double_ids(messages)
        lengths = {place.message.name: place.message.length for place in self._places.found.values()}
        for keys, text in answer_problems(self._profile, messages, lengths):
            self._places.report(keys, text)

    def _source(self, place: Place) -> int | None:
        rules = self._profile.messages.get(place.message.name)
        if rules is None or rules.source is None:
            return None
        keys = ("messages", place.message.name, "source")
        if not self._places.on_j1939(place):
            self._places.report(keys, f"bus {place.bus} is not one of J1939: its messages have no source address")
        elif not 0 <= rules.source <= _LAST_ADDRESS:
            self._places.report(keys, f"expected an address, 0 to {_LAST_ADDRESS}, found {rules.source}")
        return rules.source

    def _claims(self, place: Place) -> tuple[Claim, ...]:
        message = place.message
        claimed = self._claimed(place.bus, message)
        if self._named[claimed] == {message.name}:
            return ()  # Of nearly all; the others are worth a search.
        databases = [(path, self._databases[path].layouts) for path in self._profile.buses[place.bus].databases]
        own = next(path for path, layouts in databases if message in layouts)
        found = {
            layout.name: Claim(layout.name, path.name)
            for path, layouts in reversed(databases)
            for layout in layouts
            if self._claimed(place.bus, layout) == claimed
            and (layout.id == message.id or (path != own and self._may_be_from(place, source_of(layout.id))))
        }
        found.pop(message.name, None)
        return (Claim(message.name, own.name), *(found[name] for name in sorted(found))) if found else ()

    def _claimed(self, bus: str, layout: MessageLayout) -> FrameKey:
        by_group = self._profile.buses[bus].protocol == "j1939" and layout.extended
        return bus, group_of(layout.id) if by_group else layout.id, layout.extended

    def _may_be_from(self, place: Place, address: int) -> bool:
        """Whether the message is read from that source too; one that no sender has stands for any."""
        rules = self._profile.messages.get(place.message.name)
        return rules is None or rules.source is None or address > _LAST_ADDRESS or address == rules.source

    def _refused_fd(self, place: Place) -> bool | None:
        """Databases that describe no message as one of CAN FD say nothing about it."""
        return not place.message.fd if place.bus in self._with_fd else None

    def _checksum(self, place: Place) -> Checker | None:
        rules = self._profile.messages.get(place.message.name)
        if rules is None or rules.checksum is None:
            return None
        checksum, keys = rules.checksum, ("messages", place.message.name, "checksum")
        layout = self._places.own_signal(place.message, checksum.signal, keys)
        if layout is None:
            return None
        try:
            return checksum_checker(checksum.kind, layout, checksum.initial, checksum.final_xor)
        except ValueError as wrong:
            self._places.report(keys, str(wrong))
            return None

    def _counter(self, place: Place) -> Counter | None:
        rules = self._profile.messages.get(place.message.name)
        if rules is None or rules.counter is None:
            return None
        keys = ("messages", place.message.name, "counter")
        layout = self._places.own_signal(place.message, rules.counter.signal, keys)
        return None if layout is None else _counter(place.message, layout.name)

    def _double_ids(self, messages: Iterable[PlannedMessage]) -> None:
        by_key: dict[FrameKey, str] = {}
        for message in messages:
            for key in _claims(message):
                other = by_key.setdefault(key, message.name)
                if other != message.name:
                    text = f"{other} and {message.name} have the same id {key[1]:X}: collect signals of one of them"
                    self._places.report(("buses", message.bus, "databases"), text)


def _claims(message: PlannedMessage) -> Iterable[FrameKey]:
    """What no other message may be read from. On a J1939 bus a source makes two messages of a parameter group."""
    if not message.j1939:
        return message.keys
    return ((message.bus, group_of(message.id) | (0xFF if message.source is None else message.source), True),)


def _counter(message: MessageLayout, signal: str) -> Counter:
    decode = raw_decoder(message, [signal])
    return lambda data: decode(data)[0]
