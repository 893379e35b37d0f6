"""The newest values on the vehicle: what the sampler samples, and what conditions read.

`agent.plan.plan` says when a value counts. Of a message that is merely sampled only the newest payload is kept, and
decoded when somebody asks; one that is *eager* (`PlannedMessage.eager`) is looked at frame by frame, through
`Newest.take`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from agent.isotp.assembler import Assembler
from agent.plan.plan import (
    DECLARED_GRACE_MS,
    LONGEST_GAP_MS,
    OBSERVED_GRACE_MS,
    FrameKey,
    Plan,
    PlannedMessage,
    PlannedSignal,
)
from agent.sampling.aliases import Aliases
from contract.expressions import Value

if TYPE_CHECKING:
    from agent.sampling.events import Watched
    from agent.sampling.recorder import Tape

NOTHING_NEW: frozenset[int] = frozenset()
"""What there is to look at in a frame that says the same as the one before it. Told by its identity: there may also be
nothing to look at in one that says something else. (So it is no tuple, of which there is one empty one only.)"""
_MOST_VERSIONS = 4096
# Gaps seen are forgotten slowly: by an eighth with each frame.
_FORGET = 3


class NewestMessage:
    """The newest frame of one message; of a multiplexed one the newest value of each signal.

    So it is of any other as well, once a frame came that was too short for all of its wanted signals: such a frame says
    nothing of those beyond its end, and what was said of them before counts until it is stale.
    """

    __slots__ = (
        "assemblers",
        "at_ms",
        "counter",
        "data",
        "decode",
        "decoded",
        "decoded_from",
        "eager",
        "gap_ms",
        "gaps_ms",
        "graces_ms",
        "is_device",
        "leads",
        "limit_ms",
        "looked_in",
        "multiplexed",
        "needed_bytes",
        "on_change",
        "pages",
        "plan",
        "raws",
        "read_slots",
        "silent",
        "suspect",
        "tape",
        "ticked_in",
        "times_ms",
        "watched",
    )

    def __init__(self, plan: PlannedMessage) -> None:
        self.plan = plan
        self.decode = plan.decode
        self.assemblers = {key: Assembler() for key in plan.keys} if plan.transport else {}
        """By the frames that carry its ISO-TP messages; none for a message that is a frame."""
        self.pages = None if plan.transport else plan.pages
        """None for answers too: what another tester asks for need not be on a page of ours."""
        needed_bytes = plan.needed_bytes if self.pages is None else self.pages.needed_bytes
        self.needed_bytes = 0 if plan.transport else needed_bytes
        """A shorter frame may be cut short."""
        self.is_device = plan.device
        self.suspect = bool(plan.claims) or plan.refused_fd is not None
        """A frame with its id may be one of another message."""
        self.on_change = tuple((plan.signals.index(number), number) for number in plan.on_change)
        """Slots and numbers of the on-change signals."""
        self.read_slots: tuple[int, ...] = ()
        """Slots of the signals that conditions read."""
        self.leads = tuple((group, plan.signals.index(number)) for group, number in plan.leads)
        """Groups that follow a signal of this message, with its slot."""
        self.graces_ms = plan.graces_ms or (OBSERVED_GRACE_MS,) * len(plan.signals)
        self.limit_ms = None if plan.cycle_ms is None else max(3 * plan.cycle_ms, DECLARED_GRACE_MS)
        self.tape: Tape | None = None
        """Where its frames are kept, if an event records them."""
        self.watched: Watched | None = None
        """What events read of it."""
        self.forget()

    def forget(self) -> None:
        self.eager = self.plan.eager
        self.multiplexed = self.plan.multiplexed
        """Each signal's newest value is kept for itself."""
        self.data: bytes | None = None
        self.at_ms = -1
        self.gap_ms = 0
        self.decoded: tuple[int | None, ...] = ()
        self.decoded_from: bytes | None = None
        self.counter: int | None = None
        self.looked_in = -1
        """The state of the conditions (`Newest.version`) at its newest frame."""
        self.ticked_in = -1
        """The same at the last tick that looked at it."""
        self.silent = False
        """Found stale at the last tick."""
        slots = len(self.plan.signals) if self.multiplexed else 0
        self.raws: list[int | None] = [None] * slots
        self.times_ms = [-1] * slots
        self.gaps_ms = [0] * slots

    def cut_short(self, data: bytes) -> bool:
        """A frame came with fewer than `needed_bytes`: whether it lacks a wanted signal that it should hold."""
        if self.pages is not None:
            return self.pages.cut_short(data)
        if not self.multiplexed:
            self.multiplexed = self.eager = True
            slots = len(self.plan.signals)
            self.raws = [None] * slots if self.data is None else [*self.decode(self.data)]
            self.times_ms = [self.at_ms] * slots
            self.gaps_ms = [self.gap_ms] * slots
        return True

    def heard(self, at_ms: int) -> None:
        """A frame came."""
        if self.limit_ms is None:
            self.gap_ms = _gap(self.gap_ms, at_ms, self.at_ms)
        self.at_ms = at_ms

    def came(self, slot: int, at_ms: int) -> bool:
        """Whether a signal was in the frame that came at `at_ms`, the newest."""
        return not self.multiplexed or self.times_ms[slot] == at_ms

    def observed_limit_ms(self) -> int:
        """How old its newest frame may be, by the gaps between the frames before."""
        return max(3 * self.gap_ms, OBSERVED_GRACE_MS)

    def stale(self, now_ms: int) -> bool:
        return now_ms - self.at_ms > (self.limit_ms or self.observed_limit_ms())


class Newest:
    def __init__(self, plan: Plan) -> None:
        self.messages = [NewestMessage(message) for message in plan.messages]
        self.by_key: dict[FrameKey, NewestMessage] = {
            key: message for message in self.messages if not message.plan.j1939 for key in message.plan.keys
        }
        self.aliases = Aliases(self.messages, self.by_key)
        self.version = 0
        """Goes up whenever a condition begins or ceases to hold."""
        self.refused = 0
        """Values that were there and did not count, and frames of a page that their database lacks."""
        self._signals = plan.signals
        self._numbers = {signal.name: number for number, signal in enumerate(plan.signals)}
        self._conditions = plan.conditions
        self._holds = [False] * len(plan.conditions)
        self._since_ms = [0] * len(plan.conditions)
        self._history: dict[int, tuple[bool, ...]] = {}
        """What held in recent versions."""
        self._order = _in_order(plan)
        self._sources = [self._read_by(plan, expression.names) for expression in plan.conditions]
        self._dependents = [
            tuple(each for each in self._order if index in _depends(plan, each))
            for index in range(len(plan.conditions))
        ]
        for message in self.messages:
            read = {name for index in message.plan.feeds for name in plan.conditions[index].names}
            names = [plan.signals[number].name for number in message.plan.signals]
            message.read_slots = tuple(slot for slot, name in enumerate(names) if name in read)
        self._now_ms = 0

    def forget(self) -> None:
        """Nothing is known any more: the vehicle slept."""
        for message in self.messages:
            message.forget()
        self._holds = [False] * len(self._conditions)
        self._begin_version()

    def take(self, message: NewestMessage, at_ms: int, data: bytes) -> Iterable[int] | None:
        """A frame of an eager message: the on-change signals to look at; None for a frame that is not whole."""
        plan = message.plan
        if plan.checksum is not None and not plan.checksum(data):
            return None
        if plan.counter is not None:
            before, message.counter = message.counter, plan.counter(data)
            if message.counter is None or message.counter == before:
                return None
        version = self.version
        if message.multiplexed:
            looked_at: Iterable[int] = self._take_page(message, at_ms, data)
            read = bool(plan.feeds)
        else:
            was_stale = message.stale(at_ms)
            message.heard(at_ms)
            if data == message.data and not was_stale and message.looked_in == version:
                return NOTHING_NEW  # What most frames are.
            old = message.decoded
            message.data = message.decoded_from = data
            new = message.decoded = message.decode(data)
            anew = was_stale or not old or message.looked_in != version
            looked_at = [number for slot, number in message.on_change if anew or new[slot] != old[slot]]
            read = False
            for slot in message.read_slots:
                read = read or anew or new[slot] != old[slot]
        if read:
            for index in plan.feeds:
                self._evaluate(index, at_ms)
        # Conditions that began to hold since the last frame let this one count, even if it says the same.
        all_of_them = message.looked_in != version or self.version != version
        message.looked_in = self.version
        return plan.on_change if all_of_them else looked_at

    def raw(self, number: int, now_ms: int) -> int | None:
        """The newest value of a signal if it counts. One that is there and does not count adds to `refused`."""
        signal = self._signals[number]
        message = self.messages[signal.message]
        slot = signal.slot
        if message.multiplexed:
            raw, at_ms = message.raws[slot], message.times_ms[slot]
            declared_ms = None if message.plan.multiplexed else message.limit_ms
            limit_ms = declared_ms or max(3 * message.gaps_ms[slot], message.graces_ms[slot])
        else:
            if message.data is None:
                return None
            if message.decoded_from is not message.data:
                message.decoded = message.decode(message.data)
                message.decoded_from = message.data
            raw, at_ms = message.decoded[slot], message.at_ms
            limit_ms = message.limit_ms or message.observed_limit_ms()
        if raw is None or now_ms - at_ms > limit_ms:
            return None
        raw = _within(signal, raw)
        if raw is None:
            self.refused += 1
            return None
        for condition in signal.conditions:
            if not self._holds[condition] or at_ms < self._since_ms[condition]:
                self.refused += 1
                return None
        return raw

    def held(self, version: int) -> Sequence[bool] | None:
        """Which conditions held in a version; None for one that is too long ago."""
        return self._history.get(version)

    def judged(self, number: int, raw: int, holds: Sequence[bool]) -> int | None:
        """What a signal's raw value in a frame counts for, by the conditions that held with that frame."""
        signal = self._signals[number]
        if not all(holds[condition] for condition in signal.conditions):
            return None
        return _within(signal, raw)

    def heard_ms(self, number: int) -> int:
        """When the newest value of a signal came; negative if none did."""
        signal = self._signals[number]
        message = self.messages[signal.message]
        return message.times_ms[signal.slot] if message.multiplexed else message.at_ms

    def value(self, name: str, now_ms: int) -> Value | None:
        """The newest value of a signal as expressions read it. Adds nothing to `refused`."""
        number = self._numbers.get(name)
        if number is None:
            return None
        refused = self.refused
        raw = self.raw(number, now_ms)
        self.refused = refused
        return None if raw is None else self._signals[number].read(raw)

    def holds(self, condition: int, at_ms: int) -> bool:
        """Whether a condition holds, and did when a frame came at `at_ms`."""
        return self._holds[condition] and at_ms >= self._since_ms[condition]

    def tick(self, now_ms: int) -> list[int]:
        """The on-change signals to look at although no frame came: theirs are stale, or their conditions changed.

        A condition over what has become stale is absent, so only those that hold can change.
        """
        for index in self._order:
            if self._holds[index] and any(message.stale(now_ms) for message in self._sources[index]):
                self._evaluate(index, now_ms)
        looked_at: list[int] = []
        for message in self.messages:
            if not message.on_change:
                continue
            silent = message.stale(now_ms)
            if message.multiplexed or silent is not message.silent or message.ticked_in != self.version:
                message.silent = silent
                message.ticked_in = self.version
                looked_at += message.plan.on_change
        return looked_at

    def _read_by(self, plan: Plan, names: tuple[str, ...]) -> tuple[NewestMessage, ...]:
        """The messages of some signals."""
        return tuple(self.messages[index] for index in {plan.signals[self._numbers[name]].message for name in names})

    def _take_page(self, message: NewestMessage, at_ms: int, data: bytes) -> list[int]:
        message.heard(at_ms)
        looked_at: list[int] = []
        raws = message.decode(data)
        for slot, raw in enumerate(raws):
            if raw is not None:
                message.gaps_ms[slot] = _gap(message.gaps_ms[slot], at_ms, message.times_ms[slot])
                message.raws[slot] = raw
                message.times_ms[slot] = at_ms
                looked_at.append(message.plan.signals[slot])
        if message.pages is not None and message.pages.lacks(data, raws):
            self.refused += 1
        return [number for number in looked_at if number in message.plan.on_change]

    def _evaluate(self, index: int, now_ms: int) -> None:
        self._now_ms = now_ms
        result = self._conditions[index](self._lookup)
        holds = bool(result) and not isinstance(result, str)
        if holds != self._holds[index]:
            self._holds[index] = holds
            self._since_ms[index] = now_ms
            self._begin_version()
            for dependent in self._dependents[index]:
                self._evaluate(dependent, now_ms)

    def _begin_version(self) -> None:
        self.version += 1
        self._history[self.version] = tuple(self._holds)
        self._history.pop(self.version - _MOST_VERSIONS, None)

    def _lookup(self, name: str) -> Value | None:
        return self.value(name, self._now_ms)


def _within(signal: PlannedSignal, raw: int) -> int | None:
    """A raw value if it is available and within the limits, of a floating-point signal as a fixed-point number."""
    if raw in signal.invalid:
        return None
    within = raw if signal.fixed is None else signal.fixed(raw)
    return None if within is None or within < signal.low or within > signal.high else within


def _gap(known_ms: int, at_ms: int, before_ms: int) -> int:
    gap_ms = at_ms - before_ms
    if before_ms < 0 or gap_ms > LONGEST_GAP_MS:
        return known_ms
    return max(gap_ms, known_ms - (known_ms >> _FORGET))


def _depends(plan: Plan, condition: int) -> set[int]:
    """The conditions of the signals that a condition reads."""
    names = plan.conditions[condition].names
    return {index for signal in plan.signals if signal.name in names for index in signal.conditions}


def _in_order(plan: Plan) -> list[int]:
    """All conditions, each after those that it depends on. The compile step has refused circles."""
    order: list[int] = []

    def visit(condition: int) -> None:
        if condition not in order:
            for before in sorted(_depends(plan, condition)):
                visit(before)
            order.append(condition)

    for condition in range(len(plan.conditions)):
        visit(condition)
    return order
