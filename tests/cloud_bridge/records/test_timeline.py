from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.timeline import best, timeline
from contract.upload import Anchor, AnchorSource

anchors = st.builds(
    Anchor, st.integers(0, 3), st.integers(1000, 1003), st.sampled_from([50, 1000]), st.sampled_from(AnchorSource)
)


def test_a_time_is_as_far_from_the_anchor_on_both_clocks() -> None:
    line = timeline([Anchor(60_000, 1_627_274_500_124, 20, AnchorSource.GNSS)])
    assert line is not None
    assert line.utc_ms(60_000) == 1_627_274_500_124
    assert line.utc_ms(1) == 1_627_274_440_125


def test_the_least_uncertain_anchor_dates_the_boot() -> None:
    rough, fine = Anchor(0, 5000, 1000, AnchorSource.SYSTEM), Anchor(9, 7000, 50, AnchorSource.GNSS)
    line = timeline([rough, None, fine, rough])
    assert line is not None
    assert line.anchor == fine


def test_an_anchor_by_which_the_boot_began_before_1970_dates_nothing() -> None:
    lying, rough = Anchor(5001, 5000, 1, AnchorSource.GNSS), Anchor(0, 5000, 1000, AnchorSource.SYSTEM)
    assert timeline([lying]) is None
    assert best([lying, rough]) == rough


def test_without_an_anchor_nothing_is_dated() -> None:
    assert timeline([None, None]) is None


@given(st.lists(anchors, max_size=4))
def test_the_choice_depends_on_neither_order_nor_repetition(seen: list[Anchor]) -> None:
    assert {best([*order, *seen]) for order in permutations(seen)} == {best(seen)}
