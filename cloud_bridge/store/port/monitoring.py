"""What evaluating monitors reads and writes, besides what is derived (`cloud_bridge.store.port.derived`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import msgspec

from cloud_bridge.records.model import Message, Position
from cloud_bridge.store.port.derived import Checkpoint, Extent
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.outbox import Notification
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Theft, Vehicle
from cloud_bridge.store.port.times import Interval


class Membership(NamedTuple):
    """That a vehicle is in a fleet that has, or had, monitors."""

    fleet_id: str
    joined_at_ms: int
    changes: int
    """How often the fleet's monitors changed."""


class Mark(msgspec.Struct, frozen=True):
    """How far a vehicle is evaluated."""

    revision: int
    dirty_from_ms: int | None
    """What happened from here on is not evaluated yet; None: all is."""
    due_ms: int | None
    """When time that passes may change something by itself."""


class Progress(msgspec.Struct, frozen=True):
    """All that decides what an evaluation comes to."""

    extent: Extent
    mark: Mark
    vehicle: Vehicle
    memberships: tuple[Membership, ...]
    """By fleet."""


class Beside(NamedTuple):
    """States of monitors, and the state of the fold at the same time."""

    checkpoint: Checkpoint
    states: bytes


class Told(NamedTuple):
    """What was told of a vehicle, to one monitor's target."""

    id: str
    at_ms: int
    refresh: bool


class Evaluated(msgspec.Struct, frozen=True):
    """What evaluating a vehicle came to."""

    states: Sequence[tuple[int, bytes]]
    """By the time of the checkpoint that they stand beside, ascending. Of all since where it began: they replace what
    stood there."""
    due_ms: int | None
    notifications: Sequence[Notification]
    dirty_from_ms: int | None = None
    """What happened from here on is still to be evaluated; None: all is."""
    redated: Sequence[tuple[str, int]] = ()
    """What was told, and is known now to have been at another time: it is remembered as of then."""


class Monitoring(Protocol):
    def snapshot(self) -> AbstractContextManager[None]:
        """What this thread reads in the block is of one moment."""
        ...

    def covered(self, vins: Collection[str], most: int) -> list[str]:
        """Those of the vehicles that a running monitor covers and that have at most so many uploads to derive."""
        ...

    def to_evaluate(self, now_ms: int) -> list[str]:
        """Vehicles of which something is to be evaluated, or due, and whose records are of all their chunks."""
        ...

    def progress(self, vin: str) -> Progress | None:
        """None where nothing of the vehicle was ever to be evaluated, or it is not registered any more."""
        ...

    def monitors(self, fleet_id: str) -> tuple[int, list[Monitor]]:
        """How often they changed, and all of them by id."""
        ...

    def fail(self, monitor: Monitor, now_ms: int) -> bool:
        """It cannot be evaluated, and does not run any more. False, and nothing is changed, where it was changed or
        deleted since."""
        ...

    def states(self, vin: str, up_to_ms: int) -> Beside | None:
        """The newest whose `until_ms` is not above `up_to_ms`."""
        ...

    def states_at(self, vin: str, until_ms: int) -> bytes | None: ...
    def checkpoints(self, vin: str, from_ms: int) -> list[int]:
        """The times of the fold's states since then, ascending."""
        ...

    def believed(self, vin: str, from_ms: int) -> Callable[[Message], Message]:
        """What is believed of a message of that time or later."""
        ...

    def records(self, kind: type[One], vin: str, within: Interval) -> list[One]:
        """Those that overlap the range, in ascending start, those that go on included."""
        ...

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        """The newest of then or before."""
        ...

    def thefts(self, vin: str) -> list[Theft]:
        """In ascending start."""
        ...

    def told(self, vin: str, monitor_id: str, from_ms: int) -> list[Told]:
        """What is or was in the outbox of events since."""
        ...

    def last_told_ms(self, vin: str) -> int:
        """The latest event that is or was in the outbox; -1 where there is none."""
        ...

    def put(self, found: Sequence[tuple[Progress, Evaluated]], now_ms: int) -> tuple[int, int]:
        """What evaluating some vehicles came to, in one transaction. Nothing is written of one of which anything of its
        `progress` is not so any more. How many notifications were new, and of how many vehicles nothing was written."""
        ...
