"""Notifications: what is to be told to whom, and what came of it.

A *sender* is what a client registered with a target: a monitor or a remote callback. Its notifications are delivered in
the order in which they were written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Protocol

import msgspec


class NotificationState(IntEnum):
    WAITS = 0
    DELIVERED = 1
    DEAD = 2
    """Given up: too old, or refused too often."""


class Notification(msgspec.Struct, frozen=True):
    id: str
    """32 hex digits, of what it is and not of when it was found: writing it twice is writing it once."""
    sender: str
    fleet_id: str
    vin: str
    at_ms: int
    """Of the event."""
    refresh: bool
    body: bytes
    """JSON: an item of the published `events`."""
    variables: Mapping[str, str]
    """What attributes may refer to, by name without `$`."""


class Kept(msgspec.Struct, frozen=True):
    """A notification as it stands in the outbox."""

    notification: Notification
    state: NotificationState
    created_at_ms: int
    settled_at_ms: int | None = None
    attempts: int = 0
    failure: str = ""
    """What the last attempt came to, for people."""


class Trouble(msgspec.Struct, frozen=True):
    """A sender whose target does not answer."""

    sender: str
    failures: int
    since_ms: int
    next_attempt_ms: int | None
    """None: not by itself any more, only with something new."""


class Outbox(Protocol):
    """What delivery reads and writes. Who makes notifications writes them in the transaction of what they tell of."""

    def senders(self) -> list[str]:
        """Those of which something waits."""
        ...

    def waiting(self, sender: str, limit: int) -> list[Kept]:
        """The oldest that wait, in the order in which they were written."""
        ...

    def troubles(self) -> list[Trouble]: ...
    def delivered(self, sender: str, ids: Sequence[str], now_ms: int) -> None:
        """They were, and the sender has no trouble any more."""
        ...

    def failed(self, trouble: Trouble, ids: Sequence[str], failure: str, dead: Sequence[str], now_ms: int) -> None:
        """An attempt with `ids` failed; `dead` are given up."""
        ...

    def dead(self, offset: int, limit: int) -> tuple[int, list[Kept]]: ...
    def find(self, notification_id: str) -> Kept | None: ...
    def replay(self, ids: Sequence[str], now_ms: int) -> int:
        """Those of them that are dead wait again, as if written now; how many these were."""
        ...
