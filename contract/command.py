"""Commands: what the cloud asks of a vehicle, and what came of it.

A command has an id and a time after which it is void; a vehicle executes an id once, however often it comes, and
answers every time that it comes. It is signed (Ed25519, `contract.signing`) over its exact bytes, with `DOMAIN` before
them:

    message                                     content, a map of its own
    1  version          2                       1  id               16 random bytes
    2  content          bytes                   2  VIN              17 characters
    3  key              8 bytes, its id         3  issued_utc_ms
    4  signature        64 bytes                4  expires_utc_ms
                                                5  kind             0 privacy, 1 action, 2 watch
                                                6  body

    body of privacy     0 none, 1 geolocation, 2 full: what the vehicle is to keep to itself from now on
    body of action      `contract.action_codec`
    body of watch       bytes, at most 4 KiB, a format of their own

    result
    1  version          1; 2 with an outcome above 4 or a cause
    2  id               of the command
    3  outcome          0 done, 1 repeated, 2 expired, 3 timeless, 4 refused, 5 untrusted, 6 for another vehicle,
                        7 received, 8 sent, 9 already done, 10 failed
    4  why              ? text
    5  cause            ? text, a published failureCause; always with 10

in canonical CBOR (`contract.wire`; schema in upload.cddl), at most 8 KiB, a result 1 KiB. Received and sent are steps
on the way of an action and come before its outcome. A command whose VIN is not the one of its topic is not for this
vehicle. Of several keys that a vehicle accepts, the key's id says which one signed, so that keys can be exchanged.

A command of version 1 is `{1: 1, 2: id, 3: VIN, 4: expires_utc_ms, 5: privacy}` and bears no signature: a vehicle
that has keys does not obey it, one that has none trusts the broker to let only the cloud publish on the topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from contract import signing, wire
from contract.anchor import MAXIMUM_UTC_MS
from contract.topics import is_vin
from contract.upload import Privacy
from contract.wire import Item, Refusal, WireError

if TYPE_CHECKING:
    from contract.actions import Action

DOMAIN = b"canlift command 2\x00"
MAXIMUM_BYTES = 8192
MAXIMUM_RESULT_BYTES = 1024
MAXIMUM_WATCH_BYTES = 4096
ID_BYTES = 16
_UNSIGNED, _SIGNED = 1, 2
_DEPTH = 1
_CONTENT_DEPTH = 5
_LONGEST_TEXT = 256
_MESSAGE = frozenset((1, 2, 3, 4))
_CONTENT = frozenset((1, 2, 3, 4, 5, 6))
_COMMAND_1 = frozenset((1, 2, 3, 4, 5))
_RESULT = frozenset((1, 2, 3))
_STATES = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL)
_PRIVACY, _ACTION, _WATCH = range(3)


class Watching(msgspec.Struct, frozen=True):
    """What the vehicle is to watch for monitors."""

    document: bytes


Body: TypeAlias = "Privacy | Action | Watching"


class Command(msgspec.Struct, frozen=True):
    """`body` says what is asked for: a state of privacy, an action, or what to watch."""

    id: bytes
    vin: str
    expires_utc_ms: int
    body: Body
    issued_utc_ms: int = 0
    """0 in a command of version 1, which does not say."""


class Signature(msgspec.Struct, frozen=True):
    key: bytes
    """Id of the key."""
    signature: bytes
    content: bytes

    def by_one_of(self, keys: Mapping[bytes, bytes]) -> bool:
        """Whether one of `keys`, public ones by their ids, made it."""
        public = keys.get(self.key)
        return public is not None and signing.is_signed(public, self.signature, DOMAIN, self.content)


class Received(msgspec.Struct, frozen=True):
    command: Command
    signature: Signature | None
    """Not verified yet. None: version 1."""


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


def encode_command(command: Command, private_key: bytes | None = None) -> bytes:
    """Signed, or without a key as version 1, which knows privacy alone. Raises `WireError` for a command that
    `decode_command` would refuse, ValueError for a key that is none."""
    if private_key is None:
        return _encode_unsigned(command)
    content: dict[int, Item] = {
        1: command.id,
        2: command.vin,
        3: command.issued_utc_ms,
        4: command.expires_utc_ms,
        **_body_item(command.body),
    }
    _command(content)
    payload = wire.write(content)
    message: dict[int, Item] = {
        1: _SIGNED,
        2: payload,
        3: signing.key_id(signing.public_key(private_key)),
        4: signing.sign(private_key, DOMAIN, payload),
    }
    return wire.write(message)


def decode_command(payload: bytes) -> Received:
    """What came on the topic. Raises `WireError`. Nobody knows yet who said it: see `Received.signature`."""
    item = wire.read(payload, MAXIMUM_BYTES, _DEPTH)
    if wire.version(item, (_UNSIGNED, _SIGNED), "command") == _UNSIGNED:
        return Received(_command_1(item), None)
    fields = wire.entries(item, _MESSAGE, _MESSAGE, "command")
    content = wire.octets(fields[2], "content")
    signature = Signature(
        wire.octets(fields[3], "key", signing.KEY_ID_BYTES),
        wire.octets(fields[4], "signature", signing.SIGNATURE_BYTES),
        content,
    )
    return Received(_command(wire.read(content, MAXIMUM_BYTES, _CONTENT_DEPTH)), signature)


def encode_result(result: Result) -> bytes:
    """As version 1 where that can say it. Raises `WireError` for a result that `decode_result` would refuse."""
    newer = result.outcome > Outcome.REFUSED or result.cause is not None
    item: dict[int, Item] = {1: _SIGNED if newer else _UNSIGNED, 2: result.id, 3: int(result.outcome)}
    if result.why:
        item[4] = result.why
    if result.cause is not None:
        item[5] = result.cause.value
    _result(item)
    return wire.write(item)


def decode_result(payload: bytes) -> Result:
    """Raises `WireError`."""
    return _result(wire.read(payload, MAXIMUM_RESULT_BYTES, _DEPTH))


def _encode_unsigned(command: Command) -> bytes:
    if not isinstance(command.body, Privacy):
        raise WireError(Refusal.WRONG_TYPE, "command: only privacy can be asked for without a signature")
    item: dict[int, Item] = {
        1: _UNSIGNED,
        2: command.id,
        3: command.vin,
        4: command.expires_utc_ms,
        5: _STATES.index(command.body),
    }
    _command_1(item)
    return wire.write(item)


def _command_1(item: Item) -> Command:
    fields = wire.entries(item, _COMMAND_1, _COMMAND_1, "command")
    return Command(_id(fields[2]), _vin(fields[3]), _moment(fields[4], "expires"), _privacy(fields[5]))


def _command(item: Item) -> Command:
    fields = wire.entries(item, _CONTENT, _CONTENT, "command")
    issued, expires = _moment(fields[3], "issued"), _moment(fields[4], "expires")
    if expires < issued:
        raise WireError(Refusal.OUT_OF_RANGE, "command: it expires before it is issued")
    return Command(_id(fields[1]), _vin(fields[2]), expires, _body(fields[5], fields[6]), issued)


def _body_item(body: Body) -> dict[int, Item]:
    if isinstance(body, Privacy):
        return {5: _PRIVACY, 6: _STATES.index(body)}
    if isinstance(body, Watching):
        return {5: _WATCH, 6: body.document}
    # Here and not above: a vehicle that does nothing for the cloud does without.
    from contract.action_codec import action_item

    return {5: _ACTION, 6: action_item(body)}


def _body(kind: Item, body: Item) -> Body:
    number = wire.integer(kind, _PRIVACY, _WATCH, "kind")
    if number == _PRIVACY:
        return _privacy(body)
    if number == _ACTION:
        from contract.action_codec import action_of

        return action_of(body)
    document = wire.octets(body, "watch")
    if len(document) > MAXIMUM_WATCH_BYTES:
        text = f"watch: {len(document)} bytes, at most {MAXIMUM_WATCH_BYTES} are allowed"
        raise WireError(Refusal.OVERSIZED, text)
    return Watching(document)


def _id(item: Item) -> bytes:
    return wire.octets(item, "id", ID_BYTES)


def _vin(item: Item) -> str:
    vin = wire.text(item, 17, "VIN")
    if not is_vin(vin):
        raise WireError(Refusal.OUT_OF_RANGE, f"VIN: {vin!r} is none")
    return vin


def _moment(item: Item, what: str) -> int:
    return wire.integer(item, 0, MAXIMUM_UTC_MS, what)


def _privacy(item: Item) -> Privacy:
    return _STATES[wire.integer(item, 0, len(_STATES) - 1, "privacy")]


def _result(item: Item) -> Result:
    version = wire.version(item, (_UNSIGNED, _SIGNED), "result")
    allowed = _RESULT | ({4} if version == _UNSIGNED else {4, 5})
    fields = wire.entries(item, _RESULT, allowed, "result")
    highest = Outcome.REFUSED if version == _UNSIGNED else max(Outcome)
    outcome = Outcome(wire.integer(fields[3], 0, highest, "outcome"))
    cause = _cause(fields[5]) if 5 in fields else None
    if outcome is Outcome.FAILED and cause is None:
        raise WireError(Refusal.WRONG_TYPE, "result: a failure without its cause")
    why = wire.text(fields[4], _LONGEST_TEXT, "why") if 4 in fields else ""
    return Result(_id(fields[2]), outcome, why, cause)


def _cause(item: Item) -> Cause:
    word = wire.text(item, _LONGEST_TEXT, "cause")
    if word not in _CAUSES:
        raise WireError(Refusal.OUT_OF_RANGE, f"cause: {word!r:.40} is none of the published")
    return _CAUSES[word]
