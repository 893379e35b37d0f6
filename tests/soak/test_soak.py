"""The soak is held to: it finds what grows and lets be what only moves, and a minute of it is run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.bus.losses import Losses
from agent.bus.recording import Recording
from tests.soak.drive import PERIOD_S, record
from tests.soak.flatness import after_warm_up, grown, slope, steadiness
from tests.soak.soak import Plan, soak
from tests.soak.verdict import Bounds, findings

A_MINUTE = Plan(hours=0.8, broker_restarts=6)
BOUNDS = Bounds(rss_mb_an_hour=15, files=1, threads=3, steadiness=2)
"""Of what is mostly warm-up: one descriptor for each connection shows all the same."""
MB = 1e6


def moving(seed: int, count: int) -> list[float]:
    """Memory as it moves by itself: up and down again, and now and then far up."""
    chance = random.Random(seed)
    return [100 * MB + chance.gauss(0, MB / 2) + (20 * MB if chance.random() < 0.1 else 0) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_what_only_moves_is_flat_and_what_leaks_under_it_is_seen(seed: int) -> None:
    at_s = [float(second) for second in range(400)]
    still = moving(seed, len(at_s))
    leak = 0.01 * MB  # A second.
    assert abs(slope(at_s, still)) < leak / 3
    leaking = [value + leak * second for second, value in zip(at_s, still, strict=True)]
    assert slope(at_s, leaking) == pytest.approx(leak, rel=0.3)


def test_a_rise_in_the_beginning_is_warm_up() -> None:
    at_s = [float(second) for second in range(300)]
    rising = [min(second, 90.0) for second in at_s]
    assert slope(*after_warm_up(at_s, rising)) == 0
    assert slope(at_s, rising) >= 0


def test_one_descriptor_more_for_each_connection_is_growth_and_one_that_comes_and_goes_is_none() -> None:
    assert grown([8.0] * 100 + [9.0] * 10 + [8.0] * 100) == 0
    assert grown([8.0 + second // 50 for second in range(400)]) >= 4


def test_a_database_whose_uploads_take_ever_more_is_not_steady() -> None:
    uploads = [float(count) for count in range(100)]
    assert steadiness(uploads, [2000 * count for count in uploads]) == pytest.approx(1, abs=0.05)
    assert steadiness(uploads, [20 * count**2 for count in uploads]) > 2


def test_the_drive_goes_on_for_as_long_as_is_wanted_and_the_car_from_where_it_was(tmp_path: Path) -> None:
    made = record(tmp_path, PERIOD_S + 300)
    losses = Losses()
    played = [frame for batch in Recording([made.log], ("can0",), {}, losses).batches() for frame in batch]
    assert (len(played), losses.unreadable) == (made.frames, 0)
    assert played[-1].at_ms > 1000 * PERIOD_S
    said_km = [int.from_bytes(frame.data[:3], "little") / 10 for frame in played if frame.id == 0x200]
    driven_km = [km for km in said_km if km]
    assert driven_km == sorted(driven_km)
    assert driven_km[-1] - driven_km[0] > 16


@pytest.mark.slow
def test_a_minute_of_it_leaves_descriptors_and_threads_as_they_were(tmp_path: Path, mosquitto_binary: str) -> None:
    found = findings(soak(A_MINUTE, tmp_path, mosquitto_binary), BOUNDS)
    for one in found:
        print(f"{one.what}: {one.value:,.4g} {one.unit}")
    assert not [one for one in found if not one.ok]
