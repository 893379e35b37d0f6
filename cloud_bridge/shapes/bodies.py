"""What clients ask for with the body of a request: JSON in the published shape.

A field that is not published is a fault: of a misspelt one nothing would ever be heard. The first fault is the one that
is told, with its field.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

LARGEST = 65_536
"""Bytes of a body."""

_LONGEST_WHY = 300
"""Characters: it repeats names as they were sent, and is logged."""

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
        raise RefusedBodyError(field, why if len(why) <= _LONGEST_WHY else f"{why[:_LONGEST_WHY]}…") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedBodyError("", "expected JSON in UTF-8") from None
