"""How commands end: their exit status, what they say then, and the signals that make them."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
OTHER_VEHICLE = 3
"""Of a run that `vin_check = "stop"` ended: started again it would find the same, so the service is not."""
SETTINGS = Path("/etc/canlift/agent.toml")


class UsageError(Exception):
    """The command cannot be carried out as it was given; the text says what to give instead."""


def complain(text: str) -> None:
    """A text as it is, on standard error; red on a terminal."""
    sys.stderr.write(f"\x1b[31m{text}\x1b[0m\n" if sys.stderr.isatty() else f"{text}\n")


def stop_on_signals() -> threading.Event:
    """Set by the first SIGINT or SIGTERM; a second one ends the process as usual."""
    stop = threading.Event()

    def request(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request)
    return stop
