"""Positions: distances on the globe, and paths with fewer points.

Distances are great-circle on a sphere of the mean earth radius: within 0.6 % of the ellipsoid. How far a point lies
from a segment is measured on a plane through the segment's start, east scaled by the cosine of the latitude there
(local equirectangular). That scale is off by tan(latitude) * length / earth radius at the segment's other end: 0.2 %
for 10 km and 2 % for 100 km at 50 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, cos, radians, sin, sqrt

from cloud_bridge.records.model import Position

EARTH_RADIUS_KM = 6371.0088
"""IUGG mean radius."""


def distance_km(one: Position, other: Position) -> float:
    """Great-circle distance (haversine: exact also for points close together)."""
    south, north = radians(one.latitude), radians(other.latitude)
    across = radians(other.longitude - one.longitude)
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


def simplify(positions: Sequence[Position], tolerance_km: float) -> list[Position]:
    """The path with the fewest points that Douglas-Peucker finds: no point left out is further than `tolerance_km` from
    the segment that spans it. First and last stay; 0 or less keeps all. O(n log n) on paths as driven, O(n²) at worst.
    """
    if tolerance_km <= 0 or len(positions) < 3:
        return list(positions)
    longitudes, latitudes = _unwrapped(positions), [position.latitude for position in positions]
    keep = bytearray(len(positions))
    keep[0] = keep[-1] = 1
    spans = [(0, len(positions) - 1)]
    while spans:
        first, last = spans.pop()
        farthest, distance = _farthest(longitudes, latitudes, first, last)
        if distance > tolerance_km:
            keep[farthest] = 1
            spans += [(first, farthest), (farthest, last)]
    return [position for position, kept in zip(positions, keep, strict=True) if kept]


def _unwrapped(positions: Sequence[Position]) -> list[float]:
    """Longitudes without jumps, also for a path across the 180th meridian."""
    longitudes = [positions[0].longitude]
    for position in positions[1:]:
        longitudes.append(longitudes[-1] + (position.longitude - longitudes[-1] + 180) % 360 - 180)
    return longitudes


def _farthest(longitudes: list[float], latitudes: list[float], first: int, last: int) -> tuple[int, float]:
    """Index and distance (km) of the point between `first` and `last` farthest from the segment between them."""
    west, south = longitudes[first], latitudes[first]
    north_km = radians(1) * EARTH_RADIUS_KM
    east_km = north_km * cos(radians(south))
    end_x, end_y = (longitudes[last] - west) * east_km, (latitudes[last] - south) * north_km
    length_squared = end_x * end_x + end_y * end_y
    farthest, farthest_squared = first, 0.0
    # Most of the time of a simplification goes here: squares, and no calls.
    for index in range(first + 1, last):
        x, y = (longitudes[index] - west) * east_km, (latitudes[index] - south) * north_km
        along = x * end_x + y * end_y
        if along <= 0:
            squared = x * x + y * y
        elif along >= length_squared:
            squared = (x - end_x) * (x - end_x) + (y - end_y) * (y - end_y)
        else:
            across = x * end_y - y * end_x
            squared = across * across / length_squared
        if squared > farthest_squared:
            farthest, farthest_squared = index, squared
    return farthest, sqrt(farthest_squared)
