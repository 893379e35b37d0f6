"""The newest values on the vehicle: what the sampler samples, and what conditions read.

`agent.plan.plan` says when a value counts. Of a message that is merely sampled only the newest payload is kept, and
decoded when somebody asks; one that is *eager* (`PlannedMessage.eager`) is looked at frame by frame, through
`Newest.take`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from agent.plan.plan import FrameKey, Plan, PlannedSignal
from agent.sampling.aliases import Aliases
from agent.sampling.conditions import Conditions
from agent.sampling.newest_message import NewestMessage
from contract.evaluation import Value

NOTHING_NEW: frozenset[int] = frozenset()
"""What there is to look at in a frame that says the same as the one before it. Told by its identity: there may also be
nothing to look at in one that says something else. (So it is no tuple, of which there is one empty one only.)"""


class Newest:
    def __init__(self, plan: Plan) -> None:
        self.messages = [NewestMessage(message) for message in plan.messages]
        self.by_key: dict[FrameKey, NewestMessage] = {
            key: message for message in self.messages if not message.plan.j1939 for key in message.plan.keys
        }
        self.aliases = Aliases(self.messages, self.by_key)
        self.refused = 0
        """Values that were there and did not count, and frames of a page that their database lacks."""
        self._signals = plan.signals
        self._numbers = {signal.name: number for number, signal in enumerate(plan.signals)}
        self.conditions = Conditions(plan, self.messages, self.value)
        for message in self.messages:
            read = {name for index in message.plan.feeds for name in plan.conditions[index].names}
            names = [plan.signals[number].name for number in message.plan.signals]
            message.read_slots = tuple(slot for slot, name in enumerate(names) if name in read)

    def forget(self) -> None:
        """Nothing is known any more: the vehicle slept."""
        for message in self.messages:
            message.forget()
        self.conditions.forget()

    def forget_any_of(self, names: Container[str]) -> None:
        """Nothing is known any more of messages with one of these signals."""
        for message in self.messages:
            if any(self._signals[number].name in names for number in message.plan.signals):
                message.forget()

    def take(self, message: NewestMessage, at_ms: int, data: bytes) -> Iterable[int] | None:
        """A frame of an eager message: the on-change signals to look at; None for a frame that is not whole."""
        plan = message.plan
        if plan.checksum is not None and not plan.checksum(data):
            return None
        if plan.counter is not None:
            before, message.counter = message.counter, plan.counter(data)
            if message.counter is None or message.counter == before:
                return None
        conditions = self.conditions
        version = conditions.version
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
            conditions.look_at(plan.feeds, at_ms)
        # Conditions that began to hold since the last frame let this one count, even if it says the same.
        all_of_them = message.looked_in != version or conditions.version != version
        message.looked_in = conditions.version
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
            if at_ms < self.conditions.since_ms[condition]:
                self.refused += 1
                return None
        return raw

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
        raw = None if number is None else self.peek(number, now_ms)
        return None if raw is None or number is None else self._signals[number].read(raw)

    def peek(self, number: int, now_ms: int) -> int | None:
        """As `raw`, and adds nothing to `refused`."""
        refused = self.refused
        raw = self.raw(number, now_ms)
        self.refused = refused
        return raw

    def tick(self, now_ms: int) -> list[int]:
        """The on-change signals to look at although no frame came: theirs are stale, or their conditions changed."""
        self.conditions.tick(now_ms)
        version = self.conditions.version
        looked_at: list[int] = []
        for message in self.messages:
            if not message.on_change:
                continue
            silent = message.stale(now_ms)
            if message.multiplexed or silent is not message.silent or message.ticked_in != version:
                message.silent = silent
                message.ticked_in = version
                looked_at += message.plan.on_change
        return looked_at

    def _take_page(self, message: NewestMessage, at_ms: int, data: bytes) -> list[int]:
        raws = message.decode(data)
        message.heard_each(at_ms, raws)
        if message.pages is not None and message.pages.lacks(data, raws):
            self.refused += 1
        return [number for slot, number in message.on_change if raws[slot] is not None]


def _within(signal: PlannedSignal, raw: int) -> int | None:
    """A raw value if it is available and within the limits, of a floating-point signal as a fixed-point number."""
    if raw in signal.invalid:
        return None
    within = raw if signal.fixed is None else signal.fixed(raw)
    return None if within is None or within < signal.low or within > signal.high else within
