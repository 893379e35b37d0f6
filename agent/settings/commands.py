"""[commands]: what the cloud may ask of the vehicle. Nothing, as long as it is not allowed here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import msgspec

from contract.configuration import Keys
from contract.signing import KEY_BYTES, key_id

_MOST_AN_HOUR = 3600


class CommandsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    privacy: bool = False
    """Whether the cloud may say how private the vehicle is to be."""
    keys: tuple[str, ...] = ()
    """The public keys whose commands are obeyed, as `canlift-bridge remote key` prints them. Without any, only commands
    of privacy are, and the broker alone decides who may send them."""

    watch: bool = False
    """Whether the cloud may ask for uploads at once when something begins that it waits for. Needs keys."""
    watch_an_hour: int = 60
    """How many such uploads each condition may cause. A sixth of them may come at once."""
    watch_an_hour_in_all: int = 240

    @property
    def public_keys(self) -> dict[bytes, bytes]:
        """By their ids."""
        keys = [base64.b64decode(key) for key in self.keys]
        return {key_id(key): key for key in keys}

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        if self.watch and not self.keys:
            yield ("watch",), "needs keys: what is to be watched is obeyed only where one of them signed it"
        for name in ("watch_an_hour", "watch_an_hour_in_all"):
            if not 1 <= getattr(self, name) <= _MOST_AN_HOUR:
                yield (name,), f"expected 1 to {_MOST_AN_HOUR}, found {getattr(self, name)}"
        for index, key in enumerate(self.keys):
            if not _is_key(key):
                text = f"{key!r} is no key: expected {KEY_BYTES} bytes in base64, as `canlift-bridge remote key` prints"
                yield ("keys", index), text


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False
