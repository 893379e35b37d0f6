"""Receipts: the bridge's word on what it holds.

A receipt names one boot of one vehicle and sequence numbers of it that are committed in the database, as ranges;
uploads it refused (quarantined, hence also kept) by digest where they could not even be numbered; and manifests it
lacks. It is sent after the commit and never before; receiving it twice, late or out of order is harmless.

    1  version              2, or 1 where there is no time
    2  boot                 16 bytes
    3  held                 [[first, last], …]
    4  refused              ? [digest (8 bytes), …]
    5  wanted               ? [manifest id (8 bytes), …]
    6  utc_ms               ? when the receipt was made

in canonical CBOR (`contract.wire`; schema in upload.cddl). What is empty is left out, but for `held`. The time came
with version 2: a receipt has one only where every upload that it answers is of version 2 too, so a vehicle can always
read it.
"""

from __future__ import annotations

import msgspec

from contract import wire
from contract.anchor import MAXIMUM_UTC_MS
from contract.ledger import BOOT_BYTES, MAXIMUM_SEQUENCE
from contract.wire import DIGEST_BYTES, Item, Refusal, WireError

VERSIONS = (1, 2)
MAXIMUM_BYTES = 64 * 1024
MAXIMUM_ENTRIES = 8192
"""Of each list."""
UTC_ERROR_MS = 500
"""A bridge says the time only while it knows it to be right within this."""
_DEPTH = 3
_REQUIRED = frozenset((1, 2, 3))
_ALLOWED = {1: frozenset((1, 2, 3, 4, 5)), 2: frozenset((1, 2, 3, 4, 5, 6))}


class Receipt(msgspec.Struct, frozen=True):
    boot: bytes
    """16 bytes; all zero in a receipt that only refuses or asks."""
    held: tuple[range, ...] = ()
    refused: tuple[bytes, ...] = ()
    """First 8 bytes of the SHA-256 of each payload that could not be read far enough to number it."""
    wanted: tuple[bytes, ...] = ()
    """Ids of manifests that the bridge lacks: the vehicle publishes them on its manifest topic."""
    utc_ms: int | None = None
    """When it was made, Unix milliseconds; None where the bridge does not know, or the vehicle does not read it."""

    def covers(self, sequence: int) -> bool:
        return any(sequence in held for held in self.held)


def encode_receipt(receipt: Receipt) -> bytes:
    """The payload of `receipt`. Raises `WireError` for a receipt that `decode_receipt` would refuse."""
    if any(held.step != 1 for held in receipt.held):
        raise WireError(Refusal.OUT_OF_RANGE, "held: a range with a step, which would stand for what is between")
    item: dict[int, Item] = {
        1: 1 if receipt.utc_ms is None else 2,
        2: receipt.boot,
        3: [[held.start, held.stop - 1] for held in receipt.held],
    }
    if receipt.refused:
        item[4] = list(receipt.refused)
    if receipt.wanted:
        item[5] = list(receipt.wanted)
    if receipt.utc_ms is not None:
        item[6] = receipt.utc_ms
    _receipt(item)
    payload = wire.write(item)
    if len(payload) > MAXIMUM_BYTES:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, at most {MAXIMUM_BYTES} are allowed")
    return payload


def decode_receipt(payload: bytes) -> Receipt:
    """The receipt in `payload`. Raises `WireError`."""
    return _receipt(wire.read(payload, MAXIMUM_BYTES, _DEPTH))


def _receipt(item: Item) -> Receipt:
    version = wire.version(item, VERSIONS, "receipt")
    fields = wire.entries(item, _REQUIRED, _ALLOWED[version], "receipt")
    return Receipt(
        wire.octets(fields[2], "boot", BOOT_BYTES),
        tuple(map(_held, wire.array(fields[3], 0, MAXIMUM_ENTRIES, "held"))),
        _digests(fields[4], "refused") if 4 in fields else (),
        _digests(fields[5], "wanted") if 5 in fields else (),
        wire.integer(fields[6], 0, MAXIMUM_UTC_MS, "utc") if 6 in fields else None,
    )


def _held(item: Item) -> range:
    first, last = wire.row(item, 2, "held")
    start = wire.integer(first, 0, MAXIMUM_SEQUENCE, "held, first")
    return range(start, wire.integer(last, start, MAXIMUM_SEQUENCE, "held, last") + 1)


def _digests(item: Item, what: str) -> tuple[bytes, ...]:
    return tuple([wire.octets(each, what, DIGEST_BYTES) for each in wire.array(item, 1, MAXIMUM_ENTRIES, what)])
