"""What conditions of events may ask of the past of a signal, besides its newest value.

    rate(Message.Signal, 2)       how fast it changed over the last 2 s, a second, in its unit
    minimum(Message.Signal, 10)   the least value that came in the last 10 s
    maximum(Message.Signal, 10)   the greatest
    changed(Message.Signal)       whether the newest frame says another value than the one before it

The time is in seconds, more than 0 and at most `LONGEST_S`. A rate is from the oldest value in the window to the
newest, and absent until they lie at least half of it apart. Like any other value, one that does not count is absent.

An expression reads a window as if it were a signal, by its `key`; who evaluates it keeps the values.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

LONGEST_S = 60


class Look(StrEnum):
    RATE = "rate"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    CHANGED = "changed"


class Window(msgspec.Struct, frozen=True):
    look: Look
    signal: str
    length_ms: int
    """0 for `changed`, which looks at two frames whatever their distance."""

    @property
    def key(self) -> str:
        """The name by which an expression asks for it; no signal has such a one."""
        return f"{self.look}({self.signal}, {self.length_ms} ms)"
