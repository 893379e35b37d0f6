"""A small language over the newest values of signals: conditions and computed data.

    Bus.MainStatus == 'On' and Engine.Speed > 0
    'Running' if Engine.Speed > 400 else 'NotRunning'
    Trip.Litres * 100 + Trip.Centilitres

Numbers, texts in quotes, true and false (also `True`, `False`), signals as `Message.Signal`, + - * /, comparisons
(also chained), `in` with a list of constants, `and`, `or`, `not`, `a if b else c`, parentheses. A signal with value
names reads as the name of its value, any other as its physical value in the database's unit.

What is absent stays absent and is never guessed (`contract.evaluation`). Conditions of events may also look back, by
the functions of `contract.windows`.

A text is parsed by Python's own parser and translated once into closures; nothing but the forms above is accepted and
nothing is ever evaluated as Python. At most 1,000 characters and 40 levels.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

from contract import evaluation
from contract.evaluation import Evaluate, Lookup, Value
from contract.windows import LONGEST_S, Look, Window

LONGEST = 1000
DEEPEST = 40
_ALLOWED = (
    "numbers, 'texts', true, false, Message.Signal, + - * /, == != < <= > >=, in (…), and, or, not, … if … else …"
)
_LOOKING_BACK = "rate(Message.Signal, seconds), minimum(…), maximum(…), changed(Message.Signal)"


class ExpressionError(ValueError):
    """A text that is not an expression of this language; says where and what is allowed."""


class Expression:
    """A compiled expression. Call it with a lookup of signal values. Two are equal when their texts are."""

    __slots__ = ("_evaluate", "constants", "names", "results", "text")

    def __init__(
        self,
        text: str,
        names: tuple[str, ...],
        constants: tuple[tuple[str, Value], ...],
        results: tuple[Value, ...] | None,
        evaluate: Evaluate,
    ) -> None:
        self.text = text
        self.names = names
        """The signals it reads, each once, in the order they first appear."""
        self.constants = constants
        """Each (signal, constant) that is compared: lets the compile step see that the signal has such a value name."""
        self.results = results
        """Every value it can have, when these are constants of the text; None when they are computed."""
        self._evaluate = evaluate

    def __call__(self, lookup: Lookup) -> Value | None:
        return self._evaluate(lookup)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Condition(Expression):
    """An expression that may look back (`contract.windows`): for events."""

    __slots__ = ("windows",)

    def __init__(self, expression: Expression, windows: tuple[Window, ...] = ()) -> None:
        super().__init__(
            expression.text, expression.names, expression.constants, expression.results, expression._evaluate
        )
        self.windows = windows
        """What it looks back at, each once. Their signals are among `names`."""


def compile_expression(text: str) -> Expression:
    """Raises ExpressionError naming the place and what is allowed there."""
    return _compile(text, looks_back=False)[0]


def compile_condition(text: str) -> Condition:
    """Raises ExpressionError naming the place and what is allowed there."""
    return Condition(*_compile(text, looks_back=True))


def _compile(text: str, *, looks_back: bool) -> tuple[Expression, tuple[Window, ...]]:
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters, found {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply or has a zero byte"
        raise ExpressionError(f"not an expression{place}: {reason}; allowed are {_ALLOWED}") from None
    compiler = _Compiler(text.strip(), looks_back=looks_back)
    evaluate = compiler.compile(tree.body, 0)
    names, constants = tuple(compiler.names), tuple(compiler.constants)
    expression = Expression(text.strip(), names, constants, _results(tree.body), evaluate)
    return expression, tuple(dict.fromkeys(compiler.windows))


_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ORDER: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NAMED: dict[str, Value] = {"true": True, "false": False}


class _Compiler:
    """Translates a parsed text, one node into one closure."""

    def __init__(self, text: str, *, looks_back: bool) -> None:
        self._text = text
        self._looks_back = looks_back
        self.names: list[str] = []
        self.windows: list[Window] = []
        self.constants: list[tuple[str, Value]] = []

    def compile(self, node: ast.expr, depth: int) -> Evaluate:
        if depth > DEEPEST:
            raise ExpressionError(f"an expression is at most {DEEPEST} levels deep")
        below = depth + 1
        match node:
            case ast.Constant():
                return evaluation.constant(self._constant(node))
            case ast.Name(id=name) if name in _NAMED:
                return evaluation.constant(_NAMED[name])
            case ast.Attribute():
                return self._signal(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return evaluation.negation(self.compile(operand, below))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return evaluation.minus(self.compile(operand, below))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return evaluation.arithmetic(
                    _ARITHMETIC[type(op)], self.compile(left, below), self.compile(right, below)
                )
            case ast.BoolOp(op=op, values=values):
                return evaluation.junction(
                    [self.compile(value, below) for value in values], decisive=isinstance(op, ast.Or)
                )
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return evaluation.choice(
                    self.compile(test, below), self.compile(body, below), self.compile(orelse, below)
                )
            case ast.Compare():
                return self._comparison(node, below)
            case ast.Call():
                return self._window(node)
        raise self._refused(node)

    def _comparison(self, node: ast.Compare, depth: int) -> Evaluate:
        links: list[Evaluate] = []
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            first = self.compile(left, depth)
            if isinstance(op, ast.In | ast.NotIn):
                links.append(evaluation.membership(first, self._choices(right, left), wanted=isinstance(op, ast.In)))
            else:
                second = self.compile(right, depth)
                self._note(left, right)
                self._note(right, left)
                if isinstance(op, ast.Eq | ast.NotEq):
                    links.append(evaluation.equality(first, second, wanted=isinstance(op, ast.Eq)))
                elif type(op) in _ORDER:
                    links.append(evaluation.order(_ORDER[type(op)], first, second))
                else:
                    raise self._refused(right)
            left = right
        return links[0] if len(links) == 1 else evaluation.junction(links, decisive=False)

    def _choices(self, node: ast.expr, signal: ast.expr) -> frozenset[Value]:
        if not isinstance(node, ast.Tuple | ast.List) or not node.elts:
            raise self._refused(node, "a list of constants such as ('On', 'Standby')")
        for element in node.elts:
            if not isinstance(element, ast.Constant):
                raise self._refused(element, "a constant")
            self._note(signal, element)
        return frozenset(self._constant(element) for element in node.elts if isinstance(element, ast.Constant))

    def _note(self, signal: ast.expr, other: ast.expr) -> None:
        if isinstance(signal, ast.Attribute) and isinstance(other, ast.Constant):
            self.constants.append((self._name(signal), self._constant(other)))

    def _signal(self, node: ast.Attribute) -> Evaluate:
        name = self._name(node)
        if name not in self.names:
            self.names.append(name)
        return lambda lookup: lookup(name)

    def _window(self, node: ast.Call) -> Evaluate:
        if not self._looks_back:
            raise self._refused(node, f"{_ALLOWED}; only conditions of events look back")
        if not isinstance(node.func, ast.Name) or node.func.id not in set(Look) or node.keywords:
            raise self._refused(node, _LOOKING_BACK)
        look, length_ms = Look(node.func.id), 0
        match (look, node.args):
            case (Look.CHANGED, [ast.Attribute() as signal]):
                pass
            case (_, [ast.Attribute() as signal, ast.Constant(value=int() | float() as seconds)]) if (
                look is not Look.CHANGED and 0.001 <= seconds <= LONGEST_S
            ):
                length_ms = round(seconds * 1000)
            case _:
                raise self._refused(node, f"{_LOOKING_BACK}, at most {LONGEST_S} seconds")
        self._signal(signal)
        window = Window(look, self._name(signal), length_ms)
        self.windows.append(window)
        key = window.key
        return lambda lookup: lookup(key)

    def _name(self, node: ast.Attribute) -> str:
        if not isinstance(node.value, ast.Name):
            raise self._refused(node, "a signal, as Message.Signal")
        return f"{node.value.id}.{node.attr}"

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, bool | int | float | str):
            return node.value
        raise self._refused(node)

    def _refused(self, node: ast.expr, allowed: str = _ALLOWED) -> ExpressionError:
        found = ast.get_source_segment(self._text, node) or self._text
        return ExpressionError(f"{found!r} at character {node.col_offset + 1} is not allowed; allowed: {allowed}")


def _results(node: ast.expr) -> tuple[Value, ...] | None:
    """The constants that an expression chooses among; truth values for a condition."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return (value,)
        case ast.Name(id=name) if name in _NAMED:
            return (_NAMED[name],)
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return (False, True)
        case ast.IfExp(body=body, orelse=orelse):
            first, second = _results(body), _results(orelse)
            return None if first is None or second is None else (*first, *second)
    return None
