"""[events], [built_in] and [crash]: what is uploaded at once, with what was said just before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from contract.configuration import Duration, Keys, Span, nearest
from contract.expressions import Condition
from contract.profile.data import Known

CRASH = "crash"
WATCH = "watch"
"""What an event is called that is no profile's: something that the cloud watches (`contract.watching`)."""
REMOTE = "remote"
"""And what one is that the cloud asked for: an upload that says how the vehicle is."""
BUILT_IN = ("ignition", "doors", "locks", "alerts", "plug", "charging", CRASH)
"""The events that every profile has whose data allow them."""
LONGEST_WINDOW_MS = 60_000
LONGEST_NAME_BYTES = 64


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When something happens that is worth an upload of its own."""

    when: Condition
    on: Literal["rise", "fall", "change"] = "rise"
    """rise: it begins to hold (or holds when first heard); fall: it ceases to; change: its value is another one."""
    lasting: Duration | None = msgspec.field(name="for", default=None)
    """How long it must be so, without a break."""
    clear: Condition | None = None
    """What must hold before the event can happen again; by default that it is not so any more."""
    not_again_for: Duration | None = None
    most_an_hour: int = 30
    before: Span = Span(10_000)
    """How much of what was said before goes with it at full rate."""
    after: Span = Span(10_000)
    record: tuple[str, ...] = ()
    """Signals or classes that are sent at full rate before and after; by default the signals that `when` reads."""


class BuiltIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of the built-in events there are, where the data allow them."""

    ignition: bool = True
    doors: bool = True
    locks: bool = True
    alerts: bool = True
    plug: bool = True
    charging: bool = True
    crash: bool = True


class Crash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The witnesses of a crash besides the speed, which is that of [data]. `agent.sampling.crash` has the rule."""

    message: Condition | None = None
    """What an airbag's or a crash message says."""
    acceleration: tuple[str, ...] = ()
    """Signals of accelerations along axes at right angles to each other."""
    velocity_change: float = 7.0
    """In km/h, within `within`: more than any braking or bad road does."""
    within: Duration = Duration(120)
    alone: bool = False
    """Whether accelerations suffice where nothing else can witness: for a box that is screwed to the body."""
    before: Span = Span(10_000)
    after: Span = Span(10_000)
    record: tuple[str, ...] = ()
    """Besides the accelerations and the speed."""


def event_contradictions(
    events: Mapping[str, Event], crash: Crash | None, known: Known, classes: frozenset[str]
) -> Iterator[tuple[Keys, str]]:
    """What is wrong with these tables, with its place in the profile."""
    for name, event in events.items():
        keys: Keys = ("events", name)
        if name in BUILT_IN:
            yield keys, f"{name} is a built-in event: give another name, or switch it off under [built_in]"
        if name in (WATCH, REMOTE):
            yield keys, f"{name} is what the cloud asks for: give another name"
        if not name or len(name.encode()) > LONGEST_NAME_BYTES:
            yield keys, f"the name of an event has 1 to {LONGEST_NAME_BYTES} bytes"
        if event.on == "change" and event.clear is not None:
            yield (*keys, "clear"), "an event on change needs none: each change is one"
        if not 1 <= event.most_an_hour <= 3600:
            yield (*keys, "most_an_hour"), f"expected 1 to 3600, found {event.most_an_hour}"
        yield from _window_contradictions(keys, event.before, event.after)
        yield from _record_contradictions(keys, event.record, known, classes)
    if crash is None:
        return
    if crash.message is None and not crash.acceleration:
        yield ("crash",), "needs a message or accelerations: a speed alone is no witness"
    if crash.velocity_change <= 0:
        yield ("crash", "velocity_change"), f"expected km/h above 0, found {crash.velocity_change}"
    yield from _window_contradictions(("crash",), crash.before, crash.after)
    yield from _record_contradictions(("crash",), crash.record, known, classes)


def _window_contradictions(keys: Keys, before: Span, after: Span) -> Iterator[tuple[Keys, str]]:
    for key, window in (("before", before), ("after", after)):
        if window > LONGEST_WINDOW_MS:
            yield (*keys, key), f"at most {Duration(LONGEST_WINDOW_MS)} are kept at full rate, found {window}"


def _record_contradictions(
    keys: Keys, record: tuple[str, ...], known: Known, classes: frozenset[str]
) -> Iterator[tuple[Keys, str]]:
    for index, name in enumerate(record):
        if name in known.sent or name in classes:
            continue
        if name in known.listed:
            yield (*keys, "record", index), f"{name} has no class under [signals], so it is not sent"
        else:
            text = f"{name} is neither a signal under [signals] nor a class{nearest(name, known.sent | classes)}"
            yield (*keys, "record", index), text
