"""Commands: what the cloud asks of a vehicle, and what came of it.

There is one so far: how private the vehicle is to be. A command has an id and a time after which it is void; a vehicle
executes an id once, however often it comes, and answers every time that it comes.

    command                                     result
    1  version          1                       1  version      1
    2  id               16 random bytes         2  id           of the command
    3  VIN              17 characters           3  outcome      0 done, 1 repeated, 2 expired, 3 timeless, 4 refused
    4  expires_utc_ms                           4  why          ? text
    5  privacy          0 none, 1 geolocation, 2 full

in canonical CBOR (`contract.wire`; schema in upload.cddl), at most 1 KiB. A command whose VIN is not the one of its
topic is not for this vehicle. Commands bear no signature yet: a vehicle obeys only where its settings say so, and
trusts the broker to let only the cloud publish on the topic.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from contract import wire
from contract.anchor import MAXIMUM_UTC_MS
from contract.topics import is_vin
from contract.upload import Privacy
from contract.wire import Item, Refusal, WireError

VERSIONS = (1,)
MAXIMUM_BYTES = 1024
ID_BYTES = 16
_DEPTH = 1
_LONGEST_TEXT = 256
_COMMAND = frozenset((1, 2, 3, 4, 5))
_RESULT = frozenset((1, 2, 3))
_STATES = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL)


class Command(msgspec.Struct, frozen=True):
    """`privacy` is what the vehicle is to keep to itself from now on."""

    id: bytes
    vin: str
    expires_utc_ms: int
    privacy: Privacy


class Outcome(IntEnum):
    DONE = 0
    REPEATED = 1
    """It was executed before."""
    EXPIRED = 2
    TIMELESS = 3
    """The vehicle does not know the time, and so not whether it has expired."""
    REFUSED = 4
    """The vehicle's settings do not allow it."""


class Result(msgspec.Struct, frozen=True):
    id: bytes
    outcome: Outcome
    why: str = ""
    """For people; at most 256 bytes."""


def encode_command(command: Command) -> bytes:
    """Raises `WireError` for a command that `decode_command` would refuse."""
    item: dict[int, Item] = {
        1: VERSIONS[-1],
        2: command.id,
        3: command.vin,
        4: command.expires_utc_ms,
        5: _STATES.index(command.privacy),
    }
    _command(item)
    return wire.write(item)


def decode_command(payload: bytes) -> Command:
    """Raises `WireError`."""
    return _command(wire.read(payload, MAXIMUM_BYTES, _DEPTH))


def encode_result(result: Result) -> bytes:
    """Raises `WireError` for a result that `decode_result` would refuse."""
    item: dict[int, Item] = {1: VERSIONS[-1], 2: result.id, 3: int(result.outcome)}
    if result.why:
        item[4] = result.why
    _result(item)
    return wire.write(item)


def decode_result(payload: bytes) -> Result:
    """Raises `WireError`."""
    return _result(wire.read(payload, MAXIMUM_BYTES, _DEPTH))


def _command(item: Item) -> Command:
    wire.version(item, VERSIONS, "command")
    fields = wire.entries(item, _COMMAND, _COMMAND, "command")
    vin = wire.text(fields[3], 17, "VIN")
    if not is_vin(vin):
        raise WireError(Refusal.OUT_OF_RANGE, f"VIN: {vin!r} is none")
    return Command(
        wire.octets(fields[2], "id", ID_BYTES),
        vin,
        wire.integer(fields[4], 0, MAXIMUM_UTC_MS, "expires"),
        _STATES[wire.integer(fields[5], 0, len(_STATES) - 1, "privacy")],
    )


def _result(item: Item) -> Result:
    wire.version(item, VERSIONS, "result")
    fields = wire.entries(item, _RESULT, _RESULT | {4}, "result")
    return Result(
        wire.octets(fields[2], "id", ID_BYTES),
        Outcome(wire.integer(fields[3], 0, max(Outcome), "outcome")),
        wire.text(fields[4], _LONGEST_TEXT, "why") if 4 in fields else "",
    )
