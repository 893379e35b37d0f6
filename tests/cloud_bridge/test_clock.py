from __future__ import annotations

import pytest

from cloud_bridge.clock import told_ms
from contract.receipt import UTC_ERROR_MS


@pytest.mark.parametrize(
    ("error_ms", "trusted", "told"),
    [
        (None, False, None),
        (None, True, 77),
        (UTC_ERROR_MS, False, 77),
        (UTC_ERROR_MS + 1, False, None),
        (UTC_ERROR_MS + 1, True, 77),
    ],
)
def test_vehicles_are_told_the_time_only_by_a_clock_that_is_right(
    error_ms: int | None, trusted: bool, told: int | None
) -> None:
    assert told_ms(trusted, lambda: error_ms, lambda: 77) == told
