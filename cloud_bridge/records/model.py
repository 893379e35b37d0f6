"""The unified data: what every record is made of, whatever the vehicle.

A *sample* is one datum at one time. Data are named as in `contract.catalog`. Values are in the published unit or enum.
Times are Unix milliseconds (UTC). Records are plain values, made by pure functions and stored as they are.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Value = bool | int | float | str


class Position(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """A GNSS fix. WGS 84 degrees, metres above mean sea level, degrees from true north, number of satellites."""

    at_ms: int
    longitude: float
    latitude: float
    altitude: float | None = None
    heading: int | None = None
    satellites: int | None = None
    fix: Literal["2D", "3D"] | None = None


class Known(msgspec.Struct, frozen=True, array_like=True):
    """The newest value of a datum."""

    value: Value
    at_ms: int


class Message(msgspec.Struct, frozen=True, array_like=True):
    """All data collected at one instant: one telemetry message of the API."""

    at_ms: int
    values: dict[str, Value]
    position: Position | None = None


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


class Trip(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    started_at_ms: int
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

    @property
    def done(self) -> bool:
        return self.stopped_at_ms is not None


class Alert(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    type: str
    """One of the 104 published alert types."""
    started_at_ms: int
    ended_at_ms: int | None = None
    start_position: Position | None = None
    end_position: Position | None = None
    updated_at_ms: int = 0


class Status(msgspec.Struct, frozen=True):
    """The newest value of every datum, and the newest position."""

    known: dict[str, Known] = {}
    position: Position | None = None
    updated_at_ms: int = 0


Json = dict[str, Any]
