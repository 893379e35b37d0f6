from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.monitors.expression import LONGEST, Expression, ExpressionError, Truth, parse, verdict

NAMES = ("a", "b1", "c_2", "d.3", "e")
ALL = list(product((False, True), repeat=5))

_texts = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        inner.map(lambda text: f"!{text}"),
        inner.map(lambda text: f"( {text})"),
        st.tuples(inner, st.sampled_from(["&", "|", " & ", " |"]), inner).map("".join),
    ),
    max_leaves=12,
)


def by_python(text: str, world: tuple[bool, ...]) -> bool:
    """The same by Python, whose `not`, `and`, `or` bind alike."""
    spoken = re.sub(r"[a-z][\w.]*", lambda name: f"v[{NAMES.index(name[0])}]", text)
    spoken = spoken.replace("!", " not ").replace("&", " and ").replace("|", " or ").strip()
    return bool(eval(spoken, {"v": world}))


@given(_texts)
def test_an_expression_means_what_it_means_in_logic(text: str) -> None:
    expression = parse(text, NAMES)
    for world in ALL:
        assert expression(world) is by_python(text, world), (text, world)


@given(_texts, st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5))
def test_what_is_decided_without_the_unknown_stays_whatever_it_turns_out_to_be(text: str, some: list[Truth]) -> None:
    expression = parse(text, NAMES)
    decided = expression(some)
    if decided is not None:
        for world in ALL:
            known = [one if said is None else said for one, said in zip(world, some, strict=True)]
            assert expression(known) is decided


def test_the_published_examples_are_read() -> None:
    assert parse("(out1 & (low1 | night1))", ("out1", "night1", "low1"))([True, None, True]) is True
    names = ("z1", "z2", "t1", "f", "a", "o", "t")
    text = " ((z1 & t1) | (z2 & !t1) | (f & z1) | (a & (z1|t))  | (o & (z1 | z2))) "
    assert parse(text, names).used == frozenset(range(7))


def test_what_is_unknown_holds_neither_way() -> None:
    assert parse("a", NAMES)([None] * 5) is None
    assert parse("!a", NAMES)([None] * 5) is None
    assert parse("a & b1", NAMES)([None, False, None, None, None]) is False


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ends where a trigger is expected"),
        ("a &", "ends where a trigger is expected"),
        ("!", "ends where a trigger is expected"),
        ("()", r"`\)` at character 2: expected a trigger"),
        ("a b1", "`b1` at character 3: expected `&`"),
        ("a (b1)", r"`\(` at character 3: expected `&`"),
        ("a ! b1", "`!` at character 3: expected `&`"),
        ("a && b1", "`&` at character 4: expected a trigger"),
        ("(a | b1", r"`\(` at character 1 is never closed"),
        ("a | b1)", r"`\)` at character 7: nothing was opened"),
        ("a | x9", "`x9` at character 5 is no trigger: there are a, b1"),
        ("a | 9", "`9` at character 5 is no part"),
        ("a | b1  ^ c_2 ", r"`\^` at character 9 is no part"),
        ("a and b1", "`and` at character 3: expected"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        parse(text, NAMES)


def test_ten_thousand_parentheses_are_refused_by_their_length() -> None:
    with pytest.raises(ExpressionError, match="at most 1000 characters, this one has 20001"):
        parse("(" * 10_000 + "a" + ")" * 10_000, NAMES)


def test_as_many_parentheses_and_negations_as_there_is_room_for_are_read() -> None:
    depth = (LONGEST - 1) // 2
    assert parse("(" * depth + "a" + ")" * depth, NAMES).steps == (0,)
    assert parse("!" * (LONGEST - 1) + "a", NAMES)([True] * 5) is False


@pytest.mark.parametrize(
    ("text", "always"), [("a | !a", True), ("a & !a", False), ("(a | b1) & !a & !b1", False), ("a & !b1", None)]
)
def test_it_is_decided_over_all_that_can_be(text: str, always: bool | None) -> None:
    assert verdict(parse(text, NAMES), ALL) is always


def test_it_is_decided_over_nothing_else() -> None:
    expression: Expression = parse("a & b1", ("a", "b1"))
    assert verdict(expression, [(False, True), (True, False), (False, False)]) is False
