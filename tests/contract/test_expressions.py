"""Conditions and computed data say what they say, stay absent when in doubt, and are never evaluated as code."""

from __future__ import annotations

import ast
import contextlib
import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.evaluation import Value, holds
from contract.expressions import DEEPEST, LONGEST, ExpressionError, compile_condition, compile_expression
from contract.windows import Look

VALUES: dict[str, Value] = {
    "Key.State": "On",
    "Car.Speed": 36.5,
    "Car.Rpm": 800,
    "Car.Zero": 0,
    "Door.Left": "Open",
    "Lamp.Test": False,
}


def value(text: str) -> Value | None:
    return compile_expression(text)(VALUES.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Key.State == 'On'", True),
        ("Key.State != 'On'", False),
        ('Key.State in ("Off", "On")', True),
        ("Key.State not in ('Off', 'On')", False),
        ("Car.Speed > 36 and Car.Rpm >= 800", True),
        ("0 < Car.Rpm < 800", False),
        ("0 < Car.Rpm <= 800 != 1", True),
        ("not Lamp.Test", True),
        ("Lamp.Test == false", True),
        ("Lamp.Test == True", False),
        ("Car.Speed * 2 + 1", 74.0),
        ("(Car.Speed + Car.Rpm) / 2", 418.25),
        ("-Car.Speed", -36.5),
        ("2 + 3 * 4 - 6 / 4", 12.5),
        ("Door.Left if Key.State == 'On' else 'Closed'", "Open"),
        ("'Running' if Car.Zero > 0 else 'NotRunning'", "NotRunning"),
        ("Car.Rpm", 800),
        ("Car.Rpm or Car.Zero", True),
        ("  Car.Rpm > 0  ", True),
    ],
)
def test_an_expression_has_its_value(text: str, expected: Value) -> None:
    result = value(text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "No.Such",
        "No.Such > 0",
        "No.Such + 1",
        "not No.Such",
        "-No.Such",
        "No.Such == 'On'",
        "No.Such in ('On', 'Off')",
        "No.Such if Key.State == 'On' else 1",
        "1 if No.Such > 0 else 1",
        "No.Such == 'On' and Key.State == 'On'",
        "No.Such == 'On' or Key.State == 'Off'",
        "Car.Rpm / Car.Zero",
        "1e308 * 10",
        "Key.State > 0",
        "Key.State == 1",
        "Car.Rpm == 'On'",
        "Car.Rpm in ('On', 'Off')",
        "Key.State + 1",
        "-Key.State",
        "not Key.State",
        "Key.State and Car.Rpm",
    ],
)
def test_what_is_not_known_is_absent_and_not_guessed(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Key.State == 'Off' and No.Such == 1", False),
        ("No.Such == 1 and Key.State == 'Off'", False),
        ("Key.State == 'On' or No.Such == 1", True),
        ("No.Such == 1 or Key.State == 'On'", True),
        ("1 if Key.State == 'On' else No.Such", 1),
    ],
)
def test_one_side_alone_may_decide_and_or_and_a_choice(text: str, expected: Value) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(("value", "expected"), [(True, True), (2.5, True), (0, False), (None, False), ("On", False)])
def test_a_condition_holds_by_what_it_says_and_never_by_a_text(value: Value | None, expected: bool) -> None:
    assert holds(value) is expected


def test_the_signals_and_the_constants_they_are_compared_with_are_listed() -> None:
    expression = compile_expression("'Open' if B.X == 'On' and 3 > A.Y else C.Z if B.X in ('Off', 'Dim') else 'Closed'")
    assert expression.names == ("B.X", "A.Y", "C.Z")
    assert expression.constants == (("B.X", "On"), ("A.Y", 3), ("B.X", "Off"), ("B.X", "Dim"))


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("'Running' if A.B > 0 else 'NotRunning'", ("Running", "NotRunning")),
        ("'a' if A.B > 0 else 'b' if A.B < 0 else 'c'", ("a", "b", "c")),
        ("A.B > 0", (False, True)),
        ("not A.B", (False, True)),
        ("A.B if A.C > 0 else 'x'", None),
        ("A.B + 1", None),
    ],
)
def test_the_possible_results_are_known_when_they_are_constants(text: str, results: tuple[Value, ...] | None) -> None:
    assert compile_expression(text).results == results


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "Car.__class__.__mro__",
        "Car.Speed.real",
        "(1).real",
        "open('x')",
        "lambda: 1",
        "[x for x in (1, 2)]",
        "{1: 2}",
        "[1, 2]",
        "f'{Car.Speed}'",
        "Car.Speed[0]",
        "Car.Speed ** 9",
        "Car.Speed // 2",
        "Car.Speed % 2",
        "1 << 9",
        "~Car.Rpm",
        "+Car.Rpm",
        "Car",
        "None",
        "b'x'",
        "1j",
        "...",
        "Car.Speed is 1",
        "Car.Speed in Car.Rpm",
        "Car.Speed in ()",
        "1 in (Car.Speed, 2)",
        "(x := 1)",
        "*Car.Speed",
        "await Car.Speed",
        "x = 1",
        "1; 2",
        "1\n2",
        "",
        "Car.Speed >",
        "'open",
        "\x00",
    ],
)
def test_anything_else_is_refused_and_told_what_is_allowed(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"allowed|not an expression"):
        compile_expression(text)


def test_an_error_names_the_place() -> None:
    with pytest.raises(ExpressionError, match=r"'open\(1\)' at character 14 is not allowed"):
        compile_expression("Car.Speed == open(1)")


def test_length_and_depth_are_bounded() -> None:
    with pytest.raises(ExpressionError, match=f"at most {LONGEST} characters, found {LONGEST + 1}"):
        compile_expression("1" * (LONGEST + 1))
    with pytest.raises(ExpressionError, match=f"at most {DEEPEST} levels"):
        compile_expression("not " * (DEEPEST + 1) + "true")
    with pytest.raises(ExpressionError):
        compile_expression("(" * 400 + "1" + ")" * 400 + "+ Car")
    assert compile_expression("not " * DEEPEST + "true")(VALUES.get) is True


def test_expressions_of_the_same_text_are_equal() -> None:
    assert compile_expression("A.B > 1") == compile_expression("A.B > 1")
    assert compile_expression("A.B > 1") != compile_expression("A.B > 2")


ARITHMETIC: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
numbers = st.integers(-1000, 1000).map(str) | st.sampled_from(["Car.Speed", "Car.Rpm", "Car.Zero"])
operators = st.sampled_from(sorted(ARITHMETIC))
sums = st.recursive(
    numbers, lambda inner: st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})"), max_leaves=12
)


def plainly(node: ast.expr) -> float:
    """The value of a sum, computed another way."""
    match node:
        case ast.Constant(value=int() as constant):
            return constant
        case ast.UnaryOp(operand=operand):
            return -plainly(operand)
        case ast.Attribute(value=ast.Name(id=message), attr=signal):
            signal_value = VALUES[f"{message}.{signal}"]
            assert isinstance(signal_value, int | float)
            return signal_value
        case ast.BinOp(left=left, op=op, right=right):
            symbol = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}[type(op)]
            return ARITHMETIC[symbol](plainly(left), plainly(right))
    raise AssertionError(ast.dump(node))


@given(sums)
def test_arithmetic_is_arithmetic(text: str) -> None:
    assert value(text) == plainly(ast.parse(text, mode="eval").body)


@given(st.text(alphabet="AB.'\"()<>=+-*/ inotadrelsf0189,[]", max_size=60))
def test_no_text_makes_anything_but_a_value_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile_expression(text)(VALUES.get)


def test_a_condition_of_an_event_reads_the_past_of_signals_by_the_keys_of_its_windows() -> None:
    condition = compile_condition("rate(Car.Speed, 1.5) < -20 and maximum(Car.Speed, 10) > 50 or changed(Car.Gear)")
    rate, greatest, changed = condition.windows
    assert [(window.look, window.signal, window.length_ms) for window in condition.windows] == [
        (Look.RATE, "Car.Speed", 1500), (Look.MAXIMUM, "Car.Speed", 10_000), (Look.CHANGED, "Car.Gear", 0)
    ]  # fmt: skip
    assert condition.names == ("Car.Speed", "Car.Gear")
    past = {rate.key: -25.0, greatest.key: 80, changed.key: False}
    assert condition(past.get) is True
    assert condition({**past, greatest.key: 40}.get) is False
    assert condition({rate.key: -25.0, changed.key: False}.get) is None


@pytest.mark.parametrize(
    "text",
    ["rate(Car.Speed)", "rate(Car.Speed, 0)", "minimum(Car.Speed, 61)", "changed(Car.Gear, 1)", "mean(Car.Speed, 1)",
     "rate(1, 1)", "rate(Car.Speed, Car.Gear)", "rate(Car.Speed, seconds=1)", "Car.Speed(1)"],
)  # fmt: skip
def test_what_looks_back_in_another_way_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="not allowed"):
        compile_condition(text)


def test_an_expression_that_is_no_condition_of_an_event_does_not_look_back() -> None:
    with pytest.raises(ExpressionError, match="only conditions of events look back"):
        compile_expression("changed(Car.Gear)")
