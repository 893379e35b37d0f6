"""Positions as GeoJSON features (RFC 7946)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.api.blocks import of
from cloud_bridge.api.documents import DateTime, Document
from cloud_bridge.records.model import Position
from cloud_bridge.shapes.times import rfc3339


class Point(Document):
    """Longitude and latitude in degrees (WGS 84), and the altitude in metres where the fix has one."""

    type: Literal["Point"]
    coordinates: Annotated[list[float], Meta(min_length=2, max_length=3)]


class LocationProperties(Document):
    """`signalQuality` is the number of satellites."""

    type: Literal["Acquire", "Estimated"] | UnsetType = UNSET
    fix_status: Literal["2D", "3D"] | UnsetType = UNSET
    heading: Annotated[int, of("position.heading")] | UnsetType = UNSET
    signal_quality: int | UnsetType = UNSET


class PositionProperties(LocationProperties, kw_only=True):
    """`vin` where the answer is of a whole fleet."""

    created_at: DateTime
    vin: str | UnsetType = UNSET


class Location(Document):
    """A position without a time of its own."""

    type: Literal["Feature"]
    geometry: Point
    properties: LocationProperties


class Feature(Document):
    """A position."""

    type: Literal["Feature"]
    geometry: Point
    properties: PositionProperties


def _point(position: Position) -> Point:
    coordinates = [position.longitude, position.latitude]
    # A two-dimensional fix says nothing of the altitude.
    if position.altitude is not None and position.fix != "2D":
        coordinates.append(position.altitude)
    return Point(type="Point", coordinates=coordinates)


def feature(position: Position, vin: str | UnsetType = UNSET) -> Feature:
    properties = PositionProperties(created_at=rfc3339(position.at_ms), vin=vin)
    _describe(properties, position)
    return Feature(type="Feature", geometry=_point(position), properties=properties)


def location(position: Position) -> Location:
    properties = LocationProperties()
    _describe(properties, position)
    return Location(type="Feature", geometry=_point(position), properties=properties)


def _describe(properties: LocationProperties, position: Position) -> None:
    properties.type = "Estimated" if position.estimated else "Acquire"
    if position.fix is not None:
        properties.fix_status = position.fix
    if position.heading is not None:
        properties.heading = position.heading
    if position.satellites is not None:
        properties.signal_quality = position.satellites
