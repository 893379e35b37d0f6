"""The unified data: what every record is made of, whatever the vehicle.

A *sample* is one datum at one time. Data are named as in `contract.catalog`. Values are in the published unit or enum.
Times are Unix milliseconds (UTC). Records are plain values, made by pure functions and stored as they are.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from cloud_bridge.unify.sample import Value as Value  # Of records too.


class Position(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """A GNSS fix. WGS 84 degrees, metres above mean sea level, degrees from true north, number of satellites."""

    at_ms: int
    longitude: float
    latitude: float
    altitude: float | None = None
    heading: int | None = None
    satellites: int | None = None
    fix: Literal["2D", "3D"] | None = None
    estimated: bool = False
    """Not measured: dead reckoning, say. It has no fix then."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """The newest value of a datum."""

    value: Value
    at_ms: int


class Origin(NamedTuple):
    """An instant on a vehicle's own clock, which no dating changes."""

    kernel: bytes
    """The kernel's boot."""
    at_ms: int
    """On its monotonic clock."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """All data collected at one instant: one telemetry message of the API."""

    at_ms: int
    values: dict[str, Value]
    position: Position | None = None
    origin: Origin | None = None
    """Where it is told of a record's start; readers do without."""


class Implausible(NamedTuple):
    """What the vehicle said at one instant and cannot be."""

    at_ms: int
    datum: str
    """`position` for a message's position."""
    reason: str


class EnergyLevel(msgspec.Struct, frozen=True, omit_defaults=True):
    type: Literal["Fuel", "Electric"]
    level: float | None = None
    """%"""
    autonomy: int | None = None
    """km"""


class EnergyConsumption(msgspec.Struct, frozen=True, omit_defaults=True):
    type: Literal["Fuel", "Electric"]
    consumption: float
    """cL or Wh"""
    average: float | None = None
    """cL or Wh per 100 km"""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    fault: Literal["Unstarted", "DataLacking", "Unfinished"]
    cause: Literal["GeoPrivacy", "FullPrivacy", "Connection"] | None = None


Propulsion = Literal["Thermal", "Electric", "Hybrid"]


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a trip by what propelled the vehicle, wherever in the trip that was."""

    propulsion: Propulsion
    percent: float
    """Of the trip's distance."""
    distance_km: float


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened to one vehicle, from one time to another. `id` is unique among all records."""

    id: str
    started_at_ms: int

    @property
    def until_ms(self) -> int | None:
        """When it was over; None while it goes on."""
        return self.started_at_ms


class Trip(Record, frozen=True, omit_defaults=True):
    stopped_at_ms: int | None
    """None while the trip goes on."""
    distance_km: float | None = None
    start_mileage_km: float | None = None
    start_position: Position | None = None
    stop_position: Position | None = None
    start_energies: tuple[EnergyLevel, ...] = ()
    end_energies: tuple[EnergyLevel, ...] = ()
    consumptions: tuple[EnergyConsumption, ...] = ()
    average_speed_kmh: float | None = None
    maximum_speed_kmh: float | None = None
    faults: tuple[Fault, ...] = ()
    updated_at_ms: int = 0
    """Time of the newest datum that the record is made of."""
    segments: tuple[Segment, ...] = ()

    @property
    def done(self) -> bool:
        return self.stopped_at_ms is not None

    @property
    def until_ms(self) -> int | None:
        return self.stopped_at_ms


class Alert(Record, frozen=True, omit_defaults=True):
    type: str
    """One of the 104 published alert types."""
    ended_at_ms: int | None = None
    start_position: Position | None = None
    end_position: Position | None = None
    updated_at_ms: int = 0

    @property
    def until_ms(self) -> int | None:
        return self.ended_at_ms


class Impact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One side that was hit."""

    side: Literal["Front", "Rear", "Lateral"]
    severity: Literal["Minimal", "Minor", "Major"] | None = None


class Collision(Record, frozen=True, omit_defaults=True):
    """A moment; what was said of it came then or soon after."""

    impacts: tuple[Impact, ...] = ()
    tipped_over: bool | None = None
    pedestrian: bool | None = None
    updated_at_ms: int = 0


class Alarm(Record, frozen=True, omit_defaults=True):
    """A change of the alarm: it was armed or disarmed (`activation`), or it went off (`trigger`). One of the two."""

    activation: Literal["Inactive", "Active"] | None = None
    trigger: str | None = None
    """One of the published types of break-in."""
    position: Position | None = None
    """The last known when it went off."""
    updated_at_ms: int = 0


class Protection(Record, frozen=True, omit_defaults=True):
    """A time in which the user of the vehicle kept places, or everything, to himself."""

    state: Literal["Geolocation", "Full"]
    ended_at_ms: int | None = None
    """The first moment after it."""

    @property
    def until_ms(self) -> int | None:
        return self.ended_at_ms


RECORDS: tuple[type[Record], ...] = (Trip, Alert, Collision, Alarm, Protection)


class Status(msgspec.Struct, frozen=True):
    """The newest value of every datum, and the newest position."""

    known: dict[str, Known] = {}
    position: Position | None = None
    updated_at_ms: int = 0
    trigger: Alarm | None = None
    """How the alarm went off last."""


Json = dict[str, Any]
