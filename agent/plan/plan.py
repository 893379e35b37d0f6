"""The plan: what `agent.plan.compiling` makes of a profile and its databases, for the sampler to run on.

A plan is data and functions of data; it does no I/O. Signals are numbered: first those that are sent, in the manifest's
numbering, then those that only conditions or the clock read.

When a value counts:

* **fresh**: its newest frame is not too old. A message of which the database gives the cycle time may be late by two
  cycles (and 2 s old in any case). Where the cycle is not known, and for each multiplexer page of a message, the gaps
  seen lately take its place: three of them, and 5 s in any case. What is asked for may be as old as three questions.
* **whole**: the frame is long enough, and its checksum and counter, if the profile names them, are right. A counter is
  wrong where it stands still, as a stuck or repeating sender's does; one that skips shows that frames were lost, and
  the frame that came is as good as any.
* **available**: the raw value is none of the profile's `invalid` ones, and within the limits.
* **in its conditions**: every `valid_when` that applies held when the frame came, and holds still. So a value that was
  sent while the bus was waking up does not begin to count when the bus is awake; the next frame does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.databases.finding import Finding
from agent.databases.layouts import SignalLayout
from agent.decode.checksums import Checker
from agent.decode.pages import Pages
from agent.plan.events import PlannedCrash, PlannedEvent
from agent.plan.privacy import PlannedPrivacy
from contract.evaluation import Lookup, Value
from contract.expressions import Expression
from contract.manifest import Manifest
from contract.profile.cadence import VehicleState
from contract.profile.profile import Profile

if TYPE_CHECKING:
    from agent.plan.actions import PlannedRemote

DECLARED_GRACE_MS = 2_000
OBSERVED_GRACE_MS = 5_000
LONGEST_GAP_MS = 20_000
"""A longer gap is a silence, not a cycle."""
CODE_BITS = 4
"""What the code of a column needs at most for a sample besides its own bits, presence included."""
TICK_MS = 1_000
"""How often an awake vehicle is looked at without a frame: what it is doing, and which on-change signals are stale."""
SILENCE_MS = 60_000
"""Buses that are silent for this long are asleep."""

FrameKey = tuple[str, int, bool]
"""Bus, id, whether the id has 29 bits."""


class PlannedSignal(msgspec.Struct, frozen=True):
    """One signal: where its value is found and when it counts."""

    name: str
    message: int
    """Index of its message."""
    slot: int
    """Position in what the message's `decode` gives."""
    low: int
    high: int
    """The raw values that count lie between, both included."""
    invalid: frozenset[int]
    conditions: tuple[int, ...]
    """Indices of the conditions that must hold."""
    read: Callable[[int], Value]
    """The value as conditions see it: by its name if it has one, else physical."""
    layout: SignalLayout
    """As the database has it; a device message's as if one had."""
    fixed: Callable[[int], int | None] | None = None
    """For a floating-point signal: its bits as a fixed-point number, None for what is no number. Limits are on that."""

    @property
    def largest_sample_bits(self) -> int:
        """What a sample takes on the wire where nothing foretells it."""
        return (64 if self.layout.is_float else self.layout.length) + CODE_BITS


class Claim(msgspec.Struct, frozen=True):
    """A message, and the file name of the database that describes it."""

    message: str
    database: str

    def __str__(self) -> str:
        return f"{self.message} in {self.database}"


class PlannedMessage(msgspec.Struct, frozen=True):
    """One message of which something is wanted."""

    name: str
    bus: str
    id: int
    extended: bool
    decode: Callable[[bytes], tuple[int | None, ...]]
    """Raw values of the wanted signals, by slot."""
    signals: tuple[int, ...]
    """By slot."""
    needed_bytes: int
    """Payload that carries every wanted signal that is in every frame."""
    cycle_ms: int | None
    pages: Pages | None
    """Where a wanted signal is on a multiplexer page: each signal's newest value is kept for itself then."""
    on_change: tuple[int, ...] = ()
    """Signals to be checked at each frame."""
    feeds: tuple[int, ...] = ()
    """Conditions that read it."""
    checksum: Checker | None = None
    counter: Callable[[bytes], int | None] | None = None
    clock: bool = False
    leads: tuple[tuple[int, int], ...] = ()
    """Groups that follow one of its signals, with that signal."""
    device: bool = False
    """Said by the box itself (`agent.devices`): no frame of a bus."""
    says_privacy: bool = False
    """It holds the signal by which the vehicle says the privacy."""
    watched: bool = False
    """An event reads it, or records it."""
    transport: bool = False
    """An ISO-TP message (`agent.isotp`): what is decoded is put together from frames of this id first."""
    with_length: bool = False
    """The database counts a byte of length before the ISO-TP message."""
    also: tuple[tuple[int, bool], ...] = ()
    """Other ids, each with whether it has 29 bits, of which it describes the ISO-TP messages as well."""
    j1939: bool = False
    """Every frame of its parameter group is one of it (`agent.sampling.aliases`)."""
    source: int | None = None
    """On a J1939 bus, the address of who sends it; None: whoever is heard first."""
    refused_fd: bool | None = None
    """Frames that are of CAN FD (True) or are not (False) are none of it, by its database."""
    claims: tuple[Claim, ...] = ()
    """Where its bus has other messages with the same id: those, after its own."""
    graces_ms: tuple[int, ...] = ()
    """By slot, how old a value may be in any case; where nothing else is known, `OBSERVED_GRACE_MS`."""

    @property
    def keys(self) -> tuple[FrameKey, ...]:
        """The frames that it is read from, its own id first."""
        return ((self.bus, self.id, self.extended), *((self.bus, *other) for other in self.also))

    @property
    def multiplexed(self) -> bool:
        return self.pages is not None

    @property
    def eager(self) -> bool:
        """Whether each frame is looked at when it comes, and not only the newest when a sample is due."""
        integrity = self.checksum or self.counter
        each = self.multiplexed or self.on_change or self.feeds or integrity or self.clock or self.leads or self.device
        return bool(each or self.transport or self.watched or self.says_privacy)


class PlannedGroup(msgspec.Struct, frozen=True):
    """A group of the manifest."""

    interval_ms: int
    on_change: bool
    signals: range
    follows: int | None = None
    """A signal of the group: it is sampled when that comes, instead of at multiples of the interval."""
    strides: Mapping[VehicleState, int] = msgspec.field(default_factory=dict)
    """States in which it is sampled less often: only with each so many intervals."""


class PlannedClock(msgspec.Struct, frozen=True):
    """A signal that gives UTC: seconds since the Unix epoch, as a physical value."""

    signal: int
    uncertainty_ms: int
    condition: int | None


class Plan(msgspec.Struct, frozen=True):
    profile: Profile
    manifest: Manifest
    buses: tuple[str, ...]
    messages: tuple[PlannedMessage, ...]
    signals: tuple[PlannedSignal, ...]
    conditions: tuple[Expression, ...]
    groups: tuple[PlannedGroup, ...]
    known: frozenset[FrameKey]
    """Every frame that a database of the plan describes, wanted or not."""
    cadences_ms: Mapping[VehicleState, int]
    """How often an upload ends in each state; 0 for never."""
    state_of: Callable[[Lookup], VehicleState]
    """What an awake vehicle is doing, by the newest values."""
    clock: PlannedClock | None
    findings: Mapping[Path, tuple[Finding, ...]]
    """What was repaired or left out of each database."""
    privacy: PlannedPrivacy
    events: tuple[PlannedEvent, ...] = ()
    crash: PlannedCrash | None = None
    first_ms: int = 0
    """How soon after waking the first upload ends; 0: with the cadence."""
    silence_ms: int = SILENCE_MS
    remote: PlannedRemote | None = None
    """What may be transmitted; None: nothing, ever."""
