"""Ingest: a batch of messages from vehicles becomes one transaction, and then receipts.

What is checked here is what must be known to number an upload: that its header reads, that the vehicle it names is the
one of the topic, and that the vehicle is registered. Columns are looked at when the upload is derived. What fails a
check goes to quarantine with its reason and never holds up the rest of the batch.

Receipts are made after the commit and say what the database holds. Per kind of message:

* an upload under a new key, or the same payload again: held;
* the same upload before or after a full journal thinned it: the one with fewer samples left out stays; held;
* another payload under a key that is held: the first stays, this one is quarantined; held;
* an upload or manifest that cannot be read, or of a lying vehicle: quarantined, and refused by digest, so that the
  vehicle does not send it for ever;
* anything of a vehicle that is not registered, or whose certificates are revoked: counted in quarantine, without what
  it says, and *not* receipted. The vehicle keeps it, and what it keeps comes in once it is registered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from cloud_bridge.store.port.receiving import Received, Receiving, Refused
from contract.manifest import decode_manifest
from contract.receipt import Receipt
from contract.topics import MANIFEST, UP, vin_of
from contract.upload import read_header
from contract.wire import Refusal, WireError, digest

ASKED = 32
"""Manifests asked for at once, at most."""
_NO_BOOT = bytes(16)


class Delivery(NamedTuple):
    """A message as the broker gave it."""

    topic: str
    payload: bytes


class Receipts(NamedTuple):
    """What to publish after a commit: receipts by VIN; and how much of the batch was new."""

    by_vin: dict[str, list[Receipt]]
    uploads: int
    """New ones."""
    duplicates: int
    refused: int
    """Quarantined, conflicts included."""


class Ingest:
    def __init__(
        self, store: Receiving, clock_ms: Callable[[], int], told_ms: Callable[[], int | None] = lambda: None
    ) -> None:
        """`told_ms`: the time as receipts may say it, None while our own clock is not known to be right."""
        self._store = store
        self._clock_ms = clock_ms
        self._told_ms = told_ms

    def commit(self, batch: Sequence[Delivery]) -> Receipts:
        """Takes the batch in: all of it is on disk when this returns. Raises StoreError when it is not."""
        sorted_out = _Batch(self._store)
        for delivery in batch:
            sorted_out.take(delivery)
        committed = self._store.commit(sorted_out.uploads, sorted_out.manifests, sorted_out.refused, self._clock_ms())
        utc_ms = self._told_ms()
        held: defaultdict[str, list[Receipt]] = defaultdict(list)
        for (vin, boot), spans in committed.held.items():
            ranges = tuple(range(first, last + 1) for first, last in spans)
            # A vehicle that writes version 1 reads no other, and that has no time.
            held[vin].append(Receipt(boot, ranges, utc_ms=None if vin in sorted_out.older else utc_ms))
        receipts: dict[str, list[Receipt]] = {}
        for vin in held.keys() | committed.wanted.keys() | sorted_out.refusals.keys():
            refused = tuple(dict.fromkeys(sorted_out.refusals.get(vin, ())))
            wanted = tuple(committed.wanted.get(vin, ())[:ASKED])
            of_vin = held.get(vin) or [Receipt(_NO_BOOT)]
            # Refusals and wishes are the vehicle's, not a boot's: they go along with the first.
            receipts[vin] = [replace(of_vin[0], refused=refused, wanted=wanted), *of_vin[1:]]
        duplicates, conflicts = committed.duplicates, committed.conflicts
        new = len(sorted_out.uploads) - duplicates - conflicts - committed.strangers
        return Receipts(receipts, new, duplicates, len(sorted_out.refused) + conflicts + committed.strangers)

    def wanted(self) -> dict[str, Receipt]:
        """A receipt that asks for the manifests it lacks, for every vehicle that has sent uploads without one."""
        return {vin: Receipt(_NO_BOOT, wanted=tuple(ids[:ASKED])) for vin, ids in self._store.wanted().items()}


class _Batch:
    """A batch, sorted out."""

    def __init__(self, store: Receiving) -> None:
        self._store = store
        self.uploads: list[Received] = []
        self.older: set[str] = set()
        """Vehicles that have sent an upload of version 1."""
        self.manifests: list[tuple[str, bytes, bytes]] = []
        self.refused: list[Refused] = []
        self.refusals: defaultdict[str, list[bytes]] = defaultdict(list)
        """Digests to refuse, by VIN of the topic."""

    def take(self, delivery: Delivery) -> None:
        topic, payload = delivery
        vin, leaf = _place(topic)
        if vin is None:
            self._quarantine("", delivery, "wrong_topic", f"topic {topic!r} names no vehicle: its VIN is malformed")
            return
        if not self._store.is_registered(vin):
            self._quarantine(vin, delivery, *self._store.stranger(vin))
            return
        try:
            if leaf == UP:
                received, version = _received(vin, delivery)
                self.uploads.append(received)
                if version == 1:
                    self.older.add(vin)
            elif leaf == MANIFEST:
                decode_manifest(payload)
                self.manifests.append((vin, digest(payload), payload))
            else:
                self._quarantine(vin, delivery, "wrong_topic", f"{leaf!r} is not a topic that vehicles publish on")
        except WireError as error:
            self._quarantine(vin, delivery, error.reason, error.text)
            self.refusals[vin].append(digest(payload))

    def _quarantine(self, vin: str, delivery: Delivery, reason: str, detail: str) -> None:
        self.refused.append(Refused(vin, delivery.topic, reason, detail, delivery.payload))


@lru_cache(1 << 16)
def _place(topic: str) -> tuple[str | None, str]:
    """The vehicle and the last part of a topic; there are only so many."""
    return vin_of(topic), topic.rpartition("/")[2]


def _received(vin: str, delivery: Delivery) -> tuple[Received, int]:
    """The upload, and the version that it is written in."""
    header = read_header(delivery.payload)
    if header.vin != vin:
        raise WireError(Refusal.VIN_MISMATCH, f"the topic names {vin}, the upload {header.vin}")
    received = Received(
        vin,
        header.boot,
        header.sequence,
        header.manifest,
        header.anchor,
        header.ledger,
        delivery.topic,
        delivery.payload,
    )
    return received, header.version
