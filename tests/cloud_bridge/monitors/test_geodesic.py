from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.monitors.geodesic import FARTHEST_KM, compare, distance_km

_longitudes = st.floats(-180, 180)
_latitudes = st.floats(-90, 90)


@pytest.mark.parametrize(
    ("points", "km"),
    [
        ((144.42486788888888, -37.95103341666667, 143.92649552777777, -37.65282113888889), 54.972271),
        ((-73.8, 40.6, -0.5, 51.6), 5551.7594),
        ((0, 0, 90, 0), 6378.137 * math.pi / 2),
        ((10, 0, 10, 90), 10001.965729),
        ((179.5, 0, -179.5, 0), 6378.137 * math.radians(1)),
        ((2.3, 48.8, 2.3, 48.8), 0),
    ],
    ids=["Flinders Peak to Buninyong", "JFK to LHR", "a quarter of the equator", "a quarter meridian", "180°", "none"],
)
def test_it_is_the_way_on_the_ellipsoid(points: tuple[float, float, float, float], km: float) -> None:
    assert distance_km(*points) == pytest.approx(km, abs=1e-4)


@given(_longitudes, _latitudes, _longitudes, _latitudes)
def test_it_is_the_same_way_back(longitude: float, latitude: float, other: float, north: float) -> None:
    there, back = distance_km(longitude, latitude, other, north), distance_km(other, north, longitude, latitude)
    assert there == pytest.approx(back, abs=1e-6)


@given(_longitudes, _latitudes, _longitudes, _latitudes, st.floats(1, FARTHEST_KM - 1000))
def test_comparing_decides_as_the_distance_does(
    longitude: float, latitude: float, other: float, north: float, limit_km: float
) -> None:
    distance = distance_km(longitude, latitude, other, north)
    beyond = compare(longitude, latitude, other, north, limit_km)
    assert (beyond > 0) is (distance > limit_km)
    assert (abs(beyond) < 0.5) is (abs(distance - limit_km) < 0.5)
