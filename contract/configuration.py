"""Reading configuration: TOML files checked whole against a type before anything starts.

A file is read into msgspec structs. Everything wrong with it is reported at once, one line each, with the file, the
line where it can be found, the full key, what was found and what was expected; an unknown key names the nearest one:

    config/agent.toml:7: journal.flush_intervall: unknown key; did you mean flush_interval?

Scalar types beyond TOML's own: `Duration` ("500ms", "60s", "10 min", "2h"), `pathlib.Path`, and
`contract.expressions.Expression` (for events: `Condition`), compiled as it is read; `Span` is a duration or "none".
"""

from __future__ import annotations

import os
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from contract.expressions import Condition, Expression, compile_condition, compile_expression
from contract.toml_lines import key_lines

T = TypeVar("T")
Keys = tuple[str | int, ...]
"""Where in a document: table keys, and positions in arrays."""

_UNIT_MS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*")


class Duration(int):
    """A duration in milliseconds; in a file a text with its unit: ms, s, min, h or d."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Raises ValueError for anything but a positive number with a unit, and for fractions of a millisecond."""
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(f'a duration such as "500ms", "60s", "10 min", "2h" or "7d", found {text!r}')
        value_ms = float(match[1]) * _UNIT_MS[match[2]]
        if value_ms != int(value_ms) or value_ms == 0:
            raise ValueError(f"a duration of at least 1 ms, in whole milliseconds, found {text!r}")
        return cls(value_ms)

    def __str__(self) -> str:
        unit, factor_ms = next(each for each in reversed(_UNIT_MS.items()) if self % each[1] == 0)
        return f"{int(self) // factor_ms} {unit}"


class Span(Duration):
    """A duration that may also be nothing: "none", or "never" where that reads better."""

    @classmethod
    def parse(cls, text: str) -> Span:
        """Raises ValueError as `Duration.parse` does."""
        return cls(0) if text in ("none", "never") else cls(Duration.parse(text))

    def __str__(self) -> str:
        return super().__str__() if self else "none"


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a file."""

    file: Path
    line: int | None
    keys: Keys
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {dotted(self.keys)}: {self.text}" if self.keys else f"{place}: {self.text}"


class ConfigurationError(Exception):
    """A file that cannot be used. Its text is for the person who wrote the file: one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def dotted(keys: Keys) -> str:
    """The keys as TOML writes them: `signals."Speed.Vehicle".class`, `buses.can0.databases[1]`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"')
    return text


def _user() -> str:
    """Who this process is: seldom who looks at what it says."""
    import pwd  # Only when something is wrong.

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to append to an error about `word`: the nearest of `known`, or else what there is when that is short."""
    import difflib  # Only when something is wrong.

    names = sorted(known)
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {lowered[close[0]]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 12 else ""


class Document:
    """A parsed TOML file that knows its lines."""

    def __init__(self, file: Path, text: str) -> None:
        """Raises ConfigurationError when `text` is not TOML."""
        self.file = file
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"\(at line (\d+)", str(error))
            message = re.sub(r" \(at .*\)$", "", str(error))
            raise ConfigurationError(
                [Problem(file, int(line[1]) if line else None, (), f"not valid TOML: {message}")]
            ) from None
        self._text = text

    @classmethod
    def read(cls, file: Path) -> Document:
        """Raises ConfigurationError when the file cannot be read as UTF-8 text or is not TOML."""
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            by = f" by the user {_user()}" if isinstance(error, PermissionError) else ""
            raise ConfigurationError([Problem(file, None, (), f"cannot be read{by}: {error.strerror}")]) from None
        except UnicodeDecodeError as error:
            raise ConfigurationError([Problem(file, None, (), f"is not UTF-8 text (byte {error.start})")]) from None
        return cls(file, text)

    @cached_property
    def _lines(self) -> dict[Keys, int]:
        return dict(key_lines(self._text))

    def problem(self, keys: Keys, text: str) -> Problem:
        """A problem at `keys`, on the line of the deepest of them that has one."""
        for depth in range(len(keys), 0, -1):
            line = self._lines.get(keys[:depth])
            if line is not None:
                return Problem(self.file, line, keys, text)
        return Problem(self.file, None, keys, text)

    def convert(self, wanted: type[T]) -> T:
        """The document as `wanted`, a msgspec struct. Raises ConfigurationError naming everything that does not fit."""
        try:
            return msgspec.convert(self.data, wanted, strict=True, dec_hook=_scalar)
        except msgspec.ValidationError as error:
            # It names the first that does not fit; looking for all of them takes much longer.
            problems = [self.problem(keys, text) for keys, text in _mismatches(self.data, wanted, ())]
            raise ConfigurationError(problems or [self.problem((), str(error))]) from None


def read_toml(path: Path | str, wanted: type[T]) -> T:
    """The file as `wanted`, a msgspec struct. Raises ConfigurationError naming everything that is wrong with it."""
    return Document.read(Path(path)).convert(wanted)


def _scalar(wanted: type, value: object) -> object:
    """The types that TOML does not have (msgspec's `dec_hook`)."""
    if wanted is Duration or wanted is Span:
        if not isinstance(value, str):
            raise ValueError(f'a duration such as "500ms", "60s" or "10 min", found {_shown(value)}')
        return Span.parse(value) if wanted is Span else Duration.parse(value)
    if wanted is Path:
        if not isinstance(value, str) or not value:
            raise ValueError(f"a path, found {_shown(value)}")
        return Path(value)
    if wanted is Expression or wanted is Condition:
        if not isinstance(value, str):
            raise ValueError(f"an expression as a text, found {_shown(value)}")
        return compile_condition(value) if wanted is Condition else compile_expression(value)
    raise NotImplementedError(f"{wanted} is not a configuration type")


def _mismatches(value: object, wanted: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    """Where `value` does not fit the type `wanted`, and why."""
    wanted = _without_none(wanted)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        if isinstance(value, dict):
            yield from _struct_mismatches(value, wanted, keys)
        else:
            yield keys, f"expected a table, found {_shown(value)}"
    elif origin is typing.Literal:
        if value not in arguments:
            yield keys, f"{_shown(value)} is not allowed here{nearest(str(value), map(str, arguments))}"
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _mismatches(key, arguments[0], (*keys, key))
            yield from _mismatches(item, arguments[1], (*keys, key))
    elif origin in (list, tuple) and isinstance(value, list) and (origin is list or arguments[1:] == (...,)):
        for index, item in enumerate(value):
            yield from _mismatches(item, arguments[0], (*keys, index))
    else:
        try:
            msgspec.convert(value, wanted, strict=True, dec_hook=_scalar)
        except msgspec.ValidationError as error:
            yield keys, _reason(str(error), value)


def _struct_mismatches(
    value: dict[str, object], wanted: type[msgspec.Struct], keys: Keys
) -> Iterator[tuple[Keys, str]]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    for key, item in value.items():
        if key in fields:
            yield from _mismatches(item, fields[key].type, (*keys, key))
        else:
            yield (*keys, key), f"unknown key{nearest(key, fields)}"
    for name, field in fields.items():
        if field.required and name not in value:
            yield keys, f"the key {name} is missing"


def _without_none(wanted: Any) -> Any:
    """`X | None` as X: TOML has no null, a key that may be left out is simply left out."""
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        rest = [argument for argument in typing.get_args(wanted) if argument is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return wanted


_PLAIN = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "an array",
          "object": "a table"}  # fmt: skip


def _reason(message: str, value: object) -> str:
    """msgspec's message in the words of the one who writes TOML."""
    message = re.sub(r" - at `[^`]*`", "", message)
    match = re.fullmatch(r"Expected `([^`]+)`(.*?)(?:, got `[^`]+`)?", message)
    if match:
        expected = " or ".join(_PLAIN.get(name.strip(), name.strip()) for name in match[1].split("|"))
        return f"expected {expected}{match[2]}, found {_shown(value)}"
    return f"expected {message}" if message.startswith(("a ", "an ")) else message


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
