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
    """Given up: too old, too many, or refused too often."""


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
    """JSON: an item of the published `events`. Empty once it was delivered."""
    variables: Mapping[str, str]
    """What attributes may refer to, by name without `$`."""


class Kept(msgspec.Struct, frozen=True):
    """A notification as it stands in the outbox."""

    notification: Notification
    state: NotificationState
    number: int
    """Grows with each that is written."""
    created_at_ms: int
    settled_at_ms: int | None = None
    attempts: int = 0
    failure: str = ""
    """What the last attempt came to, for people."""
    batch: str | None = None
    """Id of those that it goes with."""


class Trouble(msgspec.Struct, frozen=True):
    """A sender whose target does not answer."""

    sender: str
    failures: int
    """Attempts since it last answered."""
    tries: int
    """Attempts since something new was first tried."""
    since_ms: int
    next_attempt_ms: int
    """Not before."""
    newer_than: int | None = None
    """Given up: only when something with a larger number waits. None: it goes on by itself."""


class Attempted(msgspec.Struct, frozen=True):
    """What came of posting some notifications of a sender."""

    sender: str
    ids: tuple[str, ...]
    trouble: Trouble | None = None
    """None: they were delivered, and the sender has no trouble any more."""
    failure: str = ""
    dead: bool = False
    """They are given up."""


class Waiting(msgspec.Struct, frozen=True):
    """How much of a sender waits."""

    sender: str
    fleet_id: str
    number: int
    oldest_ms: int
    """When the oldest was written."""
    failure: str = ""
    """What came of the last attempt to deliver the oldest."""


class Head(msgspec.Struct, frozen=True):
    """What waits of a sender, without reading all of it."""

    oldest: Kept
    number: int
    """How many wait; no more are counted than was asked for."""
    newest: int
    """The largest number of those that wait."""


class Outbox(Protocol):
    """What delivery and the command line read and write. Who makes notifications writes them in the transaction of what
    they tell of."""

    def take_charge(self) -> bool:
        """Whether this process is the one that delivers: of several at most one is, until it leaves or ends, however it
        ends."""
        ...

    def leave(self) -> None: ...
    def arrivals(self, after: int) -> tuple[int, list[str]]:
        """The largest number ever given, and the senders of which something with a number above `after` waits."""
        ...

    def waiting(self, sender: str, limit: int) -> list[Kept]:
        """The oldest that wait, in the order in which they were written."""
        ...

    def head(self, sender: str, limit: int) -> Head | None:
        """None: nothing waits. `limit`: where counting ends."""
        ...

    def trouble(self, sender: str) -> Trouble | None: ...
    def bind(self, ids: Sequence[str], batch: str) -> None:
        """They go together from now on, for as long as they wait."""
        ...

    def settle(self, attempts: Sequence[Attempted], now_ms: int) -> None: ...
    def drop(self, sender: str, limit: int) -> int:
        """Deletes at most so many of those that wait, and what is known of the target; how many."""
        ...

    def expire(self, before_ms: int, limit: int, now_ms: int) -> int:
        """Gives up what waits since before, at most so many; how many."""
        ...

    def trim(self, most: int, now_ms: int) -> dict[str, int]:
        """Of each sender of which more than `most` wait the oldest are given up; of whom, and how many."""
        ...

    def senders(self) -> list[Waiting]:
        """Those of which something waits, by id."""
        ...

    def troubles(self) -> list[Trouble]: ...
    def counts(self) -> tuple[int, int]:
        """How many wait, and how many are dead."""
        ...

    def dead(self, offset: int, limit: int, sender: str | None = None) -> tuple[int, list[Kept]]:
        """How many there are, and some of them, the newest first; of one sender where it is given."""
        ...

    def find(self, notification_id: str) -> Kept | None: ...
    def replay(self, ids: Sequence[str], now_ms: int) -> int:
        """Those of them that are dead wait again, as if written now; how many these were."""
        ...

    def replay_all(self, sender: str, limit: int, now_ms: int) -> int:
        """Likewise all that are dead of a sender, the oldest first, at most so many."""
        ...
