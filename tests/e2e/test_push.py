"""What a monitor waits for is told long before the next cadence: all as processes, as `bench/push.py` measures it."""

from __future__ import annotations

import pytest

from bench.push import chain
from tests.conftest import needed


@pytest.mark.slow
def test_what_a_monitor_waits_for_is_at_the_partners_long_before_the_next_regular_upload() -> None:
    needed("openssl", "openssl")
    with chain(3600, watch=True) as pushed:
        assert max(pushed.notified().received_s for _ in range(3)) < 10
