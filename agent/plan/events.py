"""Events as the sampler runs them: data and functions of data, like the rest of the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from contract.evaluation import Lookup, Value
from contract.windows import Window

Evaluate = Callable[[Lookup], Value | None]


class Recording(msgspec.Struct, frozen=True):
    """What goes with an event at full rate."""

    before_ms: int
    after_ms: int
    signals: tuple[int, ...]
    newest: bool = False
    """In place of the times before and after: the newest values, as of the event itself."""


class PlannedEvent(msgspec.Struct, frozen=True):
    """One condition. Several may bear one name: a built-in event is about all of its data."""

    name: str
    text: str
    """What it watches, for people."""
    evaluate: Evaluate
    names: tuple[str, ...]
    """The signals that it reads."""
    windows: tuple[Window, ...]
    on: Literal["rise", "fall", "change"]
    lasting_ms: int
    clear: Evaluate | None
    not_again_ms: int
    most_an_hour: int
    recording: Recording
    unheard: Value | None = None
    """Of an event on change: the value that it is taken to have had before it is first heard; None: none, so that the
    first one is no change."""


class PlannedCrash(msgspec.Struct, frozen=True):
    """The witnesses of a crash. The rule is in `agent.sampling.crash`."""

    message: Evaluate | None
    message_names: tuple[str, ...]
    windows: tuple[Window, ...]
    acceleration: tuple[tuple[int, float], ...]
    """Signals, each with the factor that makes its value m/s²."""
    speed: Evaluate | None
    """km/h."""
    speed_names: tuple[str, ...]
    velocity_change_kmh: float
    within_ms: int
    alone: bool
    recording: Recording
