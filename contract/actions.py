"""Actions: what a vehicle is asked to do by remote control, the published nine.

Slots of programs are 1 to 4, times of day seconds since midnight, days `Mon` to `Sun` in their order. What may come
together is said by `contract.action_codec`, which writes and reads them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class WakeUp(msgspec.Struct, frozen=True):
    """Say at once how the vehicle is."""


class Doors(msgspec.Struct, frozen=True):
    locked: bool


class Horn(msgspec.Struct, frozen=True):
    on: bool


class Lights(msgspec.Struct, frozen=True):
    on: bool


class ConditioningProgram(msgspec.Struct, frozen=True):
    slot: int
    enabled: bool
    start_s: int
    days: tuple[str, ...]
    recurrence: Literal["None", "Daily"] = "None"


class DeletedProgram(msgspec.Struct, frozen=True):
    slot: int


class ChargingProgram(msgspec.Struct, frozen=True):
    slot: int
    enabled: bool
    start_s: int
    end_s: int | None
    days: tuple[str, ...]


class Preconditioning(msgspec.Struct, frozen=True):
    immediate: bool | None = None
    """Whether it is to run now; None: as it is."""
    programs: tuple[ConditioningProgram | DeletedProgram, ...] = ()


class NextCharge(msgspec.Struct, frozen=True):
    utc_ms: int
    offset_min: int
    """How far the sender's local time was ahead of UTC."""

    @property
    def local_minute(self) -> int:
        """Of the sender's day, from its midnight."""
        return (self.utc_ms // 60_000 + self.offset_min) % (24 * 60)


class ChargingPreferences(msgspec.Struct, frozen=True):
    level: int | None = None
    type: Literal["Partial", "Full"] | None = None


class Charging(msgspec.Struct, frozen=True):
    immediate: bool | None = None
    """Whether it is to charge now; None: as it is."""
    programs: tuple[ChargingProgram, ...] = ()
    next: NextCharge | None = None
    preferences: ChargingPreferences | None = None


class Place(msgspec.Struct, frozen=True):
    longitude: float
    latitude: float


class Navigation(msgspec.Struct, frozen=True):
    positions: tuple[Place, ...]
    """The last is the destination."""


class Tracking(msgspec.Struct, frozen=True):
    """How often a stolen vehicle uploads, in seconds; None: as before."""

    running_s: int | None = None
    shutdown_s: int | None = None


class Stolen(msgspec.Struct, frozen=True):
    stolen: bool | None = None
    tracking: Tracking | None = None


class Immobilization(msgspec.Struct, frozen=True):
    on: bool


Action: TypeAlias = WakeUp | Doors | Horn | Lights | Preconditioning | Charging | Navigation | Stolen | Immobilization
