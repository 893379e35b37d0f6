"""What vehicles are to watch for monitors, and how far that has got to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from contract.watching import Condition


class Covered(msgspec.Struct, frozen=True):
    """A vehicle of fleets that may have another list."""

    vin: str
    model: str
    fleets: tuple[str, ...]
    """All that it is in."""


class Due(msgspec.Struct, frozen=True):
    change: int
    """Which change of monitors and fleets this is of."""
    fleets: tuple[str, ...]
    vehicles: tuple[Covered, ...]


class Listed(msgspec.Struct, frozen=True):
    """The list of a vehicle."""

    vin: str
    number: int
    document: bytes
    published: bool = False
    skipped: tuple[str, ...] | None = None
    """What the vehicle cannot watch of it; None: it has not reported this one."""


class WatchLists(Protocol):
    def due(self) -> Due | None:
        """The fleets of which monitors or vehicles changed; None: none did."""
        ...

    def profiles(self, digests: Mapping[str, bytes]) -> None:
        """The profiles of models are these now: vehicles of those that had another may have another list."""
        ...

    def models(self) -> list[str]:
        """Those that there are vehicles of."""
        ...

    def settle(self, due: Due, lists: Mapping[str, Sequence[Condition]], now_ms: int) -> bool:
        """What each vehicle is to watch, by VIN. One that is to watch what it watches already keeps its list, one that
        never was to watch anything needs none. False where something changed since `due`: then nothing is written."""
        ...

    def listed(self, vin: str) -> Listed | None: ...
    def to_publish(self, limit: int) -> list[Listed]:
        """Of vehicles that may connect: those whose certificates are all revoked have to wait."""
        ...

    def published(self, lists: Collection[Listed]) -> set[str]:
        """The broker has them. One that is not the vehicle's newest any more is passed over. The vehicles that have no
        list any more: they were erased meanwhile."""
        ...

    def publish_again(self, vin: str | None = None) -> None:
        """The broker may not have the list of a vehicle any more; None: of no vehicle."""
        ...

    def renumber(self, vin: str, above: int, now_ms: int) -> bool:
        """The vehicle has a list with number `above`: its own gets a greater one. One that is to watch nothing gets an
        empty list. False for one that is not registered."""
        ...

    def reported(self, vin: str, number: int, skipped: Sequence[str]) -> bool:
        """The vehicle has this list, but for some data; whether that is news."""
        ...
