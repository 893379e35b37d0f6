"""Remote control: callbacks, as clients made them, and what they asked of vehicles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from cloud_bridge.actions.life import Event, Known, Life, RemoteType
from cloud_bridge.store.port.outbox import Notification

CallbackStatus = Literal["Running", "Paused", "Failed"]


class RemoteCallback(msgspec.Struct, frozen=True):
    id: str
    """32 hex digits."""
    fleet_id: str
    body: bytes
    """JSON, as it was given and checked."""
    types: tuple[RemoteType, ...]
    """What it may ask for, and is told of."""
    status: CallbackStatus
    created_at_ms: int
    updated_at_ms: int


class RemoteAction(msgspec.Struct, frozen=True):
    id: str
    """32 hex digits: those of its command, too."""
    callback_id: str
    fleet_id: str
    vin: str
    type: RemoteType
    body: bytes
    """JSON, as it was given and checked."""
    life: Life
    asked_at_ms: int
    updated_at_ms: int
    told: tuple[Event, ...] = ()
    """What its callback was told, in order."""

    @property
    def last(self) -> Event | None:
        return self.told[-1] if self.told else None


class Move(NamedTuple):
    """What becomes of an action."""

    life: Life
    events: Sequence[Event]
    """New ones."""
    notifications: Sequence[Notification]
    """That tell of them."""
    look_at_ms: int
    """When there is something to do about it next; without meaning once it is done."""
    wakes: bool = False
    """It counts as a wake-up."""
    sends: bool = False
    """The vehicle is sent something, and is awake."""
    declares: bool | None = None
    """That the vehicle is stolen, or was recovered."""
    tracks: bool | None = None
    """The vehicle does as a stolen one from now on, or does not any more."""


class PendingError(Exception):
    """A callback cannot be deleted while something is done for it."""


class TooManyError(Exception):
    """The fleet has as many callbacks as it may."""


class Callbacks(Protocol):
    """What the API reads and writes of callbacks. What is not there is None, or False."""

    def add(self, callback: RemoteCallback, most: int) -> None:
        """Raises TooManyError where the fleet has `most` already."""
        ...

    def callback(self, fleet_id: str, callback_id: str) -> RemoteCallback | None: ...
    def callbacks(
        self, fleet_id: str, types: Collection[str] | None, offset: int, limit: int
    ) -> tuple[int, list[RemoteCallback]]:
        """How many there are that have one of `types`, and some of them by (created, id)."""
        ...

    def replace(self, callback: RemoteCallback) -> RemoteCallback | None:
        """Its body, types and time of update; the rest stays."""
        ...

    def set_status(
        self, fleet_id: str, callback_id: str, status: CallbackStatus, now_ms: int
    ) -> RemoteCallback | None: ...
    def delete(self, fleet_id: str, callback_id: str) -> bool:
        """With its actions and what it was still to be told. Raises PendingError."""
        ...


class Actions(Protocol):
    """What is done about actions. `seen` is what is known of a vehicle outside of this port; what the port knows is
    added to it. `move` decides, in the transaction that writes what it decided."""

    def begin(
        self, asked: RemoteAction, seen: Known, move: Callable[[Known], Move], now_ms: int
    ) -> RemoteAction | None:
        """None where its callback or its vehicle is not there any more."""
        ...

    def advance(
        self, action_id: str, seen: Known, move: Callable[[RemoteAction, Known], Move | None], now_ms: int
    ) -> RemoteAction | None:
        """The action afterwards, its lease ended; None where it is not there any more."""
        ...

    def answered(
        self, vin: str, action_id: str, move: Callable[[RemoteAction], Move | None], now_ms: int
    ) -> RemoteAction | None:
        """The vehicle was heard. The action afterwards, None where the vehicle has none of this id. `move` may be
        asked more than once."""
        ...

    def claim(self, now_ms: int, until_ms: int, limit: int) -> list[RemoteAction]:
        """Actions about which there is something to do, or whose vehicle was heard; nobody else gets them until then,
        or until they are advanced."""
        ...

    def action(self, callback_id: str, vin: str, action_id: str) -> RemoteAction | None: ...
    def actions(self, callback_id: str, vin: str, offset: int, limit: int) -> tuple[int, list[RemoteAction]]:
        """How many there are, and some of them, the newest first."""
        ...

    def in_progress(self) -> list[RemoteAction]:
        """By vehicle, the oldest first."""
        ...

    def wake_ups(self, vin: str, now_ms: int) -> int:
        """This month."""
        ...
