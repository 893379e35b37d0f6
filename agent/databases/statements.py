"""Statements: the text of a DBC file cut into its statements, each with the line it starts on.

A DBC file is a list of statements that begin with a keyword at the start of a line. `BO_` (a message) and `SG_` (a
signal of the message before it) take one line; most others run to a semicolon, over several lines if a string does.
Cutting survives what the grammar does not: a missing semicolon, an unclosed string, text that is no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

LINE_KEYWORDS = frozenset({"VERSION", "NS_", "BS_", "BU_", "BO_", "SG_"})
TERMINATED_KEYWORDS = frozenset(
    [
        *("BA_", "BA_DEF_", "BA_DEF_DEF_", "BA_DEF_DEF_REL_", "BA_DEF_REL_", "BA_DEF_SGTYPE_", "BA_REL_", "BA_SGTYPE_"),
        *("BO_TX_BU_", "BU_BO_REL_", "BU_EV_REL_", "BU_SG_REL_", "CAT_", "CAT_DEF_", "CM_", "ENVVAR_DATA_", "EV_"),
        *("EV_DATA_", "FILTER", "NS_DESC_", "SGTYPE_", "SGTYPE_VAL_", "SG_MUL_VAL_", "SIGTYPE_VALTYPE_", "SIG_GROUP_"),
        *("SIG_TYPE_REF_", "SIG_VALTYPE_", "VAL_", "VAL_TABLE_"),
    ]
)
STRAY = ""
"""The keyword of text that belongs to no statement."""

KEYWORD = re.compile(r"\s*([A-Z][A-Z_]*)(?=[\s:\"]|$)")
CERTAIN_START = re.compile(
    r"\s*(?:BO_ +\d+ +\S+ *:|SG_ +\S+.*: *\d+ *\| *\d+ *@|CM_ +(?:SG_|BO_) +\d|CM_ +(?:BU_ +\w+ +)?\""
    r"|VAL_ +\d+ +\w+ +\d+ +\"|SIG_VALTYPE_ +\d|SG_MUL_VAL_ +\d|BA_(?:DEF_(?:DEF_)?)? +(?:(?:BO_|SG_|BU_|EV_) +)?\")"
)
"""The start of a statement even where a string seems to be open: then its closing quote is missing."""
LISTED_WORD = re.compile(r"\s*\w+\s*$")
QUOTE_OR_END = re.compile(r'\\"|"|;')
LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Statement(msgspec.Struct):
    line: int
    """Where it starts, from 1."""
    keyword: str
    text: str
    """As in the file, its own line breaks included; the last one is not."""
    complete: bool = True
    """False: the semicolon or the closing quote that should end it is missing."""


def statements(text: str) -> list[Statement]:
    """All statements of a DBC file, in its order. Blank lines and `//` comments are left out."""
    found: list[Statement] = []
    lines = enumerate(LINE_BREAK.split(text), 1)
    rest: tuple[int, str] | None = None
    while (here := rest or next(lines, None)) is not None:
        rest = None
        number, line = here
        if not line.strip() or line.lstrip().startswith("//"):
            continue
        keyword = _keyword(line)
        if keyword in TERMINATED_KEYWORDS:
            statement, rest = _terminated(number, keyword, line, lines)
        elif keyword in {"NS_", "BU_"}:
            statement, rest = _listed(number, keyword, line, lines)
        else:
            statement = Statement(number, keyword, line)
        found.append(statement)
    return found


def _keyword(line: str) -> str:
    match = KEYWORD.match(line)
    if match and (match[1] in LINE_KEYWORDS or match[1] in TERMINATED_KEYWORDS):
        return match[1]
    return STRAY


def _listed(
    number: int, keyword: str, line: str, lines: Iterator[tuple[int, str]]
) -> tuple[Statement, tuple[int, str] | None]:
    """NS_ lists keywords on lines of their own, BU_ may go on in the next line."""
    taken = [line]
    for following in lines:
        listed = LISTED_WORD.match(following[1]) and (keyword == "NS_" or not _keyword(following[1]))
        if listed:
            taken.append(following[1])
        else:
            return Statement(number, keyword, "\n".join(taken)), following
    return Statement(number, keyword, "\n".join(taken)), None


def _terminated(
    number: int, keyword: str, line: str, lines: Iterator[tuple[int, str]]
) -> tuple[Statement, tuple[int, str] | None]:
    """A statement up to its semicolon, and what follows it on the same line or has begun without one."""
    taken: list[str] = []
    inside = False
    at: tuple[int, str] | None = (number, line)
    while at is not None:
        if taken and (CERTAIN_START.match(at[1]) if inside else _keyword(at[1])):
            return Statement(number, keyword, "\n".join(taken), complete=False), at
        for mark in QUOTE_OR_END.finditer(at[1]):
            if mark[0] == '"':
                inside = not inside
            elif mark[0] == ";" and not inside:
                taken.append(at[1][: mark.end()])
                tail = at[1][mark.end() :]
                return Statement(number, keyword, "\n".join(taken)), (at[0], tail) if tail.strip() else None
        taken.append(at[1])
        at = next(lines, None)
    return Statement(number, keyword, "\n".join(taken), complete=False), None
