from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.estimate import DAYS_A_MONTH, HOURS_A_DAY, estimate
from tests.agent import model


def test_the_estimate_grows_with_what_is_sampled(tmp_path: Path) -> None:
    slow = estimate(model.plan(tmp_path, model.PROFILE.replace('every = "1s"', 'every = "10s"')))
    fast = estimate(model.plan(tmp_path))
    # Four signals of 16, 16, 8 and 32 bits, 54 samples a minute more each.
    assert fast.typical_bytes - slow.typical_bytes == pytest.approx(4 * 54 * 0.6)
    assert fast.worst_bytes - slow.worst_bytes == pytest.approx(54 * (16 + 16 + 8 + 32 + 4 * 2) / 8)
    assert fast.uploads_an_hour == 60
    assert fast.month(1000) == 1000 * 60 * HOURS_A_DAY * DAYS_A_MONTH
