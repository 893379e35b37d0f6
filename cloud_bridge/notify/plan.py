"""What is to be done for a sender now, as the database says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from cloud_bridge.notify.pacing import MOST_OF_A_CALL, due_ms, size_of, together
from cloud_bridge.notify.sender import Sender, SenderOf
from cloud_bridge.store.port.outbox import Kept, Outbox, Trouble
from cloud_bridge.store.port.webhook_secrets import WebhookSecrets

PAUSED_LOOK_MS = 5000
"""A sender that is paused may go on at any time, and nobody says so."""


class Call(msgspec.Struct, frozen=True):
    """What is posted now."""

    sender: Sender
    kept: Sequence[Kept]
    newest: int
    """The largest number that waits."""
    trouble: Trouble | None
    keys: Sequence[bytes]

    @property
    def host(self) -> str:
        return urlsplit(self.sender.target).hostname or ""


class Later(msgspec.Struct, frozen=True):
    """Nothing can be said before."""

    at_ms: int


class Gone(msgspec.Struct, frozen=True):
    """There is no such sender any more, and something of it waits."""


Plan = Call | Later | Gone | None
"""None: there is nothing to do until something new waits."""


class Planner:
    """Reads only, but that a fleet gets its first secret when it is first needed."""

    def __init__(
        self, outbox: Outbox, sender_of: SenderOf, secrets: WebhookSecrets, clock_ms: Callable[[], int]
    ) -> None:
        self._outbox = outbox
        self._sender_of = sender_of
        self._secrets = secrets
        self._clock_ms = clock_ms

    def plan(self, sender_id: str) -> Plan:
        """Raises StoreError, and RefusedBodyError for a sender whose body is not as published."""
        head = self._outbox.head(sender_id, MOST_OF_A_CALL)
        if head is None:
            return None
        fleet_id = head.oldest.notification.fleet_id
        sender = self._sender_of(fleet_id, sender_id)
        if sender is None:
            return Gone()
        now_ms = self._clock_ms()
        if sender.paused:
            return Later(now_ms + PAUSED_LOOK_MS)
        trouble = self._outbox.trouble(sender_id)
        at_ms = due_ms(sender, head, trouble)
        if at_ms is None:
            return None
        if at_ms > now_ms:
            return Later(at_ms)
        waiting = self._outbox.waiting(sender_id, size_of(sender) if head.oldest.batch is None else MOST_OF_A_CALL)
        if not waiting:  # It was erased meanwhile.
            return None
        keys = [one.secret for one in self._secrets.secrets(fleet_id, now_ms)]
        return Call(sender, together(sender, waiting), head.newest, trouble, keys)
