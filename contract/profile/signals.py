"""[classes], [signals] and [messages]: what is collected, how, and when a value counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from contract.configuration import Duration, Keys, nearest
from contract.expressions import Expression
from contract.profile.asking import LARGEST_ID
from contract.profile.cadence import AWAKE, VehicleState
from contract.profile.devices import RECEIVER


class SamplingClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    every: Duration
    """The sampling interval; with `on_change`, how often the newest value is restated."""
    driving: Duration | None = None
    charging: Duration | None = None
    parked: Duration | None = None
    """The same in one state of the vehicle: a multiple of `every`."""
    on_change: bool = False
    follows: str | None = None
    """A signal of the class that comes as often as the class is sampled or oftener. The class is sampled when it comes
    and dated by it, instead of at multiples of the interval: for what a device says regularly, all at once."""

    def intervals(self) -> Iterator[tuple[VehicleState, Duration]]:
        """Those of its own states."""
        for state in AWAKE:
            interval: Duration | None = getattr(self, state)
            if interval is not None:
                yield state, interval


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sampling: str | None = msgspec.field(name="class", default=None)
    """A sampling class; None for a signal that is read on the vehicle only, by conditions."""
    invalid: tuple[int, ...] = ()
    """Raw values that mean "not available"."""
    minimum: float | None = None
    maximum: float | None = None
    """Physical limits, both included, in the database's unit; in place of the database's own."""
    valid_when: Expression | None = None


class Checksum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a message's checksum is made (the kinds are described in `agent.decode.checksums`)."""

    signal: str
    """The signal of the same message that holds it."""
    kind: Literal["crc8-j1850", "byte-sum", "byte-xor", "nibble-sum", "nibble-xor"] = "crc8-j1850"
    initial: int | None = None
    final_xor: int | None = None
    """None: the kind's own. 0 to 255."""


class Counter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signal: str
    """The signal of the same message that goes up by one with each frame and wraps at its width."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checksum: Checksum | None = None
    counter: Counter | None = None
    valid_when: Expression | None = None
    transport: Literal["isotp", "isotp-with-length"] | None = None
    """isotp: the database describes whole ISO-TP messages (answers of a diagnostic service, without the bytes by which
    they are cut into frames), up to 4095 bytes, in place of single frames. Some databases begin with the byte of their
    length: isotp-with-length."""
    source: int | None = None
    """On a J1939 bus, the address of who sends it, 0 to 253; whoever is heard first when absent."""
    also: tuple[int, ...] = ()
    """Other ids, of which it describes the ISO-TP messages too; above 0x7FF they have 29 bits."""


def signal_contradictions(
    classes: Mapping[str, SamplingClass], signals: Mapping[str, Signal], messages: Mapping[str, Message]
) -> Iterator[tuple[Keys, str]]:
    """What is wrong with these three tables, with its place in the profile."""
    for class_name, sampling in classes.items():
        for state, interval in sampling.intervals():
            if interval % sampling.every:
                yield ("classes", class_name, state), f"{interval} is no multiple of {sampling.every}"
        keys: Keys = ("classes", class_name, "follows")
        followed = None if sampling.follows is None else signals.get(sampling.follows)
        if sampling.follows is not None and sampling.on_change:
            yield keys, "a class that is sampled on change follows no signal"
        elif sampling.follows is not None and (followed is None or followed.sampling != class_name):
            own = [name for name, signal in signals.items() if signal.sampling == class_name]
            yield keys, f"{sampling.follows} is no signal of this class{nearest(sampling.follows, own)}"
    for name, signal in signals.items():
        keys = ("signals", name)
        message, dot, rest = name.partition(".")
        if not (message and dot and rest) or "." in rest:
            yield keys, 'a signal is named "Message.Signal"'
        elif message == RECEIVER:
            yield keys, "the receiver's values need not be listed: [gnss] says how they are sampled"
        if signal.sampling is not None and signal.sampling not in classes:
            yield (*keys, "class"), f"there is no class {signal.sampling}{nearest(signal.sampling, classes)}"
        if signal.minimum is not None and signal.maximum is not None and signal.minimum > signal.maximum:
            yield (*keys, "minimum"), f"the minimum {signal.minimum} is above the maximum {signal.maximum}"
    listed = {name.partition(".")[0] for name in signals}
    for name, rules in messages.items():
        if name not in listed:
            yield ("messages", name), f"no signal of {name} is listed{nearest(name, listed)}"
        if rules.also and rules.transport is None:
            yield ("messages", name, "also"), 'other ids are for messages with transport = "isotp"'
        for number in rules.also:
            if not 0 <= number <= LARGEST_ID:
                yield ("messages", name, "also"), f"{number:#x} is no id: expected 0 to {LARGEST_ID:#x}"
        if rules.checksum is not None:
            for key, value in (("initial", rules.checksum.initial), ("final_xor", rules.checksum.final_xor)):
                if value is not None and not 0 <= value <= 0xFF:
                    yield ("messages", name, "checksum", key), f"expected a byte, 0 to 255, found {value}"
