"""Distances on the earth's ellipsoid (WGS 84).

By Vincenty's inverse formula (Survey Review XXIII, 1975), which is good to half a millimetre but does not come to an
end for points that lie almost opposite each other: none of these is nearer than `FARTHEST_KM`, so that no distance up
to there needs them.
"""

from __future__ import annotations

from math import atan, atan2, cos, radians, sin, sqrt, tan

FARTHEST_KM = 19_000.0

_A_KM = 6378.137
_F = 1 / 298.257223563
_B_KM = _A_KM * (1 - _F)
_MEAN_KM = 6371.0088
_SPHERE = 0.01
"""More than the sphere is ever off by, as a share."""


def distance_km(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """The shortest way between two points, degrees. Beyond `FARTHEST_KM`: that on the sphere, up to 0.6 % off."""
    rough_km = _on_sphere_km(longitude, latitude, other_longitude, other_latitude)
    if rough_km > FARTHEST_KM:
        return rough_km
    return _vincenty_km(longitude, latitude, other_longitude, other_latitude)


def compare(longitude: float, latitude: float, other_longitude: float, other_latitude: float, limit_km: float) -> float:
    """How much farther than `limit_km` two points are from each other, km; negative: nearer. Exact where it is small,
    and of the right sign always, for limits up to `FARTHEST_KM`."""
    rough_km = _on_sphere_km(longitude, latitude, other_longitude, other_latitude)
    if abs(rough_km - limit_km) > rough_km * _SPHERE + 1 or rough_km > FARTHEST_KM * (1 + _SPHERE):
        return rough_km - limit_km
    return _vincenty_km(longitude, latitude, other_longitude, other_latitude) - limit_km


def leeway_km(beyond_km: float, limit_km: float) -> float:
    """How far one of two points can move at least, that are `beyond_km` farther from each other than `limit_km` by
    `compare`, until they are just as far; negative: too near to tell."""
    return abs(beyond_km) - (abs(beyond_km) + limit_km) * _SPHERE


def moved_km(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    """At least the distance of two points, by little; quickly."""
    return _on_sphere_km(longitude, latitude, other_longitude, other_latitude) * (1 + _SPHERE)


def _on_sphere_km(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    south, north, across = radians(latitude), radians(other_latitude), radians(other_longitude - longitude)
    half = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * sin(across / 2) ** 2
    return 2 * _MEAN_KM * atan2(sqrt(half), sqrt(max(0.0, 1 - half)))


def _vincenty_km(longitude: float, latitude: float, other_longitude: float, other_latitude: float) -> float:
    one, other = atan((1 - _F) * tan(radians(latitude))), atan((1 - _F) * tan(radians(other_latitude)))
    sines, cosines = sin(one) * sin(other), cos(one) * cos(other)
    across = radians((other_longitude - longitude + 180) % 360 - 180)
    turned = across
    for _ in range(50):
        east = cos(other) * sin(turned)
        up = cos(one) * sin(other) - sin(one) * cos(other) * cos(turned)
        sine = sqrt(east**2 + up**2)
        if sine == 0:
            return 0.0
        cosine = sines + cosines * cos(turned)
        angle = atan2(sine, cosine)
        azimuth = cosines * sin(turned) / sine
        flat = 1 - azimuth**2
        middle = cosine - 2 * sines / flat if flat > 1e-15 else 0.0
        c = _F / 16 * flat * (4 + _F * (4 - 3 * flat))
        inner = middle + c * cosine * (2 * middle**2 - 1)
        before, turned = turned, across + (1 - c) * _F * azimuth * (angle + c * sine * inner)
        if abs(turned - before) < 1e-12:
            break
    u = flat * (_A_KM**2 - _B_KM**2) / _B_KM**2
    a = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    b = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))
    rest = cosine * (2 * middle**2 - 1) - b / 6 * middle * (4 * sine**2 - 3) * (4 * middle**2 - 3)
    return _B_KM * a * (angle - b * sine * (middle + b / 4 * rest))
