"""Health: what the agent says about itself, as one snapshot.

Each part of the agent gives its own section when it is asked, on the thread of the live loop; nothing is counted twice
for it and nothing is done while nobody asks. A section of a part that does not run is None.

What is shown (`canlift-agent status`), exported (`agent.health.metrics`) and told systemd is made of these types and
nothing else, so a new section or field appears everywhere. Fields are named with their unit (`_s`, `_ms`, `_bytes`,
`_v`, `_dbm`); a `Count` only goes up, from 0 at the start of the agent; what may be unknown is None. No position, no
secret and no payload is ever in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from contract.version import VERSION

FORMAT = 1
"""Goes up when a reader of the format before could misread this one."""

Count = Annotated[int, msgspec.Meta(extra={"counter": True})]
Counts = Annotated[dict[str, int], msgspec.Meta(extra={"counter": True})]
"""A `Count` each, by name."""


class BusHealth(msgspec.Struct, frozen=True, kw_only=True):
    interface: str
    """What it is read by: `socketcan can0`."""
    open: bool
    frames: Annotated[Count, "frames read"]
    error_frames: Annotated[Count, "error frames of the controller"] = 0
    remote_frames: Annotated[Count, "remote frames, which carry no data"] = 0
    dropped: Annotated[Count, "frames that the kernel dropped because they were not read in time"] = 0
    bus_off: Annotated[Count, "times that the controller went bus-off"] = 0
    unreadable: Annotated[Count, "what came and was no frame"] = 0
    recovered: Annotated[Count, "times that the interface failed and was opened again"] = 0
    silent: Annotated[bool, "whether nothing that is wanted came for half a minute"] = False
    only_errors: Annotated[bool, "whether only error frames came for half a minute, as at a wrong bit rate"] = False
    silent_s: Annotated[float | None, "time since the newest frame"] = None


class GnssHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of positions, never a position."""

    source: str
    open: bool
    fix: str | None = None
    """`2D`, `3D`; None: no fix."""
    satellites: Annotated[int | None, "satellites used"] = None
    fixes: Annotated[Count, "fixes received"] = 0
    unreadable: Annotated[Count, "sentences that were damaged"] = 0
    stale: Annotated[Count, "fixes passed over because the receiver said an old one again"] = 0
    recovered: Annotated[Count, "times that the port failed and was opened again"] = 0
    silent_s: Annotated[float | None, "time since the newest instant with a fix"] = None


class ModemHealth(msgspec.Struct, frozen=True, kw_only=True):
    port: str
    answering: bool
    registration: str | None = None
    operator: str | None = None
    technology: str | None = None
    signal_dbm: Annotated[float | None, "received signal strength"] = None
    sim: str | None = None
    """`READY`, `SIM PIN`, or the modem's error."""
    resets: Annotated[Count, "times that the modem was reset"] = 0
    unanswered: Annotated[Count, "commands that the modem did not answer in time"] = 0
    recovered: Annotated[Count, "times that the port failed and was opened again"] = 0


class ClockHealth(msgspec.Struct, frozen=True, kw_only=True):
    source: str | None = None
    """Of the anchor that dates what is collected: `gnss`, `system`, `bridge`; None: nothing is dated yet."""
    uncertainty_ms: Annotated[int | None, "how wrong the dates may be"] = None
    refused: Annotated[Counts, "times that were not believed, by who said them"] = {}


class SamplingHealth(msgspec.Struct, frozen=True, kw_only=True):
    frames: Annotated[Count, "frames taken from all buses"] = 0
    samples: Annotated[Count, "values put into uploads"] = 0
    uploads: Annotated[Count, "uploads made"] = 0
    unreadable: Annotated[Count, "what sources could not read"] = 0
    lag_s: Annotated[float | None, "how far sampling is behind the clock"] = None
    events: Annotated[Count, "events uploaded at once"] = 0
    held_back: Annotated[Count, "events that were not, by what clears them or by their limits"] = 0


class JournalHealth(msgspec.Struct, frozen=True, kw_only=True):
    depth: Annotated[int, "uploads pending"]
    size_bytes: Annotated[int, "bytes held, on disk and in memory"]
    most_bytes: Annotated[int, "bytes that it may hold"]
    by_priority: dict[str, int] = {}
    """Uploads pending: `event`, `state`, `history`."""
    refused_writes: Annotated[Count, "writes that the disk refused"] = 0
    damaged: Annotated[Count, "damaged places found"] = 0
    evicted: Annotated[Count, "uploads deleted without a receipt"] = 0
    thinned: Annotated[Count, "samples left out to make room"] = 0
    written_bytes: Annotated[Count, "bytes written to the disk"] = 0
    day_bytes: Annotated[int, "bytes written to the disk today; days begin with the start of the agent"] = 0
    most_day_bytes: Annotated[int | None, "bytes that may be written in a day"] = None
    wear_spent: bool = False
    """What the disk may be made to write is spent: history waits in memory."""
    trouble: str | None = None
    """Why nothing can be written at present; what is collected is held in memory."""
    newer: Annotated[int, "uploads that a newer version has written; they are left alone"] = 0


class UplinkHealth(msgspec.Struct, frozen=True, kw_only=True):
    connected: bool
    connections: Annotated[Count, "connections made"] = 0
    published: Annotated[Count, "uploads sent, repeats included"] = 0
    repeated: Annotated[Count, "uploads sent again"] = 0
    receipted: Annotated[Count, "uploads that the bridge has committed"] = 0
    refused: Annotated[Count, "uploads that the bridge put into quarantine"] = 0
    put_aside: Annotated[int, "uploads and manifests that do not get through"] = 0
    wire_bytes: Annotated[Count, "bytes of MQTT PUBLISH packets, repeats included"] = 0
    bytes_up: Annotated[Count, "bytes of IP packets sent: TLS, repeats of TCP and connections included"] = 0
    bytes_down: Annotated[Count, "bytes of IP packets received"] = 0
    failures: Annotated[Count, "connections that were lost or did not come about"] = 0
    failure: str | None = None
    """Why the last one was."""
    certificate_days: Annotated[float | None, "days that the vehicle's certificate still holds"] = None
    commands: Annotated[Count, "commands received"] = 0
    untrusted: Annotated[Count, "commands that no accepted key signed"] = 0
    dropped: Annotated[Count, "commands that there was no room for, and answers to what is not obeyed"] = 0
    unreadable: Annotated[Count, "receipts and commands that could not be read, or were for another vehicle"] = 0
    unknown_manifests: Annotated[Count, "manifests that were asked for and are not kept here"] = 0
    bridge_silent: bool = False
    """Uploads reach a broker and nobody receipts them."""
    day_bytes: Annotated[int | None, "bytes of today's budget that are used"] = None
    most_day_bytes: Annotated[int | None, "bytes that may be used in a day"] = None
    month_bytes: Annotated[int | None, "bytes of this month's budget that are used"] = None
    most_month_bytes: Annotated[int | None, "bytes that may be used in a month"] = None
    budget_spent: bool = False
    """There is no connection on purpose, until a day or month begins."""


class PowerHealth(msgspec.Struct, frozen=True, kw_only=True):
    supply_v: Annotated[float | None, "voltage of the supply"] = None
    ending: str | None = None
    """Why the box is about to go off."""
    endings: Annotated[Count, "times that the box was to go to sleep"] = 0
    failed: Annotated[Count, "of these, times that the command failed"] = 0
    unreadable: Annotated[Count, "readings of the supply that were none"] = 0


class AskingHealth(msgspec.Struct, frozen=True, kw_only=True):
    asked: Annotated[Count, "diagnostic questions sent"] = 0
    unanswered: Annotated[Count, "questions that nobody answered"] = 0
    refused: Annotated[Count, "negative answers"] = 0
    reasons: dict[str, int] = {}
    """Negative answers by their code of ISO 14229-1, two hexadecimal digits."""
    gave_way: Annotated[Count, "times that another tester was given way"] = 0
    vin_matches: bool | None = None
    """Whether the vehicle's own VIN is the configured one; None: it has not said."""
    trouble_codes: Annotated[int | None, "diagnostic trouble codes that the vehicle tells"] = None
    codes: tuple[str, ...] = ()
    """These codes, as people write them: `P0133`."""


class WatchingHealth(msgspec.Struct, frozen=True, kw_only=True):
    list_number: Annotated[int | None, "number of the watch list; none where there never was one"] = None
    watched: Annotated[int, "data of its conditions that are watched"] = 0
    skipped: Annotated[int, "data of them that cannot be"] = 0
    held_back: Annotated[Count, "uploads that were not made, by the allowance"] = 0
    refused: Annotated[Count, "lists that were none, for another vehicle, or signed by nobody who may"] = 0
    unwritten: Annotated[Count, "lists that the disk refused"] = 0


class RemoteHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Of what the cloud has the vehicle do."""

    done: Annotated[Count, "actions that were done, or had been already"] = 0
    failed: Annotated[Count, "actions that failed"] = 0
    refused: Annotated[Count, "actions that the settings or the profile do not allow"] = 0
    running: tuple[str, ...] = ()
    """What is being done."""
    frames: Annotated[Count, "frames transmitted"] = 0
    requests: Annotated[Count, "diagnostic requests transmitted"] = 0
    unwritten: Annotated[Count, "times that what was done could not be kept"] = 0
    tracking: bool = False
    """Whether it uploads at a pace of the cloud's."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    vin: str
    model: str
    boot: str
    """Hexadecimal."""
    pid: int
    uptime_s: Annotated[float, "time since the agent's start"]
    state: str | None = None
    """What the vehicle is doing: `driving`, `charging`, `parked`, `asleep`."""
    privacy: str | None = None
    privacy_unwritten: Annotated[Count, "times that the privacy could not be kept through a power cut"] = 0
    buses: dict[str, BusHealth] = {}
    sampling: SamplingHealth | None = None
    gnss: GnssHealth | None = None
    modem: ModemHealth | None = None
    clock: ClockHealth | None = None
    journal: JournalHealth | None = None
    uplink: UplinkHealth | None = None
    power: PowerHealth | None = None
    asking: AskingHealth | None = None
    watching: WatchingHealth | None = None
    remote: RemoteHealth | None = None
    version: str = VERSION
    format: int = FORMAT


def _nothing() -> None:
    return None


class Parts(msgspec.Struct):
    """Who says what. A part that runs puts its own function here; the others say nothing."""

    buses: Callable[[], dict[str, BusHealth]] = dict
    state: Callable[[], str | None] = _nothing
    privacy: Callable[[], str | None] = _nothing
    privacy_unwritten: Callable[[], int] = int
    sampling: Callable[[], SamplingHealth | None] = _nothing
    gnss: Callable[[], GnssHealth | None] = _nothing
    modem: Callable[[], ModemHealth | None] = _nothing
    clock: Callable[[], ClockHealth | None] = _nothing
    journal: Callable[[], JournalHealth | None] = _nothing
    uplink: Callable[[], UplinkHealth | None] = _nothing
    power: Callable[[], PowerHealth | None] = _nothing
    asking: Callable[[], AskingHealth | None] = _nothing
    watching: Callable[[], WatchingHealth | None] = _nothing
    remote: Callable[[], RemoteHealth | None] = _nothing


class Identity(msgspec.Struct, frozen=True):
    """What does not change while the agent runs."""

    vin: str
    model: str
    boot: bytes
    pid: int


def take(identity: Identity, parts: Parts, uptime_s: float) -> Health:
    """Asks every part."""
    return Health(
        vin=identity.vin,
        model=identity.model,
        boot=identity.boot.hex(),
        pid=identity.pid,
        uptime_s=uptime_s,
        **{name: getattr(parts, name)() for name in Parts.__struct_fields__},
    )
