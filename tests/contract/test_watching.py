from __future__ import annotations

from itertools import product

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.evaluation import Value
from contract.watching import (
    MAXIMUM_LIST_BYTES,
    Condition,
    Operator,
    WatchList,
    WatchReport,
    decode_list,
    decode_report,
    encode_list,
    encode_report,
)
from contract.wire import Refusal, WireError, digest
from tests.contract.drive import schema
from tests.contract.strategies import finite

SPEED = Condition(Operator.ABOVE, ("kinetic.speed",), (50,), 2)
LOCKS = Condition(Operator.CHANGED, ("doorsState.locked*",))
LAMPS = Condition(Operator.AMONG, ("alert.FuelLevelLow", "alert.RiskOfIce"), (1,))
LIST = WatchList(1_700_000_000_000, (SPEED, LOCKS, LAMPS))

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
data = st.lists(names, min_size=1, max_size=4).map(tuple)
compared = st.builds(
    Condition,
    st.sampled_from([Operator.ABOVE, Operator.BELOW, Operator.AT_MOST, Operator.AT_LEAST]),
    data,
    st.tuples(finite),
    st.floats(0, 1000),
)
listed = st.builds(
    Condition,
    st.sampled_from([Operator.AMONG, Operator.NOT_AMONG]),
    data,
    st.lists(st.one_of(names, finite, st.integers(0, 1)), min_size=1, max_size=5).map(tuple),
)
changed = st.builds(Condition, st.just(Operator.CHANGED), data)
conditions = st.one_of(compared, listed, changed)


@given(st.integers(1, 2**43 - 1), st.lists(conditions, max_size=8).map(tuple))
def test_a_list_that_was_encoded_is_decoded(number: int, asked: tuple[Condition, ...]) -> None:
    payload = encode_list(WatchList(number, asked))
    assert decode_list(payload) == WatchList(number, asked)
    schema("watch-list").validate_cbor(payload)


@pytest.mark.parametrize(
    "report", [WatchReport(), WatchReport(7, digest(b"list"), ("kinetic.speed", "alert.RiskOfIce"))]
)
def test_a_report_that_was_encoded_is_decoded(report: WatchReport) -> None:
    payload = encode_report(report)
    assert decode_report(payload) == report
    schema("watch-report").validate_cbor(payload)


def test_the_bytes_of_a_list_never_change() -> None:
    assert encode_list(WatchList(1, (SPEED,))).hex() == (
        "a3010102010381" + "a4" + "0101" + "0281" + "6d" + b"kinetic.speed".hex() + "0381" + "1832" + "0402"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: 2}, Refusal.UNKNOWN_VERSION),
        ({2: 0}, Refusal.OUT_OF_RANGE),
        ({4: 1}, Refusal.WRONG_TYPE),
        ({3: [{1: 0, 2: ["a"]}] * 65}, Refusal.OVERSIZED),
        ({3: [{1: 7, 2: ["a"]}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 0, 2: []}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 0, 2: [""]}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 0, 2: ["a" * 65]}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 0, 2: ["a"] * 129}]}, Refusal.OVERSIZED),
        ({3: [{1: 0, 2: ["a"], 3: [1]}]}, Refusal.WRONG_TYPE),
        ({3: [{1: 1, 2: ["a"]}]}, Refusal.WRONG_TYPE),
        ({3: [{1: 1, 2: ["a"], 3: [1, 2]}]}, Refusal.WRONG_TYPE),
        ({3: [{1: 1, 2: ["a"], 3: ["On"]}]}, Refusal.WRONG_TYPE),
        ({3: [{1: 1, 2: ["a"], 3: [float("nan")]}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 1, 2: ["a"], 3: [1], 4: -1}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 1, 2: ["a"], 3: [1], 4: 0}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 5, 2: ["a"], 3: ["On"], 4: 1}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 5, 2: ["a"], 3: []}]}, Refusal.OUT_OF_RANGE),
        ({3: [{1: 5, 2: ["a"], 3: [True]}]}, Refusal.WRONG_TYPE),
        ({3: [{1: 5, 2: ["a"], 3: [[1]]}]}, Refusal.TOO_DEEP),
        ({3: [{1: 0, 2: ["a"], 5: 0}]}, Refusal.WRONG_TYPE),
        ({3: [{1: 0}]}, Refusal.WRONG_TYPE),
    ],
)
def test_a_list_that_breaks_the_format_is_refused(change: dict[int, object], reason: Refusal) -> None:
    payload = cbor2.dumps({1: 1, 2: 1, 3: []} | change)
    with pytest.raises(WireError) as caught:
        decode_list(payload)
    assert caught.value.reason is reason


def test_a_list_is_never_larger_than_its_limit() -> None:
    long = [Condition(Operator.CHANGED, (f"{number:064}",)) for number in range(64)]
    with pytest.raises(WireError) as caught:
        encode_list(WatchList(1, tuple(long)))
    assert caught.value.reason is Refusal.OVERSIZED
    with pytest.raises(WireError, match="oversized"):
        decode_list(bytes(MAXIMUM_LIST_BYTES + 1))


@pytest.mark.parametrize("change", [{2: -1}, {3: b"short"}, {4: []}, {4: ["a"] * 65}, {5: 0}])
def test_a_report_that_breaks_the_format_is_refused(change: dict[int, object]) -> None:
    with pytest.raises(WireError):
        decode_report(cbor2.dumps({1: 1, 2: 1, 3: bytes(8)} | change))


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (SPEED, 50, False),
        (SPEED, 50.01, True),
        (Condition(Operator.AT_LEAST, ("a",), (50,)), 50, True),
        (Condition(Operator.BELOW, ("a",), (50,)), 50, False),
        (Condition(Operator.AT_MOST, ("a",), (50,)), 50, True),
        (SPEED, "fast", False),
        (LAMPS, True, True),
        (LAMPS, False, False),
        (Condition(Operator.AMONG, ("a",), ("On", "Standby")), "On", True),
        (Condition(Operator.NOT_AMONG, ("a",), ("On", "Standby")), "Off", True),
        (LOCKS, "Locked", False),
    ],
)
def test_what_a_condition_holds_of(condition: Condition, value: Value, holds: bool) -> None:
    assert condition.holds(value) is holds


@given(compared, st.floats(-1e6, 1e6))
def test_of_one_value_a_condition_never_both_holds_and_is_cleared(condition: Condition, value: float) -> None:
    assert not (condition.holds(value) and condition.cleared(value))


@given(st.one_of(compared, listed), st.one_of(st.floats(-1e6, 1e6), names))
def test_the_opposite_begins_where_a_condition_ends(condition: Condition, value: Value) -> None:
    opposite = Condition(condition.operator.opposite, condition.data, condition.values)
    plain = Condition(condition.operator, condition.data, condition.values)
    comparable = isinstance(value, str) is isinstance(condition.values[0], str) or "AMONG" in condition.operator.name
    assert not comparable or opposite.holds(value) is not plain.holds(value)


def test_hysteresis_lies_on_the_far_side_of_the_limit() -> None:
    assert [SPEED.cleared(value) for value in (51, 50, 48.5, 48, 47.9)] == [False, False, False, True, True]
    cold = Condition(Operator.BELOW, ("a",), (3,), 1)
    assert [cold.cleared(value) for value in (2, 3, 3.9, 4)] == [False, False, False, True]


def test_every_operator_is_the_opposite_of_its_opposite() -> None:
    for one, other in product(Operator, Operator):
        assert (one.opposite is other) is (other.opposite is one)
