from __future__ import annotations

from agent.clocks.anchors import recording_anchor, satellite_anchor
from contract.upload import Anchor, AnchorSource

NOW_UTC_MS = 1_700_000_000_000


def test_a_recording_without_a_date_anchors_nothing() -> None:
    assert recording_anchor(NOW_UTC_MS) == Anchor(0, NOW_UTC_MS, 1000, AnchorSource.RECORDING)
    assert recording_anchor(None) is None


def test_a_receiver_that_counts_weeks_from_the_wrong_end_is_not_believed() -> None:
    weeks_ms = 1024 * 7 * 86_400_000
    assert satellite_anchor(0, NOW_UTC_MS - weeks_ms) is None
