"""Text recordings that python-can reads: Vector's `.asc` and PEAK's `.trc`.

python-can passes over a line that it does not recognise without a word, and gives up at a line that it half recognises.
Here it gets its lines through a `_Feed` that knows which one it is reading: a line that should have been a frame and
gave none is reported and left out, and after a line that made it give up it starts again behind that line, with the
file's header. Lines that hold other events (statistics, comments, J1939 or LIN messages, bus errors) are passed over.

The date in the header of an `.asc` file is local time and its zone is not written: it is taken as this machine's. That
of a `.trc` file is taken as UTC.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO, cast

import can

from agent.bus.candump import shown
from agent.bus.files import lines
from agent.bus.losses import Losses

# What python-can logs about a line, this module reports with the line's number.
logging.getLogger("can.io.trc").setLevel(logging.CRITICAL)

# What a line may hold besides a frame, by format.
_ASC_HEADER = re.compile(
    r"date\s|base\s|//|(no\s+)?internal events logged|(begin|end)\s+triggerblock|$|\d+\.\d+\s+[a-z]", re.IGNORECASE
)
_ASC_EVENT = re.compile(
    r"\d+\.\d+\s+(?!CANFD\s)[a-z]|\d+\.\d+\s+\d+\s+(statistic|errorframe|j1939|[a-z]+:)", re.IGNORECASE
)
_ASC_RELATIVE = re.compile(r"base\s+\w+\s+timestamps\s+relative", re.IGNORECASE)
_TRC_HEADER = re.compile(r";|$")
_TRC_EVENT = re.compile(r"\d+\)?\s+[\d.]+\s+(\d+\s+)?(Warng|Error|ER|ST|EC|EV)\b")
# What python-can raises at a line that it half recognises.
_GIVES_UP = (ValueError, IndexError, KeyError, TypeError, OverflowError)


class _Feed:
    """What python-can takes for a text file; it tells which line was read last."""

    def __init__(self, numbered: Iterable[tuple[int, str]]) -> None:
        self._numbered = iter(numbered)
        self.number = 0
        self.line = ""
        self.answered = True
        self.unanswered: list[tuple[int, str]] = []
        """Lines that gave no frame."""

    def __next__(self) -> str:
        if not self.answered:
            self.unanswered.append((self.number, self.line))
        self.number, self.line = next(self._numbered)
        self.answered = False
        return self.line

    def __iter__(self) -> _Feed:
        return self

    def read(self, _: int = -1) -> str:
        raise io.UnsupportedOperation("read by lines")

    def write(self, _: str) -> int:
        raise io.UnsupportedOperation("read only")

    def close(self) -> None:
        self._numbered = iter(())


def _reader(suffix: str, feed: _Feed) -> Iterable[can.Message]:
    if suffix == ".asc":
        return can.ASCReader(cast(TextIO, feed), relative_timestamp=False)
    return can.TRCReader(cast(TextIO, feed))


def messages(path: Path, suffix: str, losses: Losses) -> Iterator[can.Message]:
    """The messages of an `.asc` or `.trc` file (`suffix`); times in seconds since the Unix epoch where it has a date.

    Raises OSError, and ValueError where the file as a whole cannot be understood.
    """
    header_line, event = (_ASC_HEADER, _ASC_EVENT) if suffix == ".asc" else (_TRC_HEADER, _TRC_EVENT)
    numbered = enumerate((line for batch in lines(path, losses) for line in batch), 1)
    header: list[tuple[int, str]] = []
    rest: Iterator[tuple[int, str]] = iter(())
    for number, line in numbered:
        if header_line.match(line.strip()) is None:
            rest = chain([(number, line)], numbered)
            break
        header.append((number, line))
    if any(_ASC_RELATIVE.match(line) for _, line in header):
        raise ValueError(f"{path}: its times count from line to line; export it with `timestamps absolute`")

    def report(pending: list[tuple[int, str]]) -> None:
        for number, line in pending:
            text = line.strip()
            if number > len(header) and text and header_line.match(text) is None and event.match(text) is None:
                losses.damaged(str(path), f"line {number}", f"expected a frame, found {shown(text)}")
        pending.clear()

    yield from _restarting(path, suffix, header, rest, report, losses)


def _restarting(
    path: Path,
    suffix: str,
    header: list[tuple[int, str]],
    rest: Iterator[tuple[int, str]],
    report: Callable[[list[tuple[int, str]]], None],
    losses: Losses,
) -> Iterator[can.Message]:
    while True:
        feed = _Feed(chain(header, rest))
        reader = iter(_reader(suffix, feed))
        try:
            for message in reader:
                report(feed.unanswered)
                if not message.is_remote_frame and not message.is_error_frame and len(message.data) != message.dlc:
                    wrong = f"{message.dlc} bytes announced, {len(message.data)} found"
                    losses.damaged(str(path), f"line {feed.number}", f"{wrong} in {shown(feed.line.strip())}")
                else:
                    yield message
                feed.answered = True
        except _GIVES_UP as wrong:
            report(feed.unanswered)
            if feed.number <= len(header):
                raise ValueError(f"{path}: line {feed.number}: {wrong}; found {shown(feed.line.strip())}") from wrong
            losses.damaged(str(path), f"line {feed.number}", f"{wrong}; found {shown(feed.line.strip())}")
            continue
        report(feed.unanswered)
        return
