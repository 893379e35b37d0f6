from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.model import Position
from cloud_bridge.records.positions import distance_km, simplify


def path(*points: tuple[float, float]) -> list[Position]:
    """Points as (longitude, latitude), a second apart."""
    return [Position(index * 1000, longitude, latitude) for index, (longitude, latitude) in enumerate(points)]


@pytest.mark.parametrize(
    ("one", "other", "expected_km"),
    [
        ((2.3522, 48.8566), (-0.1276, 51.5072), 343.6),  # Paris to London
        ((0.0, 0.0), (0.0, 90.0), 10_007.6),  # equator to pole
        ((179.9, 0.0), (-179.9, 0.0), 22.24),  # across the 180th meridian
        ((10.0, 56.0), (10.0, 56.0), 0.0),
    ],
)
def test_distances_are_great_circle(one: tuple[float, float], other: tuple[float, float], expected_km: float) -> None:
    start, end = path(one, other)
    assert distance_km(start, end) == pytest.approx(expected_km, rel=1e-3)
    assert distance_km(end, start) == distance_km(start, end)


def off_km(point: Position, start: Position, end: Position) -> float:
    """Distance from a segment by trying many points of it: slow, and not the method under test."""
    steps = 400
    return min(
        distance_km(
            point,
            Position(
                0,
                start.longitude + (end.longitude - start.longitude) * step / steps,
                start.latitude + (end.latitude - start.latitude) * step / steps,
            ),
        )
        for step in range(steps + 1)
    )


_walks = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=2, max_size=25).map(
    lambda steps: path(
        *[
            (10 + sum(step[0] for step in steps[:end]) / 2e4, 56 + sum(step[1] for step in steps[:end]) / 2e4)
            for end in range(1, len(steps) + 1)
        ]
    )
)


@given(_walks, st.sampled_from([0.05, 0.2, 1.0]))
def test_no_point_left_out_is_further_than_the_tolerance_from_the_path_that_stays(
    walk: list[Position], tolerance_km: float
) -> None:
    kept = simplify(walk, tolerance_km)
    assert kept[0] == walk[0]
    assert kept[-1] == walk[-1]
    corners = [walk.index(position) for position in kept]
    assert corners == sorted(corners)
    for first, last in pairwise(corners):
        for between in walk[first + 1 : last]:
            assert off_km(between, walk[first], walk[last]) <= tolerance_km * 1.01 + 0.001


def test_a_straight_line_is_its_ends_and_a_corner_stays() -> None:
    straight = path(*[(2 + step / 1000, 48.0) for step in range(50)])
    assert simplify(straight, 0.001) == [straight[0], straight[-1]]
    corner = straight + path(*[(2.049, 48 + step / 1000) for step in range(1, 50)])
    assert simplify(corner, 0.01) == [corner[0], corner[49], corner[-1]]


def test_a_loop_is_more_than_its_ends() -> None:
    """Start and end are one point: the distance is from that point, not from a line."""
    loop = path((2.0, 48.0), (2.01, 48.0), (2.01, 48.01), (2.0, 48.0))
    assert simplify(loop, 0.1) == loop


def test_a_path_across_the_180th_meridian_is_not_a_path_around_the_world() -> None:
    crossing = path((179.99, 0.0), (-179.995, 0.0), (-179.98, 0.0))
    assert simplify(crossing, 0.01) == [crossing[0], crossing[-1]]


@pytest.mark.parametrize("tolerance_km", [0.0, -1.0])
def test_without_a_tolerance_every_point_stays(tolerance_km: float) -> None:
    straight = path(*[(2 + step / 1000, 48.0) for step in range(9)])
    assert simplify(straight, tolerance_km) == straight


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_shortest_paths_stay_as_they_are(count: int) -> None:
    short = path((2.0, 48.0), (2.1, 48.1))[:count]
    assert simplify(short, 10.0) == short


def test_a_day_of_driving_is_simplified_without_recursion_and_in_seconds() -> None:
    wave = path(*[(2 + step * 1e-4, 48 + math.sin(step / 50) / 100) for step in range(20_000)])
    started = time.perf_counter()
    kept = simplify(wave, 0.02)
    assert time.perf_counter() - started < 10
    assert 500 < len(kept) < 5_000
