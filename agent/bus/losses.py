"""What a source could not hand on: nothing is left out without being counted here, and damage is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Damage(NamedTuple):
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


@dataclass(slots=True)
class Losses:
    """Counts of one source. `report` is called for each damage as it is met."""

    report: Callable[[Damage], None] = _ignore
    unreadable: int = 0
    """Lines or objects of a recording that could not be read."""
    remote: int = 0
    """Remote frames: a request without data."""
    error: int = 0
    """Error frames of the controller."""
    recovered: int = field(default=0)
    """Times that a live interface failed and was opened again."""
    asked: int = field(default=0)
    """Questions put to the vehicle's computers."""
    unanswered: int = field(default=0)
    """Those of them that got no answer in time, or were refused."""

    def damaged(self, file: str, place: str, what: str) -> None:
        self.unreadable += 1
        self.report(Damage(file, place, what))
