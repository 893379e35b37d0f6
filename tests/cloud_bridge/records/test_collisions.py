"""One collision for one crash, of all that is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cloud_bridge.records.model import Collision, Impact, Message, Value
from cloud_bridge.unify.events import CRASHED
from tests.cloud_bridge.records.flows import at, fold, stretch

CRASH: dict[str, Value] = {CRASHED: True}


def collisions(*messages: Message) -> list[Collision]:
    return sorted(fold([stretch(messages)]).of(Collision).values(), key=lambda one: one.started_at_ms)


def restated(start_s: int, end_s: int, **values: Value) -> Sequence[Message]:
    """A vehicle that talks each second, and says `values` again each minute."""
    return [
        at(second, kinetic__speed=0.0, **(values if (second - start_s) % 60 == 0 else {}))
        for second in range(start_s, end_s)
    ]


def test_the_crash_event_alone_is_a_collision_of_no_known_side() -> None:
    (collision,) = collisions(at(0, kinetic__speed=50.0), at(3.21, CRASH), at(4, kinetic__speed=0.0))
    assert (collision.started_at_ms, collision.impacts, collision.updated_at_ms) == (3210, (), 3210)
    assert (collision.tipped_over, collision.pedestrian) == (None, None)


def test_what_is_said_within_ten_seconds_of_the_crash_belongs_to_it() -> None:
    (collision,) = collisions(
        at(3, CRASH),
        at(4, collision__side="Front", collision__severity="Minor"),
        at(12, collision__side="Lateral", collision__tippedOver=False),
        at(13, collision__severity="Major", collision__tippedOver=True),
        at(14, collision__side="Front", collision__severity="Major"),
    )
    assert (collision.started_at_ms, collision.updated_at_ms) == (3000, 14_000)
    assert collision.impacts == (Impact("Front", "Major"), Impact("Lateral", "Major"))
    assert (collision.tipped_over, collision.pedestrian) == (True, None)


def test_of_the_severities_of_a_side_the_greatest_stays() -> None:
    (collision,) = collisions(
        at(0, collision__side="Rear", collision__severity="Major"), at(1, collision__severity="Minimal")
    )
    assert collision.impacts == (Impact("Rear", "Major"),)


def test_a_severity_that_comes_before_its_side_is_that_side_s() -> None:
    (collision,) = collisions(at(0, collision__severity="Minor"), at(1, collision__side="Rear"))
    assert collision.impacts == (Impact("Rear", "Minor"),)


def test_a_severity_without_a_side_is_a_collision_that_does_not_say_it() -> None:
    (collision,) = collisions(at(0, collision__severity="Major"))
    assert collision.impacts == ()


def test_what_comes_later_is_another_collision() -> None:
    first, second = collisions(at(0, CRASH), at(10.001, CRASH))
    assert (first.started_at_ms, second.started_at_ms) == (0, 10_001)


def test_a_crash_without_end_is_not_one_collision() -> None:
    found = collisions(*[at(second, CRASH) for second in range(0, 130, 5)])
    assert [one.started_at_ms for one in found] == [0, 65_000]


def test_a_side_that_a_wreck_goes_on_saying_is_one_collision_also_after_it_slept() -> None:
    before = restated(0, 600, collision__side="Front")
    after = restated(90_000, 90_600, collision__side="Front")
    assert len(collisions(*before, *after)) == 1


def test_a_side_said_again_after_the_vehicle_had_talked_of_none_is_another_collision() -> None:
    driven = [at(second, kinetic__speed=50.0) for second in range(1, 182)]
    first, second = collisions(at(0, collision__side="Front"), *driven, at(182, collision__side="Front"))
    assert (first.started_at_ms, second.started_at_ms) == (0, 182_000)


@pytest.mark.parametrize("datum", ["collision.tippedOver", "collision.pedestrian"])
def test_that_nothing_happened_is_no_collision(datum: str) -> None:
    assert collisions(at(0, {datum: False}), at(60, {datum: False})) == []
    (collision,) = collisions(at(0, {datum: False}), at(60, {datum: True}))
    assert collision.started_at_ms == 60_000


def test_a_sensor_that_says_no_is_heard_when_there_is_a_collision() -> None:
    (collision,) = collisions(at(0, CRASH), at(1, collision__pedestrian=False))
    assert collision.pedestrian is False
