"""The dates of a boot: a function of the set of its anchors, that never descends and follows the quartz."""

from __future__ import annotations

from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.messages import messages
from cloud_bridge.records.timeline import PARTS, Timeline, believed, changed, thinned, timeline
from cloud_bridge.unify.sample import Sample
from contract.anchor import Anchor, AnchorSource

UTC_MS = 1_700_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SOURCES = len(AnchorSource)


def anchor(at_ms: int, off_ms: int = 0, uncertainty_ms: int = 50, source: AnchorSource = AnchorSource.GNSS) -> Anchor:
    return Anchor(at_ms, UTC_MS + at_ms + off_ms, uncertainty_ms, source)


def line(*anchors: Anchor) -> Timeline:
    made = timeline(anchors)
    assert made is not None
    return made


anchors = st.builds(
    anchor,
    st.integers(0, 30 * HOUR_MS),
    st.sampled_from([0, 30, -40, 700, HOUR_MS]),
    st.sampled_from([5, 50, 1000]),
    st.sampled_from(AnchorSource),
)


def test_by_one_anchor_a_time_is_as_far_from_it_on_both_clocks() -> None:
    dated = line(Anchor(60_000, 1_627_274_500_124, 20, AnchorSource.GNSS))
    assert dated.utc_ms(60_000) == 1_627_274_500_124
    assert dated.utc_ms(1) == 1_627_274_440_125


def test_an_anchor_that_says_no_more_than_a_surer_one_does_of_its_moment_dates_nothing() -> None:
    fine = anchor(9, uncertainty_ms=50)
    assert line(anchor(0, 900, 1000, AnchorSource.SYSTEM), fine).knots == (fine,)


def test_an_anchor_by_which_the_boot_began_before_1970_dates_nothing() -> None:
    lying, rough = Anchor(5001, 5000, 1, AnchorSource.GNSS), Anchor(0, 5000, 1000, AnchorSource.SYSTEM)
    assert timeline([lying]) is None
    assert line(lying, rough).knots == (rough,)


def test_without_an_anchor_nothing_is_dated() -> None:
    assert timeline([]) is None


def test_a_quartz_that_is_off_by_50_ppm_for_a_day_is_dated_within_three_tenths_of_a_second() -> None:
    def true_ms(at_ms: int) -> int:
        return UTC_MS + at_ms + at_ms * 50 // 1_000_000

    seen = [Anchor(at_ms, true_ms(at_ms), 20, AnchorSource.SYSTEM) for at_ms in range(0, DAY_MS + 1, HOUR_MS)]
    at_once = line(*thinned(seen))
    ends = line(seen[0], seen[-1])
    for at_ms in range(0, DAY_MS, 7 * MINUTE_MS):
        assert abs(at_once.utc_ms(at_ms) - true_ms(at_ms)) <= 1
        assert abs(ends.utc_ms(at_ms) - true_ms(at_ms)) <= 1
        # As it was dated when it came, an hour after the newest anchor at most.
        then = line(*[one for one in seen if one.at_ms <= at_ms])
        assert abs(then.utc_ms(at_ms) - true_ms(at_ms)) < 300
    # The best anchor alone is what it was before: seconds off at the end of the day.
    assert true_ms(DAY_MS) - line(seen[0]).utc_ms(DAY_MS) > 4000


def test_one_anchor_that_is_an_hour_off_dates_nothing() -> None:
    right = [anchor(hour * HOUR_MS) for hour in range(3)]
    dated = line(*right, anchor(HOUR_MS, HOUR_MS, 1, AnchorSource.SYSTEM))
    assert [dated.utc_ms(at_ms) - at_ms for at_ms in (0, HOUR_MS, 3 * HOUR_MS)] == [UTC_MS] * 3


def test_two_uncertain_anchors_that_are_close_do_not_bend_the_clock() -> None:
    assert len(line(anchor(0, 250, 300), anchor(10 * MINUTE_MS, -250, 290)).knots) == 1
    assert len(line(anchor(0, 250, 300), anchor(HOUR_MS, -250, 290)).knots) == 2


@given(st.lists(anchors, max_size=4))
def test_the_timeline_depends_on_neither_order_nor_repetition(seen: list[Anchor]) -> None:
    assert {timeline([*order, *seen]) for order in permutations(seen)} == {timeline(seen)}


@given(st.lists(anchors, max_size=12), st.lists(st.integers(0, 40 * HOUR_MS), min_size=2))
def test_dates_never_descend_and_are_within_what_the_believed_anchors_allow(
    seen: list[Anchor], moments: list[int]
) -> None:
    dated = timeline(seen)
    if dated is None:
        return
    dates = [dated.utc_ms(at_ms) for at_ms in sorted([*moments, *(one.at_ms for one in seen)])]
    assert all(earlier <= later for earlier, later in pairwise(dates))
    for knot in dated.knots:
        assert knot in believed(seen)
        assert dated.utc_ms(knot.at_ms) == knot.utc_ms


@given(st.lists(anchors, min_size=1, max_size=8), st.lists(anchors, max_size=3), st.integers(0, 40 * HOUR_MS))
def test_what_a_new_anchor_leaves_unchanged_is_dated_the_same(
    seen: list[Anchor], more: list[Anchor], at_ms: int
) -> None:
    before, after = line(*seen), line(*seen, *more)
    if not any(start <= at_ms and (end is None or at_ms < end) for start, end in changed(before, after)):
        assert before.utc_ms(at_ms) == after.utc_ms(at_ms)
    assert list(changed(before, before)) == []


def test_a_new_anchor_changes_dates_after_the_one_before_only() -> None:
    seen = [anchor(hour * HOUR_MS, hour * 100, 20) for hour in range(24)]
    assert list(changed(line(*seen[:-1]), line(*seen))) == [(22 * HOUR_MS, None)]
    late = [*seen[:10], *seen[11:]]
    bent = anchor(10 * HOUR_MS, 1050, 20)
    assert list(changed(line(*late), line(*late, bent))) == [(9 * HOUR_MS, 11 * HOUR_MS)]


wide = st.builds(
    anchor, st.integers(0, 400 * DAY_MS), st.integers(-3000, 3000), st.integers(1, 900), st.sampled_from(AnchorSource)
)


@given(st.lists(wide | anchors, max_size=60), st.lists(wide | anchors, max_size=60))
def test_what_is_remembered_of_a_boot_is_bounded_and_depends_on_the_set(one: list[Anchor], other: list[Anchor]) -> None:
    together = thinned([*one, *other])
    assert thinned([*thinned(one), *other]) == thinned([*other, *thinned(one)]) == together
    assert thinned([*thinned(one), *thinned(other)]) == together
    assert len(together) <= PARTS * SOURCES


def test_a_year_of_anchors_is_a_few_hundred() -> None:
    assert len(thinned(anchor(hour * HOUR_MS, source=source) for hour in range(9000) for source in AnchorSource)) <= 256


def test_two_instants_that_fall_on_one_millisecond_are_one_message_of_which_the_later_outweighs() -> None:
    slow = Timeline((anchor(0), Anchor(1_000_000, UTC_MS + 999_900, 5, AnchorSource.GNSS)))
    at_ms = next(at_ms for at_ms in range(100_000) if slow.utc_ms(at_ms) == slow.utc_ms(at_ms + 1))
    samples = [
        Sample(at_ms, "kinetic.speed", 1.0),
        Sample(at_ms, "odometer.mileage", 7.0),
        Sample(at_ms + 1, "kinetic.speed", 2.0),
    ]
    (message,) = messages(samples, slow)
    assert message.values == {"kinetic.speed": 2.0, "odometer.mileage": 7.0}
