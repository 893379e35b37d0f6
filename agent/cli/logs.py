"""What the service logs: one line a record to standard error, as journald takes it, and never a flood of them.

    connected to broker:8883 from=uplink.uplink

* Where standard error is the journal (systemd says so in JOURNAL_STREAM) each line begins with its priority, `<4>`; it
  is shown by `journalctl -p warning`. Elsewhere it begins with the level's name.
* After the text come fields, `key=value`: where it is from, and those given as `extra={"fields": {...}}`. A value with
  a space or a quote is quoted, as logfmt does.
* Of one kind (one place in the code, by the text before its arguments are put in) `BURST` records are let through in an
  interval; what comes more is counted, and said in one line when the interval is over.

Secrets and positions are nobody's to log: a test runs the service with both and looks.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

import msgspec

BURST = 5
INTERVAL_S = 60.0
MOST_KINDS = 256
_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class _Kind(msgspec.Struct, frozen=True):
    logger: str
    level: int
    text: str


class _Window:
    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.count = 0
        self.newest = ""

    @property
    def suppressed(self) -> int:
        return max(0, self.count - BURST)


class Limit:
    """Which records are let through. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[_Kind, _Window] = {}

    def passes(self, record: logging.LogRecord) -> bool:
        kind = _Kind(record.name, record.levelno, str(record.msg))
        window = self._windows.get(kind)
        if window is None:
            if len(self._windows) >= MOST_KINDS:
                del self._windows[next(iter(self._windows))]
            window = self._windows[kind] = _Window(self._clock())
        window.count += 1
        window.newest = record.getMessage()
        return window.count <= BURST

    def over(self) -> Iterator[logging.LogRecord]:
        """For each interval that is over, what it suppressed."""
        now_s = self._clock()
        for kind, window in list(self._windows.items()):
            if now_s - window.began_s >= INTERVAL_S:
                del self._windows[kind]
                if window.suppressed:
                    lasted_s = now_s - window.began_s
                    text = f"{window.suppressed} more like this in {lasted_s:.0f} s, at last: {window.newest}"
                    yield logging.LogRecord(kind.logger, kind.level, "", 0, text, None, None)


class Lines(logging.Handler):
    """Writes records to `stream`; `journal`: with priorities."""

    def __init__(self, stream: TextIO, journal: bool, limit: Limit) -> None:
        super().__init__()
        self._stream = stream
        self._journal = journal
        self._limit = limit

    def emit(self, record: logging.LogRecord) -> None:
        try:
            records = [*self._limit.over(), *([record] if self._limit.passes(record) else [])]
            self._stream.write("".join(self._lines(each) for each in records))
            self._stream.flush()
        except (OSError, ValueError):
            return  # There is no other place to say it.

    def _lines(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        first, *rest = text.splitlines() or [""]
        fields = {"from": record.name.removeprefix("agent."), **_given(record)}
        head = f"<{_PRIORITIES.get(record.levelno, 5)}>" if self._journal else f"{record.levelname} "
        first = " ".join([first, *(f"{key}={_quoted(str(value))}" for key, value in fields.items())])
        return "".join(f"{head}{line}\n" for line in (first, *rest))


def log_to_stderr(level: int) -> None:
    """Everything that is logged from now on goes to standard error."""
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(Lines(sys.stderr, _is_journal(os.environ), Limit()))


def _is_journal(environment: Mapping[str, str]) -> bool:
    """Whether standard error is the socket whose device and inode systemd names."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def _given(record: logging.LogRecord) -> Mapping[str, object]:
    fields = getattr(record, "fields", {})
    return fields if isinstance(fields, Mapping) else {}


def _quoted(value: str) -> str:
    if value and not any(character in value for character in ' "=\n'):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
