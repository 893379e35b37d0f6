"""Actions as the vehicle does them: data and functions of data, like the rest of the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from agent.asking.address import Address
from agent.databases.layouts import SignalLayout
from agent.decode.encoding import raw_of, with_raw
from agent.plan.events import Evaluate
from contract.expressions import Expression
from contract.profile.action_rules import Token
from contract.result import Cause

Arguments = Mapping[str, float]


class PlannedFrame(msgspec.Struct, frozen=True):
    """A frame that is transmitted, `count` times. It is of classic CAN."""

    name: str
    """Its message, or its id: for people."""
    bus: str
    id: int
    extended: bool
    base: bytes | None
    """What it says without what is set; None: what was heard last."""
    length: int
    """In bytes."""
    count: int
    every_ms: int
    set: tuple[tuple[SignalLayout, int | str], ...] = ()
    """Signals with their raw values, or with the argument that they are set to."""
    counter: SignalLayout | None = None
    counter_values: int = 0
    fill: Callable[[bytes], bytes] | None = None
    """Puts its checksum right."""

    @property
    def listens(self) -> bool:
        """Whether what is on the bus has to be known first."""
        return self.base is None or self.counter is not None

    def payload(self, arguments: Arguments, heard: bytes | None) -> bytes:
        """Without counter and checksum. Raises ValueError for an argument that a signal cannot say, and where what was
        `heard` last is needed and too short."""
        data = self.base
        if data is None:
            data = b"" if heard is None else heard[: self.length]
        for signal, value in self.set:
            data = with_raw(data, signal, raw_of(signal, arguments[value]) if isinstance(value, str) else value)
        return data

    def finished(self, payload: bytes, count: int) -> bytes:
        """With a value of the counter, and the checksum."""
        if self.counter is not None:
            payload = with_raw(payload, self.counter, count % self.counter_values)
        return payload if self.fill is None else self.fill(payload)


class PlannedRequests(msgspec.Struct, frozen=True):
    bus: str
    address: Address
    requests: tuple[tuple[Token, ...], ...]

    def payloads(self, arguments: Arguments) -> list[bytes]:
        """Raises ValueError for an argument that has no room."""
        return [b"".join(_token(token, arguments) for token in request) for request in self.requests]


class PlannedAction(msgspec.Struct, frozen=True):
    name: str
    frames: tuple[PlannedFrame, ...]
    requests: PlannedRequests | None
    proof: Expression | None
    within_ms: int
    done: Expression | None
    """None: there is always something to do."""
    requires: tuple[tuple[Cause, Expression], ...]
    unless: tuple[tuple[Cause, Expression], ...]

    @property
    def names(self) -> frozenset[str]:
        """The signals that its conditions read."""
        read = [self.proof, self.done, *(expression for _, expression in (*self.requires, *self.unless))]
        return frozenset(name for expression in read if expression is not None for name in expression.names)


class PlannedRemote(msgspec.Struct, frozen=True):
    actions: Mapping[str, PlannedAction]
    """By name."""
    speed: Evaluate | None
    """km/h; None: the profile has no speed, so nobody can say whether the vehicle stands."""
    speed_names: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """The signals of which every frame counts."""
        return self.speed_names.union(*(action.names for action in self.actions.values()))


def _token(token: Token, arguments: Arguments) -> bytes:
    if token.argument is None:
        return bytes((token.number,))
    number = round(arguments[token.argument] * token.number)
    try:
        return number.to_bytes(token.size, "big", signed=number < 0)
    except OverflowError:
        raise ValueError(f"{token.argument} has no room in {token.size} bytes") from None
