"""Receipts: the bridge's word on what it holds.

A receipt names one boot of one vehicle and sequence numbers of it that are committed in the database, as ranges; uploads
it refused (quarantined, hence also kept) by digest where they could not even be numbered; and manifests it lacks. It is
sent after the commit and never before; receiving it twice, late or out of order is harmless.

    {1: boot (16 bytes), 2: [[first, last], …], ? 3: [refused digest (8 bytes), …], ? 4: [manifest id (8 bytes), …]}
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    boot: bytes
    """16 bytes; all zero in a receipt that only refuses or asks."""
    held: tuple[range, ...] = ()
    refused: tuple[bytes, ...] = ()
    """First 8 bytes of the SHA-256 of each payload that could not be read far enough to number it."""
    wanted: tuple[bytes, ...] = ()
    """Ids of manifests that the bridge lacks: the vehicle publishes them on its manifest topic."""

    def covers(self, sequence: int) -> bool:
        return any(sequence in held for held in self.held)
