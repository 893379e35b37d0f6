"""The condition of a monitor: triggers by their names, with `!`, `&`, `|` and parentheses.

    ((z1 & t1) | (z2 & !t1))

The published grammar leaves open what binds closer; here it is as everywhere: `!` before `&` before `|`. Blanks between
words mean nothing.

A trigger is true, false or, while too little is known for either, unknown (None). **What is not known decides
nothing**: `&` with something false is false, `|` with something true is true, all else with something unknown is
unknown. A condition that is unknown does not hold.

A text is read once, without recursion, into the order in which a stack evaluates it: the depth of parentheses costs
nothing but their length, and that is limited.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

LONGEST = 1000
"""Characters of an expression: many times what five names can say."""

Truth = bool | None

_WORD = re.compile(r"\s*(?:(?P<name>[A-Za-z]+[._]?[0-9]*)|(?P<sign>[&|!()]))")
_BINDS = {"!": 3, "&": 2, "|": 1}


class ExpressionError(ValueError):
    """A text that is no expression; says where and what is expected."""


class Expression(msgspec.Struct, frozen=True):
    text: str
    steps: tuple[int | str, ...]
    """What a stack machine does: push the trigger of this number, or apply `!`, `&`, `|`."""

    def __call__(self, triggers: Sequence[Truth]) -> Truth:
        """What the condition is when the triggers, in their order, are these."""
        stack: list[Truth] = []
        for step in self.steps:
            if isinstance(step, int):
                stack.append(triggers[step])
            elif step == "!":
                top = stack.pop()
                stack.append(None if top is None else not top)
            else:
                other, one = stack.pop(), stack.pop()
                decides = step == "|"
                if one is decides or other is decides:
                    stack.append(decides)
                else:
                    stack.append(None if one is None or other is None else not decides)
        return stack[0]

    @property
    def used(self) -> frozenset[int]:
        """The triggers it is made of."""
        return frozenset(step for step in self.steps if isinstance(step, int))


def parse(text: str, names: Sequence[str]) -> Expression:
    """The expression over the triggers that are called `names`. ExpressionError if it is none."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, this one has {len(text)}")
    steps: list[int | str] = []
    waiting: list[tuple[str, int]] = []
    """Signs that still lack what comes behind, each with its place."""
    wants_name = True
    for word, place in _words(text):
        if wants_name != (word not in ("&", "|", ")")):
            expected = "a trigger, `!` or `(`" if wants_name else "`&`, `|` or `)`"
            raise ExpressionError(f"`{word}` at character {place}: expected {expected}")
        if word in ("!", "("):
            waiting.append((word, place))
        elif word in ("&", "|"):
            _apply(waiting, steps, _BINDS[word])
            waiting.append((word, place))
            wants_name = True
        elif word == ")":
            _apply(waiting, steps, 0)
            if not waiting:
                raise ExpressionError(f"`)` at character {place}: nothing was opened")
            waiting.pop()
        else:
            steps.append(_number(word, place, names))
            wants_name = False
    if wants_name:
        raise ExpressionError("the expression ends where a trigger is expected")
    _apply(waiting, steps, 0)
    if waiting:
        raise ExpressionError(f"`(` at character {waiting[-1][1]} is never closed")
    return Expression(text, tuple(steps))


def verdict(expression: Expression, worlds: Collection[tuple[bool, ...]]) -> bool | None:
    """Whether it is always true, or always false, over all that the triggers can be together; None: it depends."""
    found = {expression(world) for world in worlds}
    return found.pop() if len(found) == 1 else None


def _words(text: str) -> list[tuple[str, int]]:
    """The names and signs, each with its place, counted from 1."""
    words = []
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _WORD.match(text, place)
        if match is None:
            rest = text[place:].lstrip()
            raise ExpressionError(
                f"`{rest[0]}` at character {end - len(rest.rstrip()) + 1} is no part of an expression"
            )
        kind = match.lastgroup or ""
        words.append((match[kind], match.start(kind) + 1))
        place = match.end()
    return words


def _apply(waiting: list[tuple[str, int]], steps: list[int | str], binds: int) -> None:
    """Do what waits and binds at least as close, back to the last `(`."""
    while waiting and waiting[-1][0] != "(" and _BINDS[waiting[-1][0]] >= binds:
        steps.append(waiting.pop()[0])


def _number(name: str, place: int, names: Sequence[str]) -> int:
    if name not in names:
        raise ExpressionError(f"`{name}` at character {place} is no trigger: there are {', '.join(names)}")
    return names.index(name)
