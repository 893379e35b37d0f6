"""[commands]: what the cloud may ask of the vehicle. Nothing, as long as it is not allowed here."""

from __future__ import annotations

import msgspec


class CommandsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    privacy: bool = False
    """Whether the cloud may say how private the vehicle is to be. Commands are not signed yet: the broker alone decides
    who may send them."""
