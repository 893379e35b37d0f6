"""What clients ask for with the body of a request: JSON in the published shape.

A field that is not published is a fault: of a misspelt one nothing would ever be heard. The first fault is the one that
is told, with its field.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import inspect

LARGEST = 65_536
"""Bytes of a body."""

_LONGEST_WHY = 300
"""Characters: it repeats names as they were sent, and is logged."""

_NONE_OF = "Invalid enum value "
"""How msgspec begins what it says of a name that is none of those there are, which it leaves out."""

Asked = TypeVar("Asked", bound=msgspec.Struct)


class RefusedBodyError(ValueError):
    """A body that cannot be: `field` is the place in it, `why` what was found and what is expected."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"`{field}`: {why}" if field else why)
        self.field = field
        self.why = why


class Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Of a body. Told again as it was given: what was absent stays so."""


def read_body(decoder: msgspec.json.Decoder[Asked], body: bytes) -> Asked:
    """What `body`, JSON, asks for. RefusedBodyError where it has not the shape."""
    if len(body) > LARGEST:
        raise RefusedBodyError("", f"expected at most {LARGEST} bytes, found {len(body)}")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        why, _, path = str(error).partition(" - at `")
        field = path.removesuffix("`").removeprefix("$").removeprefix(".")
        if why.startswith(_NONE_OF):
            why = f"found {why.removeprefix(_NONE_OF)}, expected one of {', '.join(_names(decoder.type, field))}"
        raise RefusedBodyError(field, why if len(why) <= _LONGEST_WHY else f"{why[:_LONGEST_WHY]}…") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedBodyError("", "expected JSON in UTF-8") from None


def _names(asked: type, field: str) -> list[str]:
    """Those that may stand at `field` of the type."""
    kind: inspect.Type = inspect.type_info(asked)
    for step in re.findall(r"[^.\[\]]+", field):
        kind = _plain(kind)
        if isinstance(kind, inspect.StructType):
            kind = next(each.type for each in kind.fields if each.encode_name == step)
        elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
            kind = kind.item_type
    kind = _plain(kind)
    return [str(name) for name in kind.values] if isinstance(kind, inspect.LiteralType) else []


def _plain(kind: inspect.Type) -> inspect.Type:
    """Without what is said of it besides."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind
