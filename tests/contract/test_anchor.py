"""Which anchors of one boot are believed: a function of their set that both sides share."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from contract.anchor import AGEING_PPM, Anchor, AnchorSource, agreeing

UTC_MS = 1_750_000_000_000
HOUR_MS = 3_600_000
BRIDGE, GNSS, SYSTEM, RECORDING = AnchorSource.BRIDGE, AnchorSource.GNSS, AnchorSource.SYSTEM, AnchorSource.RECORDING


def anchor(at_ms: int, source: AnchorSource, off_ms: int = 0, uncertainty_ms: int = 300) -> Anchor:
    return Anchor(at_ms, UTC_MS + at_ms + off_ms, uncertainty_ms, source)


def test_an_anchor_ages_by_as_much_as_a_quartz_drifts() -> None:
    assert AGEING_PPM == 50
    one = anchor(HOUR_MS, GNSS, uncertainty_ms=20)
    assert (one.aged_ms(HOUR_MS), one.aged_ms(2 * HOUR_MS), one.aged_ms(0)) == (20, 200, 200)


def test_two_anchors_contradict_each_other_when_neither_uncertainty_nor_a_quartz_explains_both() -> None:
    first = anchor(0, GNSS)
    assert not first.contradicts(anchor(0, SYSTEM, 600))
    assert first.contradicts(anchor(0, SYSTEM, 602))
    assert not first.contradicts(anchor(HOUR_MS, SYSTEM, 600 + 360))
    assert first.contradicts(anchor(HOUR_MS, SYSTEM, -600 - 362))


def test_two_sources_that_agree_outweigh_one_however_sure_it_is() -> None:
    lying = anchor(0, SYSTEM, 12 * 365 * 24 * HOUR_MS, uncertainty_ms=1)
    assert agreeing([lying, anchor(5, GNSS), anchor(9, BRIDGE, 200)]) == [anchor(9, BRIDGE, 200), anchor(5, GNSS)]


def test_of_two_that_contradict_each_other_the_more_trusted_stays_then_the_surer_then_the_later() -> None:
    for sure, doubtful in ((BRIDGE, GNSS), (GNSS, SYSTEM), (SYSTEM, RECORDING)):
        believed = anchor(0, sure, uncertainty_ms=1000)
        assert agreeing([anchor(0, doubtful, HOUR_MS, uncertainty_ms=1), believed]) == [believed]
    surer = anchor(0, GNSS, HOUR_MS, uncertainty_ms=299)
    assert agreeing([anchor(0, GNSS), surer]) == [surer]
    later = anchor(9, GNSS, -HOUR_MS)
    assert agreeing([anchor(0, GNSS), later]) == [later]


def test_a_system_clock_that_repeats_itself_is_one_witness_and_satellites_are_one_each_time() -> None:
    wrong = [anchor(number * HOUR_MS, SYSTEM, HOUR_MS, uncertainty_ms=5) for number in range(9)]
    told = anchor(HOUR_MS, BRIDGE, uncertainty_ms=900)
    assert agreeing([*wrong, told]) == [told]
    seen = [anchor(number * HOUR_MS, GNSS) for number in range(9)]
    assert set(agreeing([*seen, anchor(HOUR_MS, BRIDGE, HOUR_MS)])) == set(seen)


def test_one_upload_that_is_an_hour_off_is_outvoted() -> None:
    right = [anchor(number * HOUR_MS, GNSS) for number in range(3)]
    assert set(agreeing([*right, anchor(HOUR_MS + 9, GNSS, HOUR_MS, uncertainty_ms=1)])) == set(right)


anchors = st.builds(
    anchor,
    st.integers(0, 10 * HOUR_MS),
    st.sampled_from(AnchorSource),
    st.sampled_from([0, 0, 40, -500, 1500, HOUR_MS]),
    st.sampled_from([5, 300, 1000]),
)


@given(st.lists(anchors, max_size=8), st.randoms(use_true_random=False))
def test_the_answer_depends_on_the_set_and_no_two_in_it_contradict_each_other(
    seen: list[Anchor], randomly: random.Random
) -> None:
    believed = agreeing(seen)
    again = [*seen, *seen[:3]]
    randomly.shuffle(again)
    assert agreeing(again) == believed
    assert not any(one.contradicts(other) for one in believed for other in believed)
    assert bool(believed) == bool(seen)
