from __future__ import annotations

from functools import reduce
from itertools import permutations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.records.messages import merge, messages
from cloud_bridge.records.model import Message, Origin, Position, Value
from cloud_bridge.records.timeline import Timeline
from cloud_bridge.unify.sample import Sample
from contract.upload import Anchor, AnchorSource

EPOCH = Timeline((Anchor(0, 1_000_000, 0, AnchorSource.GNSS),))


def test_samples_of_one_instant_are_one_message() -> None:
    samples = [
        Sample(0, "ignition.type", "Start"),
        Sample(0, "kinetic.speed", 3.5),
        Sample(1000, "kinetic.speed", 4.0),
    ]
    assert messages(samples, EPOCH) == [
        Message(1_000_000, {"ignition.type": "Start", "kinetic.speed": 3.5}),
        Message(1_001_000, {"kinetic.speed": 4.0}),
    ]


def test_a_message_knows_its_moment_on_the_vehicle_s_own_clock_also_where_that_ran_fast() -> None:
    """Two of its milliseconds may be one: the earlier one names it."""
    fast = Timeline((Anchor(0, 0, 0, AnchorSource.GNSS), Anchor(100_000_000, 99_990_000, 0, AnchorSource.GNSS)))
    samples = [Sample(at_ms, "kinetic.speed", float(at_ms)) for at_ms in range(20_000)]
    made = messages(samples, fast, b"kernel")
    assert len(made) == 19_998
    origins = [one.origin for one in made if one.origin is not None]
    assert len({*origins}) == len(made)
    assert origins[0] == Origin(b"kernel", 0)
    missing = {*range(20_000)} - {origin.at_ms for origin in origins}
    assert all(Origin(b"kernel", at_ms - 1) in origins for at_ms in missing)


def fix(**parts: Value) -> list[Sample]:
    return [Sample(0, f"position.{part}", value) for part, value in sorted(parts.items())]


def test_a_fix_becomes_the_position_of_its_message() -> None:
    samples = fix(longitude=2.2137, latitude=48.8411, altitude=62.0, heading=124, satellites=7, fix="3D")
    assert messages([Sample(0, "kinetic.speed", 1.0), *samples], EPOCH) == [
        Message(1_000_000, {"kinetic.speed": 1.0}, Position(1_000_000, 2.2137, 48.8411, 62.0, 124, 7, "3D"))
    ]


def test_a_position_needs_both_coordinates() -> None:
    assert messages(fix(longitude=2.0, altitude=62.0, fix="3D"), EPOCH) == []


def test_a_flat_fix_has_no_altitude() -> None:
    (flat,) = messages(fix(longitude=2.0, latitude=48.0, altitude=62.0, fix="2D"), EPOCH)
    assert flat.position == Position(1_000_000, 2.0, 48.0, fix="2D")


def test_an_estimated_position_says_so_and_has_no_fix() -> None:
    (tunnel,) = messages(fix(longitude=2.0, latitude=48.0, fix="3D", type="Estimated"), EPOCH)
    assert tunnel.position == Position(1_000_000, 2.0, 48.0, estimated=True)
    (sky,) = messages(fix(longitude=2.0, latitude=48.0, fix="3D", type="Acquire"), EPOCH)
    assert sky.position == Position(1_000_000, 2.0, 48.0, fix="3D")


def test_an_altitude_stays_where_the_kind_of_fix_is_not_said() -> None:
    (unsaid,) = messages(fix(longitude=2.0, latitude=48.0, altitude=62.0), EPOCH)
    assert unsaid.position == Position(1_000_000, 2.0, 48.0, 62.0)


_values: st.SearchStrategy[Value] = st.sampled_from([True, False, 0, 1, 1.0, 0.0, 2.5, "Start", "Stop"])
_parts = st.lists(
    st.dictionaries(
        st.integers(0, 2),
        st.tuples(
            st.dictionaries(st.sampled_from("abc"), _values),
            st.none() | st.builds(Position, st.just(0), st.integers(0, 1).map(float), st.just(0.0)),
            st.none() | st.builds(Origin, st.sampled_from([b"one", b"two"]), st.integers(0, 2)),
        ),
        max_size=3,
    ).map(
        lambda at: [
            Message(at_ms, dict(sorted(values.items())), position, origin)
            for at_ms, (values, position, origin) in sorted(at.items())
        ]
    ),
    max_size=4,
)


@given(_parts)
def test_merging_gives_the_same_bytes_in_any_order_and_grouping(parts: list[list[Message]]) -> None:
    empty: list[Message] = []
    expected = msgspec.json.encode(merge(*parts))
    for order in permutations(parts):
        assert msgspec.json.encode(merge(*order)) == expected
        assert msgspec.json.encode(reduce(lambda merged, part: merge(merged, part), order, empty)) == expected
    assert msgspec.json.encode(merge(*parts, *parts)) == expected


def test_merging_keeps_what_only_one_says() -> None:
    one = [Message(0, {"a": 1}), Message(5, {"a": 2})]
    other = [Message(0, {"b": True}, Position(0, 1.0, 2.0)), Message(3, {"a": 3})]
    assert merge(one, other) == [
        Message(0, {"a": 1, "b": True}, Position(0, 1.0, 2.0)),
        Message(3, {"a": 3}),
        Message(5, {"a": 2}),
    ]
