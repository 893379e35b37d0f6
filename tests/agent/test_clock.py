from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.clock import recording_anchor, satellite_anchor, surest
from contract.upload import Anchor, AnchorSource

NOW_UTC_MS = 1_700_000_000_000

anchors = st.builds(
    Anchor,
    st.integers(0, 10**9),
    st.just(NOW_UTC_MS),
    st.sampled_from([50, 100, 300, 1000]),
    st.sampled_from(AnchorSource),
)


@given(st.lists(st.none() | anchors))
def test_the_first_of_the_surest_anchors_stays(found: list[Anchor | None]) -> None:
    kept: Anchor | None = None
    for anchor in found:
        kept = surest(kept, anchor)
    present = [anchor for anchor in found if anchor is not None]
    least = min((anchor.uncertainty_ms for anchor in present), default=0)
    assert kept == next((anchor for anchor in present if anchor.uncertainty_ms == least), None)


def test_satellites_are_surer_than_a_recording_and_a_recording_without_a_date_anchors_nothing() -> None:
    recorded = recording_anchor(NOW_UTC_MS)
    assert recorded == Anchor(0, NOW_UTC_MS, 1000, AnchorSource.RECORDING)
    assert surest(recorded, satellite_anchor(5000, NOW_UTC_MS)) == Anchor(5000, NOW_UTC_MS, 300, AnchorSource.GNSS)
    assert recording_anchor(None) is None


def test_a_receiver_that_counts_weeks_from_the_wrong_end_is_not_believed() -> None:
    weeks_ms = 1024 * 7 * 86_400_000
    assert satellite_anchor(0, NOW_UTC_MS - weeks_ms) is None
