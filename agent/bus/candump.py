"""candump's log format (`candump -l`, `candump -L`), one frame a line.

    (1627274425.124111) can0 0B6#FFFFFFFF00000050       11-bit id: three hex digits
    (1627274425.124111) can0 18FEDF00#82FFFF            29-bit id: eight hex digits
    (1627274425.124111) can0 123##1AABBCC               CAN FD: a digit of flags before the data
    (1627274425.124111) can0 123#R                      remote frame, perhaps with its length
    (1627274425.124111) can0 20000004#000C000000000000  error frame: bit 29 of the id is set

Some writers add ` R` or ` T` (received, sent). Times are seconds, mostly since the Unix epoch.

Damage: a line that is none of these is reported by its number and left out; the lines around it are played. A torn last
line that still ends on a whole byte cannot be told from a shorter frame here: the plan finds it too short.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto

from agent.bus.frame import Frame
from agent.bus.losses import Losses

# `can-utils` writes the bytes without separators, other tools with dots between them.
_LINE = re.compile(r"\((\d{1,12})\.(\d{1,9})\) ([!-~]+) ([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#(#[0-9A-Fa-f])?(\S*)(?: [RT])?")
_DATA = re.compile(r"(?:[0-9A-Fa-f]{2}\.?)*")
_REMOTE = re.compile(r"[Rr][0-9A-Fa-f]?")
_ERROR_FLAG = 0x20000000
_ID_MASK = 0x1FFFFFFF
_FD_LENGTHS = frozenset({*range(9), 12, 16, 20, 24, 32, 48, 64})


class Dataless(Enum):
    """The frames that carry no data."""

    REMOTE = auto()
    ERROR = auto()


class NotAFrameError(ValueError):
    """The line does not hold a frame; the text says why."""


def parse(line: str, base_ms: int, bus_of: Callable[[str], str]) -> Frame | Dataless:
    """The frame that `line` holds, its time counted from `base_ms`. Raises `NotAFrameError`."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise NotAFrameError("expected `(seconds.decimals) interface id#data`")
    seconds, decimals, interface, ident, flags, digits = match.groups()
    extended = len(ident) == 8
    number = int(ident, 16)
    if extended and number & _ERROR_FLAG:
        return Dataless.ERROR
    if flags is None and _REMOTE.fullmatch(digits):
        return Dataless.REMOTE
    if _DATA.fullmatch(digits) is None:
        raise NotAFrameError("the data are not pairs of hex digits")
    data = bytes.fromhex(digits.replace(".", ""))
    if len(data) not in _FD_LENGTHS or (flags is None and len(data) > 8):
        raise NotAFrameError(f"{len(data)} bytes of data fit no frame")
    if not extended and number > 0x7FF:
        raise NotAFrameError(f"{ident} is not an 11-bit id")
    at_ms = int(seconds) * 1000 + int(decimals.ljust(3, "0")[:3]) - base_ms
    return Frame(at_ms, bus_of(interface), number & _ID_MASK, extended, data, flags is not None)


def read(
    file: str, batches: Iterable[list[str]], base_ms: int, bus_of: Callable[[str], str], losses: Losses
) -> Iterator[list[Frame]]:
    """The frames of a log that comes in lists of lines; a list of frames for each. Times are counted from `base_ms`.

    `file` names the log in what is reported; `bus_of` gives the bus of an interface.
    """
    heads: dict[str, tuple[str, int, bool]] = {}
    first = 1
    for lines in batches:
        yield _batch(file, lines, first, base_ms, bus_of, losses, heads)
        first += len(lines)


def _batch(
    file: str,
    lines: list[str],
    first: int,
    base_ms: int,
    bus_of: Callable[[str], str],
    losses: Losses,
    heads: dict[str, tuple[str, int, bool]],
) -> list[Frame]:
    """Lines as `candump -l` writes them take a short way; any other goes through `parse`, which knows what is wrong.

    `heads` remembers what the recurring `interface id` of a line means.
    """
    frames: list[Frame] = []
    add = frames.append
    make = tuple.__new__
    fromhex = bytes.fromhex
    for number, line in enumerate(lines, first):
        head, _, digits = line[20:].partition("#")
        time = line[1:11] + line[12:18]
        known = heads.get(head)
        if (
            known is not None
            and time.isdigit()
            and line[11] == "."
            and line[18:20] == ") "
            and digits.isalnum()
            and len(digits) <= 16
            and line[0] == "("
        ):
            try:
                bus, ident, extended = known
                add(make(Frame, (int(time) // 1000 - base_ms, bus, ident, extended, fromhex(digits), False)))
                continue
            except ValueError:
                pass  # Not hex digits: `parse` says so.
        text = line.strip()
        if not text:
            continue
        try:
            frame = parse(text, base_ms, bus_of)
        except NotAFrameError as wrong:
            losses.damaged(file, f"line {number}", f"{wrong}; found {shown(text)}")
            continue
        if frame is Dataless.REMOTE:
            losses.remote += 1
        elif frame is Dataless.ERROR:
            losses.error += 1
        elif isinstance(frame, Frame):
            add(frame)
            if line[18:20] == ") ":
                heads[head] = (frame.bus, frame.id, frame.extended)
    return frames


def shown(text: str) -> str:
    """A line as it appears in a message: quoted, and cut when it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "…")
