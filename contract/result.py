"""Results: what came of a command, and the steps on the way.

    1  version          1; 2 with an outcome above 4 or a cause; 3 with a message
    2  id               of the command (`contract.command`)
    3  outcome          0 done, 1 repeated, 2 expired, 3 timeless, 4 refused, 5 untrusted, 6 for another vehicle,
                        7 received, 8 sent, 9 already done, 10 failed
    4  why              ? text
    5  cause            ? text, a published failureCause; always with 10
    6  message          ? 8 bytes: the digest (`wire.digest`) of the message that the command came in

in canonical CBOR (`contract.wire`; schema in upload.cddl), at most 1 KiB. Received and sent are steps on the way of an
action and come before its outcome.

Anybody can write an id into a message. So a vehicle that does not obey one says by its digest which message it speaks
of: of another one than was sent, the result says nothing.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from contract import wire
from contract.command import ID_BYTES
from contract.wire import DIGEST_BYTES, Item, Refusal, WireError

MAXIMUM_BYTES = 1024
_FIRST, _SECOND, _THIRD = 1, 2, 3
_DEPTH = 1
_LONGEST_TEXT = 256
_REQUIRED = frozenset((1, 2, 3))
_OPTIONAL = {_FIRST: {4}, _SECOND: {4, 5}, _THIRD: {4, 5, 6}}


class Outcome(IntEnum):
    DONE = 0
    REPEATED = 1
    """It was executed before."""
    EXPIRED = 2
    TIMELESS = 3
    """The vehicle does not know the time, and so not whether it has expired."""
    REFUSED = 4
    """The vehicle's settings or its profile do not allow it."""
    UNTRUSTED = 5
    """It is signed by no key that the vehicle accepts."""
    FOREIGN = 6
    """It is for another vehicle."""
    RECEIVED = 7
    """A step: the vehicle has taken an action up."""
    SENT = 8
    """A step: what does it was transmitted."""
    ALREADY_DONE = 9
    """It was so before."""
    FAILED = 10

    @property
    def final(self) -> bool:
        """Whether nothing more comes of the command by itself."""
        return self not in (Outcome.RECEIVED, Outcome.SENT)


class Cause(StrEnum):
    """The published causes of failures that a vehicle can have."""

    GENERAL_ERROR = "GeneralError"
    VEHICLE_ERROR = "VehicleError"
    WRONG_COMMAND = "WrongCommand"
    MISSING_RIGHTS = "MissingRights"
    BATTERY_LEVEL = "NotPossibleDueToVehicleBatteryLevel"
    PRIVACY_LEVEL = "NotPossibleDueToVehiclePrivacyLevel"
    TOO_SOON = "TooManyRequestInShortTime"
    SAME_IN_PROGRESS = "SameActionInProgress"
    STOLEN_STATE = "NotPossibleDueToVehicleStolenState"
    IN_USE = "VehicleInUse"
    TOO_MANY = "TooManyRequestSent"
    DOORS_OPEN = "DoorsOpen"
    ERROR_OR_CARD_INSIDE = "VehicleErrorOrCidInside"
    CARD_INSIDE = "CidInside"
    CHARGING_STATION = "ExternalChargingSystemError"
    CHARGING_SYSTEM = "VehicleChargingSystemError"
    NOT_LOCKED = "VehicleIsNotLocked"
    CANCELED_BY_DRIVER = "CanceledByDriver"


_CAUSES = {cause.value: cause for cause in Cause}


class Result(msgspec.Struct, frozen=True):
    id: bytes
    outcome: Outcome
    why: str = ""
    """For people; at most 256 bytes."""
    cause: Cause | None = None
    """Why an action failed, in published words."""
    message: bytes | None = None
    """Digest of the message that it is about; None: of whichever an accepted key signed."""


def encode_result(result: Result) -> bytes:
    """As the first version that can say it. Raises `WireError` for a result that `decode_result` would refuse."""
    version = _SECOND if result.outcome > Outcome.REFUSED or result.cause is not None else _FIRST
    if result.message is not None:
        version = _THIRD
    item: dict[int, Item] = {1: version, 2: result.id, 3: int(result.outcome)}
    if result.why:
        item[4] = result.why
    if result.cause is not None:
        item[5] = result.cause.value
    if result.message is not None:
        item[6] = result.message
    _result(item)
    return wire.write(item)


def decode_result(payload: bytes) -> Result:
    """Raises `WireError`."""
    return _result(wire.read(payload, MAXIMUM_BYTES, _DEPTH))


def _result(item: Item) -> Result:
    version = wire.version(item, tuple(_OPTIONAL), "result")
    allowed = _REQUIRED | _OPTIONAL[version]
    fields = wire.entries(item, _REQUIRED, allowed, "result")
    highest = Outcome.REFUSED if version == _FIRST else max(Outcome)
    outcome = Outcome(wire.integer(fields[3], 0, highest, "outcome"))
    cause = _cause(fields[5]) if 5 in fields else None
    if outcome is Outcome.FAILED and cause is None:
        raise WireError(Refusal.WRONG_TYPE, "result: a failure without its cause")
    why = wire.text(fields[4], _LONGEST_TEXT, "why") if 4 in fields else ""
    message = wire.octets(fields[6], "message", DIGEST_BYTES) if 6 in fields else None
    return Result(wire.octets(fields[2], "id", ID_BYTES), outcome, why, cause, message)


def _cause(item: Item) -> Cause:
    word = wire.text(item, _LONGEST_TEXT, "cause")
    if word not in _CAUSES:
        raise WireError(Refusal.OUT_OF_RANGE, f"cause: {word!r:.40} is none of the published")
    return _CAUSES[word]
