"""[actions]: what is transmitted so that the vehicle does something, and how it is known to have done it.

An action is frames of a bus or requests to one of the vehicle's computers; `contract.steps` has the names. Nothing of
it is ever transmitted unless `agent.toml` allows the action by its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from contract.configuration import Duration, Keys
from contract.expressions import Expression
from contract.profile.signals import Checksum
from contract.result import Cause


class ArgumentValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signal is set to what the action was asked with."""

    argument: str


class ActionFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame that is transmitted: a message of the databases, or `id` and `data`."""

    message: str | None = None
    set: dict[str, int | float | str | ArgumentValue] = {}
    """Signals of the message by their names, with a physical value, the name of a value, or an argument."""
    id: int | None = None
    data: str | None = None
    """Up to eight bytes in hexadecimal digits."""
    bus: str | None = None
    """With `id`; may be left out where the profile has one bus."""
    others: Literal["zero", "heard"] = "zero"
    """What the bits have that `set` leaves alone: those of the frame that was heard last, whoever sends it; an action
    that hears none fails."""
    counter: str | None = None
    """The signal that goes up by one with each frame, on from what the bus shows."""
    counter_values: int | None = None
    """How many values it has, from 0; by default all of its bits."""
    checksum: Checksum | None = None
    """By default that of the message under [messages]."""
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    every: Duration | None = None
    """Between two of them; by default the message's cycle time in its database."""


class ActionRequests(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests of UDS to one computer, each sent when the one before was answered positively."""

    request: int
    answer: int
    send: tuple[str, ...]
    """Bytes in hexadecimal digits and arguments with their size in bytes, most significant first: `"2E D0 10 slot:1"`,
    `"2E D0 11 latitude*10000000:4"` for a multiple. At most seven bytes."""
    bus: str | None = None


class VehicleAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    frames: tuple[ActionFrame, ...] = ()
    """One after the other; what has a `count` is repeated before the next one goes."""
    requests: ActionRequests | None = None
    proof: Expression | None = None
    """What holds once the vehicle has done it. Without it, what was sent or answered is believed to be done."""
    within: Duration = Duration(10_000)
    """How soon after the transmission."""
    done: Expression | None = None
    """What holds when there is nothing to do; by default the proof."""
    always: bool = False
    """Whether it is transmitted also when it is done already."""
    requires: dict[Cause, Expression] = {}
    """What must hold before: by the published cause of the failure where it does not, or is not known."""
    unless: dict[Cause, Expression] = {}
    """What must not hold before, by cause; what is not known does not."""

    @property
    def conditions(self) -> Iterator[tuple[Keys, Expression]]:
        """Every expression, with its place below the action."""
        for key, expression in (("proof", self.proof), ("done", self.done)):
            if expression is not None:
                yield (key,), expression
        for key, table in (("requires", self.requires), ("unless", self.unless)):
            for cause, expression in table.items():
                yield (key, cause.value), expression
