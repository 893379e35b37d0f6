"""What ingest writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from contract.upload import Anchor, Ledger


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


REVOKED = "revoked"
"""The same of vehicles whose certificates are all revoked."""
NOT_KEPT = (UNREGISTERED, REVOKED)


def not_registered(vin: str) -> str:
    return f"vehicle {vin} is not registered: `canlift-bridge vehicle add`"


def certificates_revoked(vin: str) -> str:
    return f"the certificates of vehicle {vin} are revoked: `canlift-bridge vehicle enroll` gives it another one"


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
    """Uploads of vehicles that are not registered any more, or revoked: they went to quarantine."""


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

    def is_registered(self, vin: str) -> bool:
        """Whether it may send: it is known, and not revoked."""
        ...

    def stranger(self, vin: str) -> tuple[str, str]:
        """Why a vehicle that is not registered may not send: the reason, as it is counted, and in words."""
        ...

    def turn_away(self, vin: str, topic: str, payload: bytes, now_ms: int) -> str | None:
        """None for a vehicle that may send now; of another its message, which is no upload, is counted as refused. Why,
        in words."""
        ...

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
