"""The port to the database, as its users see it. Adapters: `cloud_bridge.store.sqlite` (PostgreSQL will be another).

Every method that touches a vehicle's data is keyed by its VIN first. Ranges of time are half-open, [from, to), in Unix
milliseconds; several are a union. Lists are in ascending time.

Four ports for four users: `Registry` (the command line), `Receiving` (ingest), `Derived` (derivation) and `Reader` (the
API). Every method is one transaction, but for `Derived.forget`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Implausible, Message, Position, Record, Status
from contract.upload import Anchor, Ledger

Interval = tuple[int, int]
BEGINNING_MS = -(2**62)
"""Before everything."""
One = TypeVar("One", bound=Record)
"""One type of record."""


class Fleet(msgspec.Struct, frozen=True):
    id: str
    name: str
    description: str
    created_at_ms: int
    updated_at_ms: int


class Vehicle(msgspec.Struct, frozen=True):
    id: str
    """Opaque, 40 hex digits; not the VIN."""
    vin: str
    model: str
    """The vehicle profile."""
    brand: str
    motorization: str
    created_at_ms: int
    updated_at_ms: int
    changed_at_ms: int = 0
    """When what is shown of it changed last, by the clock of the bridge; the API's reader tells it. 0: never."""
    services: tuple[str, ...] = ()
    """What it is subscribed to; without any it shows everything."""


class Theft(Record, frozen=True):
    """That a vehicle was taken, and found again, as its operator says. Nothing that the vehicle says makes one."""

    ended_at_ms: int | None = None
    """None while it is stolen."""
    declared_at_ms: int = 0
    updated_at_ms: int = 0

    @property
    def until_ms(self) -> int | None:
        return self.ended_at_ms


DAY, BURST = 100_000, 100
"""What a client may ask of which nothing else is said."""


class Client(msgspec.Struct, frozen=True):
    id: str
    """`client_id` of the query."""
    user: str
    """User name of HTTP Basic."""
    secret_hash: str
    fleets: tuple[str, ...]
    day: int = DAY
    """Requests in any 24 hours."""
    burst: int = BURST
    """Requests in any second."""


class Reader(Protocol):
    """What the API reads. Answers reflect every upload receipted before the call."""

    def snapshot(self) -> AbstractContextManager[None]:
        """What this thread reads in the block is of one moment, but for what had to be derived first."""
        ...

    def client(self, client_id: str) -> Client | None: ...
    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]: ...
    def fleet(self, fleet_id: str) -> Fleet | None: ...
    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]: ...
    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None: ...

    def status(self, vin: str) -> Status | None: ...
    def messages(
        self,
        vin: str,
        within: Sequence[Interval],
        kinds: frozenset[str],
        offset: int,
        limit: int,
        data: frozenset[str] | None = None,
    ) -> tuple[int, list[Message]]:
        """The number of all telemetry messages with at least one datum of `kinds`, and `limit` of them from `offset` on
        (kinds as in `contract.catalog`, and no others than these). Where `data` are given, the datum is one of these;
        to count them costs more then."""
        ...

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]: ...
    def page_of_positions(
        self, vin: str, within: Sequence[Interval], offset: int, limit: int
    ) -> tuple[int, list[Position]]:
        """The number of all `positions`, and `limit` of them from `offset` on."""
        ...

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        """The last known at that time: the newest of then or before."""
        ...

    def thefts(self, vin: str) -> list[Theft]: ...
    def records(self, kind: type[One], vin: str, within: Sequence[Interval]) -> list[One]:
        """The vehicle's records of one type that overlap the ranges, in ascending start, those that go on included."""
        ...

    def record(self, kind: type[One], vin: str, record_id: str) -> One | None: ...
    def has_services(self, fleet_id: str) -> bool:
        """Whether a vehicle of the fleet is subscribed to services, and so shows some of its data only."""
        ...

    def statuses(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[tuple[Vehicle, Status]]]:
        """How many vehicles of the fleet have a status, and some of them by VIN."""
        ...

    def fleet_records(
        self,
        kind: type[One],
        fleet_id: str,
        within: Sequence[Interval],
        offset: int,
        limit: int,
        *,
        lasted: Interval | None = None,
        counts: Callable[[Vehicle, One], bool] | None = None,
    ) -> tuple[int, list[tuple[Vehicle, One]]]:
        """The number of all records as in `records`, of all vehicles of the fleet, and `limit` of them from `offset` on
        in ascending (start, VIN, id). Those only that are over and `lasted` from so many to so many ms, both included;
        and that `counts` says so of: to ask it, each has to be looked at."""
        ...

    def fleet_record(self, kind: type[One], fleet_id: str, record_id: str) -> tuple[Vehicle, One] | None: ...


class StoreError(Exception):
    """The database cannot be used, or not now; the text says which, why, and what to do."""


class DerivingError(StoreError):
    """Not now: it is being worked on."""


class RegistryError(Exception):
    """Something named does not exist, or exists already; the text says what."""


class Registry(Protocol):
    """Who is known. Raises `RegistryError` where a fleet, vehicle or client named is not there, or is there already."""

    def add_fleet(self, fleet: Fleet) -> None: ...
    def all_fleets(self) -> list[Fleet]: ...
    def add_vehicle(self, vehicle: Vehicle, fleets: Sequence[str]) -> None:
        """A vehicle that is there already, with the same model, joins `fleets` too and stays as it is."""
        ...

    def subscribe(self, vin: str, services: Sequence[str], now_ms: int) -> None:
        """The vehicle has these services from now on, and no others."""
        ...

    def all_vehicles(self) -> list[Vehicle]: ...
    def vehicle(self, vin: str) -> Vehicle | None: ...
    def fleets_of_vehicle(self, vin: str) -> list[str]: ...
    def add_theft(self, vin: str, theft: Theft) -> None:
        """Of a vehicle that is not stolen then."""
        ...

    def end_theft(self, vin: str, at_ms: int, now_ms: int) -> Theft:
        """The theft that goes on, as it is afterwards."""
        ...

    def thefts(self, vin: str) -> list[Theft]: ...
    def add_client(self, client: Client, created_at_ms: int) -> None: ...
    def all_clients(self) -> list[Client]: ...
    def limit_client(self, client_id: str, day: int | None, burst: int | None) -> None:
        """What is None stays as it is."""
        ...

    def remove_client(self, client_id: str) -> None: ...
    def key(self, name: str) -> bytes:
        """32 random bytes, the same ones for this name ever after."""
        ...


class Erasing(Protocol):
    """Leaves nothing of a vehicle."""

    def erase(self, vin: str) -> dict[str, int]:
        """Whether it is registered or not. How many rows were deleted, by table. Raises RegistryError where there is
        nothing of it, StoreError where it is deleted and its bytes may be left."""
        ...


class Pruning(Protocol):
    """Deletes what was received before a time, Unix milliseconds; a little with each call."""

    def prune_uploads(self, before_ms: int, limit: int) -> int:
        """At most `limit` of them; how many. What their boots' anchors say is kept while anything of these is there."""
        ...

    def prune_manifests(self, before_ms: int, limit: int) -> int:
        """Those that no upload names."""
        ...

    def prune_quarantine(self, before_ms: int, limit: int) -> int: ...
    def to_prune(self, before_ms: int) -> list[str]:
        """Vehicles of which something derived is of uploads received before."""
        ...

    def prune_derived(self, vin: str, before_ms: int) -> int:
        """One day of the vehicle's time of which everything was received before, with the records that ended in it: of
        how many uploads that was. 0: there is none, or the vehicle is being derived."""
        ...


class Uses(Protocol):
    """How often clients asked, by the minute (Unix time / 60 s)."""

    def uses(self, client_id: str, since: int) -> dict[int, int]:
        """Requests by minute, from minute `since` on."""
        ...

    def add_uses(self, uses: Mapping[str, Mapping[int, int]], since: int, kept: int) -> dict[str, dict[int, int]]:
        """Adds requests by client and minute; returns what each of these clients has then, from `since` on. Clients
        that are not there any more are passed over. Minutes before `kept` may be forgotten."""
        ...


class Received(NamedTuple):
    """One upload whose header was read and believed."""

    vin: str
    boot: bytes
    sequence: int
    manifest: bytes
    anchor: Anchor | None
    ledger: Ledger
    topic: str
    payload: bytes


class Refused(NamedTuple):
    """One payload that goes to quarantine."""

    vin: str
    """The topic's; empty where it names none."""
    topic: str
    reason: str
    detail: str
    payload: bytes


UNREGISTERED = "unregistered"
"""The reason of payloads of vehicles that are not registered: they are counted, and not kept."""


def not_registered(vin: str) -> str:
    return f"vehicle {vin} is not registered: `canlift-bridge vehicle add`"


class Committed(NamedTuple):
    """What a commit left in the database, for the receipts."""

    held: dict[tuple[str, bytes], list[tuple[int, int]]]
    """Per (vin, boot) touched: the ranges held, first and last inclusive."""
    wanted: dict[str, list[bytes]]
    """Per vehicle touched: ids of manifests that its uploads name and the database lacks."""
    duplicates: int
    conflicts: int
    """Uploads under a key that holds another payload: the first stays, the others went to quarantine."""
    strangers: int = 0
    """Uploads of vehicles that are not registered any more: they went to quarantine."""


class Intake(msgspec.Struct, frozen=True):
    """What came from one vehicle, and what is missing."""

    uploads: int = 0
    duplicates: int = 0
    last_upload_at_ms: int | None = None
    missing: int = 0
    """Sequence numbers below the newest of their boot that neither came nor were declared evicted."""
    evicted: int = 0
    """Sequence numbers that the vehicle declared deleted before they could be sent, and that never came."""
    gaps: tuple[tuple[str, int, int], ...] = ()
    """(boot in hex, first, last) of what is missing."""
    waiting_for_manifest: int = 0
    waiting_for_time: int = 0
    contradicting_anchors: int = 0
    """Anchors that date nothing because surer ones, or more, say otherwise."""
    refusals: dict[str, int] = {}
    """How often each reason to quarantine was met."""
    implausible: dict[str, dict[str, int]] = {}
    """What was said and cannot be, and so is published nowhere: how often, by datum and reason."""
    ledger: dict[str, int] = {}
    """Sums of the counts in the ledgers of its uploads, by `contract.upload.Count`; at most `MAXIMUM_COUNT`."""


class Receiving(Protocol):
    """What ingest writes."""

    def is_registered(self, vin: str) -> bool: ...
    def commit(
        self,
        uploads: Sequence[Received],
        manifests: Sequence[tuple[str, bytes, bytes]],
        refused: Sequence[Refused],
        now_ms: int,
    ) -> Committed:
        """Everything or nothing, on disk when it returns. `manifests` are (vin, id, body).

        What is of vehicles that are not registered is refused. An upload held in a copy of which more was thinned
        (`Count.THINNED`) is replaced, and derived anew; it counts as a duplicate."""
        ...

    def wanted(self) -> dict[str, list[bytes]]:
        """Manifests lacking, of every vehicle that lacks some."""
        ...

    def intake(self, vin: str) -> Intake: ...


class Waits(IntEnum):
    """What a pending upload waits for."""

    NOTHING = 0
    MANIFEST = 1
    ANCHOR = 2


def kernel_of(boot: bytes) -> bytes:
    """The kernel's boot in a boot of the agent."""
    return boot[:8]


class Pending(NamedTuple):
    """An upload to derive."""

    boot: bytes
    sequence: int
    manifest: bytes
    anchor: Anchor | None
    payload: bytes

    @property
    def kernel(self) -> bytes:
        """The kernel's boot: uploads of one share a clock."""
        return kernel_of(self.boot)


class Chunk(NamedTuple):
    """What one upload tells, dated."""

    boot: bytes
    sequence: int
    stretch: Stretch
    """From and to need not hold messages."""
    outside: Mapping[str, int] = {}
    """How many numbers were left out because they are outside their limits, by datum."""


class Undecodable(NamedTuple):
    """An upload that cannot be derived: its columns are not those of its manifest, or it covers too long a time."""

    upload: Pending
    reason: str
    detail: str


class Dating(NamedTuple):
    """How a kernel boot is dated from now on."""

    anchors: Sequence[Anchor]
    """All that are remembered of it."""
    believed: Collection[Anchor]
    """Those of them that date."""
    changed: Sequence[tuple[int, int | None]]
    """Ranges in Unix milliseconds, ends included, None without end: chunks that touch one are dated differently now."""


class Step(NamedTuple):
    """What looking at some pending uploads gave. Each is in one of the three."""

    datings: Mapping[bytes, Dating]
    """Of each kernel boot that got another anchor. What is dated differently becomes pending again, and so does what
    waited for one."""
    chunks: Sequence[Chunk]
    undecodable: Sequence[Undecodable]
    undated: Sequence[Pending]
    """Their boot has no anchor."""


class Checkpoint(NamedTuple):
    """A state of the fold to continue from."""

    until_ms: int
    """Everything before is in it."""
    span: int
    """3: a seam, before which something was deleted, so that what comes after goes on from there, whatever is told of
    before; 2: the last of a day; 1: the last of an hour; 0: only the newest."""
    history: bytes

    @property
    def is_seam(self) -> bool:
        return self.span == 3


class Fold(NamedTuple):
    """What folding from a checkpoint on left."""

    from_ms: int
    """The checkpoint's `until_ms`: records that start later, and later checkpoints, are replaced."""
    opened: Sequence[str]
    """Ids of records that were open at the checkpoint: replaced too."""
    status: Status | None
    """None: nothing was said yet."""
    records: Collection[Record]
    checkpoints: Sequence[Checkpoint]
    keep_from_ms: int
    """Checkpoints before are kept one a day only."""
    implausible: Sequence[Implausible] = ()
    """What was said from `from_ms` on and is not believed: it replaces what was not before; readers leave it out."""


class StaleError(Exception):
    """Another process derived the same vehicle meanwhile, or erased it: look again."""


class Extent(msgspec.Struct, frozen=True):
    """How far a vehicle is derived."""

    revision: int = 0
    dirty_from_ms: int | None = None
    """Chunks from here on are not in the records yet; None: all are."""
    profile: bytes = b""
    """Digest of the vehicle profile it was derived with."""
    is_ready: bool = False
    """There are uploads not derived yet that wait for nothing."""

    @property
    def is_half_forgotten(self) -> bool:
        """What is there of records is of no state that ever was."""
        return self.dirty_from_ms == BEGINNING_MS and not self.profile


class Derived(Protocol):
    """What derivation reads and writes. Writing needs the revision that was read, and raises StaleError when it is not
    the one in the database any more."""

    def to_derive(self, profiles: Mapping[str, bytes], fleet_id: str | None = None) -> list[str]:
        """Registered vehicles, of one fleet where it is named, that have uploads ready to derive, or chunks to fold, or
        were derived with another profile than the one whose digest `profiles` has for their model."""
        ...

    def extent(self, vin: str) -> Extent: ...
    def ready(self, vin: str, limit: int) -> list[Pending]:
        """Uploads not derived yet that wait for nothing."""
        ...

    def manifest(self, vin: str, manifest_id: bytes) -> bytes: ...
    def anchors(self, vin: str, kernels: Collection[bytes]) -> dict[bytes, tuple[Anchor, ...]]:
        """What is remembered of the anchors of these kernel boots; nothing of those that have none."""
        ...

    def put_step(self, vin: str, extent: Extent, step: Step, now_ms: int) -> Extent: ...
    def checkpoint(self, vin: str, up_to_ms: int) -> Checkpoint | None:
        """The newest whose `until_ms` is not above `up_to_ms`."""
        ...

    def seams(self, vin: str, from_ms: int) -> list[Checkpoint]:
        """Those after `from_ms`, in ascending time."""
        ...

    def stretches(self, vin: str, from_ms: int) -> Iterator[Stretch]:
        """All that begin at `from_ms` or later, by (from, to)."""
        ...

    def status(self, vin: str) -> Status | None:
        """As it was folded last; so are `records`, of all types, in ascending start."""
        ...

    def records(self, vin: str) -> list[Record]: ...
    def put_fold(self, vin: str, extent: Extent, fold: Fold) -> Extent: ...
    def forget(self, vin: str, profile: bytes) -> Iterator[Extent]:
        """Deletes everything that can be derived again, marks every upload as to be derived, with this profile. What
        was derived of uploads that are deleted stays as it is, and is folded again. Each item is one short transaction,
        and the last alone has the profile: whoever leaves off before leaves a vehicle that `is_half_forgotten`, to be
        forgotten from the beginning."""
        ...
