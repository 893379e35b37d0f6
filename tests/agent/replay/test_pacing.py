"""A recording is played at the speed that was asked for, whole and in order."""

from __future__ import annotations

import pytest

from agent.bus.frame import Frame
from agent.replay.pacing import SLICE_S, paced


class Wall:
    """A clock that waiting moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return False


STARTS_MS = (0, 3000, 60_000)
BATCHES = [[Frame(at_ms, "can0", 1, False, b"") for at_ms in range(first, first + 3000, 10)] for first in STARTS_MS]
ALL = [frame for batch in BATCHES for frame in batch]


@pytest.mark.parametrize("speed", [0.5, 1, 20])
def test_no_frame_comes_before_its_time_nor_much_later(speed: float) -> None:
    wall = Wall()
    played: list[Frame] = []
    for part in paced(iter(BATCHES), speed, wall, wall.wait):
        for frame in part:
            early_s = frame.at_ms / 1000 / speed - (wall.now_s - 100)
            assert abs(early_s) <= SLICE_S + 1e-6
        played += part
    assert played == ALL


def test_at_full_speed_nothing_waits() -> None:
    wall = Wall()
    assert [frame for part in paced(iter(BATCHES), None, wall, wall.wait) for frame in part] == ALL
    assert wall.now_s == 100


def test_playing_ends_when_waiting_was_interrupted() -> None:
    wall = Wall()

    def interrupted(seconds: float) -> bool:
        return wall.wait(seconds) or wall.now_s > 102

    played = [frame for part in paced(iter(BATCHES), 1, wall, interrupted) for frame in part]
    assert played == ALL[: len(played)]
    assert 1900 < played[-1].at_ms < 2200
