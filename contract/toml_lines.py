"""On which line of a TOML file a key stands: the parser does not say.

The lines are looked at one by one and not parsed, so what looks like a key within a text of several lines counts too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Place = tuple[str | int, ...]
"""Table keys, and positions in arrays."""

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
# Compiled where a file has to be searched for what is wrong with it: seldom, and not at a start.
_TABLE = rf"\s*(\[\[?)\s*({_KEY})\s*\]\]?\s*(?:#.*)?"
_ASSIGNMENT = rf"\s*({_KEY})\s*="


def key_lines(text: str) -> Iterator[tuple[Place, int]]:
    """Each table and each key at the start of a line, with its line number from 1."""
    table: Place = ()
    sizes: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = re.fullmatch(_TABLE, line)
        if header:
            table = _parts(header[2])
            if header[1] == "[[":
                sizes[table] = sizes.get(table, -1) + 1
                table = (*table, sizes[table])
            yield table, number
            continue
        assignment = re.match(_ASSIGNMENT, line)
        if assignment:
            yield (*table, *_parts(assignment[1])), number


def _parts(key: str) -> Place:
    """A TOML key, taken apart."""
    try:
        nested: object = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return (key,)
    parts: list[str] = []
    while isinstance(nested, dict):
        ((part, nested),) = nested.items()
        parts.append(part)
    return tuple(parts)
