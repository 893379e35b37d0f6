"""What notifications are signed with."""

from __future__ import annotations

from typing import Protocol

import msgspec

SECRET_BYTES = 32


class WebhookSecret(msgspec.Struct, frozen=True):
    secret: bytes
    created_at_ms: int
    expires_at_ms: int | None = None
    """It was replaced, and signs beside the new one until then. None: it is the current one."""


class WebhookSecrets(Protocol):
    """Of each fleet one is current. Raises RegistryError where the fleet is not there."""

    def secrets(self, fleet_id: str, now_ms: int) -> list[WebhookSecret]:
        """Those that sign now, the current one first; it is made where there is none."""
        ...

    def rotate(self, fleet_id: str, now_ms: int, overlap_ms: int) -> list[WebhookSecret]:
        """Makes another one current; those before it sign for `overlap_ms` more at most. Those that sign now."""
        ...
