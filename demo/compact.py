"""JSON as a person reads it: what fits on one line is on one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Json = Mapping[str, "Json"] | Sequence["Json"] | str | float | bool | None


def compact(value: Json, width: int, before: int = 0, after: int = 0, indent: int = 0) -> str:
    """The same document, in lines of at most `width` characters where its texts allow that.

    `before` and `after`: characters that share the value's first and last line.
    """
    line = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence) or not value:
        return line
    if before + len(line) + after <= width:
        return line
    inner = indent + 2
    if isinstance(value, Mapping):
        names = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value]
        parts = [
            name + compact(part, width, inner + len(name), 1, inner)
            for name, part in zip(names, value.values(), strict=True)
        ]
        opening, closing = "{", "}"
    else:
        parts = [compact(part, width, inner, 1, inner) for part in value]
        opening, closing = "[", "]"
    lines = ",\n".join(" " * inner + part for part in parts)
    return f"{opening}\n{lines}\n{' ' * indent}{closing}"
