"""Positions: distances on the globe, and paths with fewer points.

Distances are great-circle on a sphere of the mean earth radius: within 0.6 % of the ellipsoid. How far a point lies
from a segment is measured on a plane through the segment's start, east scaled by the cosine of the latitude there
(local equirectangular). That scale is off by tan(latitude) * length / earth radius at the segment's other end: 0.2 %
for 10 km and 2 % for 100 km at 50 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, cos, hypot, radians, sin, sqrt

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
    keep = bytearray(len(positions))
    keep[0] = keep[-1] = 1
    spans = [(0, len(positions) - 1)]
    while spans:
        first, last = spans.pop()
        farthest, distance = _farthest(positions, first, last)
        if distance > tolerance_km:
            keep[farthest] = 1
            spans += [(first, farthest), (farthest, last)]
    return [position for position, kept in zip(positions, keep, strict=True) if kept]


def _farthest(positions: Sequence[Position], first: int, last: int) -> tuple[int, float]:
    """Index and distance (km) of the point between `first` and `last` farthest from the segment between them."""
    start = positions[first]
    km_per_degree = radians(1) * EARTH_RADIUS_KM
    east_km_per_degree = km_per_degree * cos(radians(start.latitude))

    def plane(position: Position) -> tuple[float, float]:
        # The short way round: paths cross the 180th meridian.
        across = (position.longitude - start.longitude + 180) % 360 - 180
        return across * east_km_per_degree, (position.latitude - start.latitude) * km_per_degree

    end_x, end_y = plane(positions[last])
    length_squared = end_x * end_x + end_y * end_y
    farthest, farthest_km = first, -1.0
    for index in range(first + 1, last):
        x, y = plane(positions[index])
        along = (x * end_x + y * end_y) / length_squared if length_squared else 0.0
        along = min(1.0, max(0.0, along))
        off_km = hypot(x - along * end_x, y - along * end_y)
        if off_km > farthest_km:
            farthest, farthest_km = index, off_km
    return farthest, farthest_km
