"""Damage: what is stored of a vehicle and cannot be read."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class DamagedError(Exception):
    """What is stored of a vehicle cannot be read, or nothing be derived from it. It is set aside, and no StoreError:
    the database can be used, and other vehicles are as they were."""

    def __init__(self, vin: str) -> None:
        super().__init__(f"what is stored of vehicle {vin} is damaged: see `canlift-bridge rebuild {vin}`")
        self.vin = vin


class Unreadable(NamedTuple):
    """How much a rebuild could not read."""

    uploads: int = 0
    """They are in quarantine, with the reason."""
    telemetry: int = 0
    """Of uploads that are deleted; so many of these. It is lost."""
    states: int = 0
    """Of the fold, where something before was deleted: what went on there is told as if it began there."""

    @property
    def text(self) -> str:
        """What there is of each."""
        parts = (
            (self.uploads, "uploads"),
            (self.telemetry, "times the telemetry of deleted uploads"),
            (self.states, "states at the end of what is deleted"),
        )
        return ", ".join(f"{number} {what}" for number, what in parts if number)


class Damage(Protocol):
    """Vehicles that are set aside: the collections of their fleets leave them out, and say so."""

    def set_aside(self, vin: str, now_ms: int, *, reading: bool) -> None:
        """`reading`: it showed with what was derived before, which only a rebuild makes anew. Otherwise the vehicle is
        back when it is derived the next time."""
        ...

    def is_set_aside(self, vin: str) -> bool: ...
    def all_set_aside(self) -> dict[str, int]:
        """Since when, by VIN."""
        ...

    def all_unreadable(self) -> dict[str, Unreadable]:
        """By VIN, of the last rebuild of each."""
        ...

    def empty_unreadable_telemetry(self, vin: str) -> None:
        """For what goes on in spite of it: makes it empty where its upload is deleted, and keeps its bytes."""
        ...

    def put_unreadable(self, vin: str, states: int) -> Unreadable:
        """Counts what cannot be read of a vehicle that was rebuilt; `states` are counted already."""
        ...
