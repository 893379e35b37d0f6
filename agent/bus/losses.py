"""What a source could not hand on: nothing is left out without being counted here, and damage is named."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Damage(msgspec.Struct, frozen=True):
    """A part of a recording that could not be read."""

    file: str
    place: str
    """`line 12`, `object 3 (byte 4711)`."""
    what: str
    """What was found, and what is lost by it."""

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.what}"


def _ignore(_: Damage) -> None:
    return


class Losses(msgspec.Struct):
    """Counts of one source. `report` is called for each damage as it is met."""

    report: Callable[[Damage], None] = _ignore
    unreadable: int = 0
    """Lines or objects of a recording that could not be read."""
    remote: int = 0
    """Remote frames: a request without data."""
    error: int = 0
    """Error frames of the controller."""
    bus_off: int = 0
    """Times that a controller left the bus because of errors."""
    recovered: int = 0
    """Times that a live interface failed and was there again."""
    overrun: int = 0
    """Frames that the kernel dropped before they were read."""
    passed_over: int = 0
    """Frames that were read and not handed on, since a newer one came before any sample; less those handed on again."""
    silent: int = 0
    """Buses that say nothing at present."""
    only_errors: int = 0
    """Those of them of which nothing is heard but error frames."""
    asked: int = 0
    """Questions put to the vehicle's computers."""
    unanswered: int = 0
    """Those of them that got no answer in time, or were refused."""

    def damaged(self, file: str, place: str, what: str) -> None:
        self.unreadable += 1
        self.report(Damage(file, place, what))
