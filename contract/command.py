"""Commands: what the cloud asks of a vehicle. What came of one is a result (`contract.result`).

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

in canonical CBOR (`contract.wire`; schema in upload.cddl), at most 8 KiB. A command whose VIN is not the one of its
topic is not for this vehicle. Of several keys that a vehicle accepts, the key's id says which one signed, so that keys
can be exchanged.

A command of version 1 is `{1: 1, 2: id, 3: VIN, 4: expires_utc_ms, 5: privacy}` and bears no signature: a vehicle
that has keys does not obey it, one that has none trusts the broker to let only the cloud publish on the topic.
"""

from __future__ import annotations

from collections.abc import Mapping
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
MAXIMUM_WATCH_BYTES = 4096
ID_BYTES = 16
AHEAD_MS = 120_000
"""So much later than by the vehicle's clock a command may be issued. What is issued later yet shows that the clock is
wrong, and then nobody knows what has expired."""
_UNSIGNED, _SIGNED = 1, 2
_DEPTH = 1
_CONTENT_DEPTH = 5
_MESSAGE = frozenset((1, 2, 3, 4))
_CONTENT = frozenset((1, 2, 3, 4, 5, 6))
_COMMAND_1 = frozenset((1, 2, 3, 4, 5))
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
