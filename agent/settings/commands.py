"""[commands]: what the cloud may ask of the vehicle. Nothing, as long as it is not allowed here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import msgspec

from contract.configuration import Keys
from contract.signing import KEY_BYTES, key_id


class CommandsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    privacy: bool = False
    """Whether the cloud may say how private the vehicle is to be."""
    keys: tuple[str, ...] = ()
    """The public keys whose commands are obeyed, as `canlift-bridge remote key` prints them. Without any, only commands
    of privacy are, and the broker alone decides who may send them."""

    @property
    def public_keys(self) -> dict[bytes, bytes]:
        """By their ids."""
        keys = [base64.b64decode(key) for key in self.keys]
        return {key_id(key): key for key in keys}

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        for index, key in enumerate(self.keys):
            if not _is_key(key):
                text = f"{key!r} is no key: expected {KEY_BYTES} bytes in base64, as `canlift-bridge remote key` prints"
                yield ("keys", index), text


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False
