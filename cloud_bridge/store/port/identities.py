"""The certificates that vehicles were given."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Issued(msgspec.Struct, frozen=True):
    serial: int
    vin: str | None
    """None: the vehicle was erased, or it is of no vehicle."""
    der: bytes
    """The certificate; empty where there is no VIN."""
    issued_at_ms: int
    ends_at_ms: int
    revoked_at_ms: int | None = None


class Identities(Protocol):
    def add(self, issued: Issued) -> None:
        """Forgets those that ended before it was issued: nobody believes them any more, revoked or not."""
        ...

    def of(self, vin: str) -> list[Issued]:
        """Those of a vehicle that may still hold, oldest first."""
        ...

    def revoke(self, vin: str, now_ms: int) -> int:
        """All of a vehicle: from the next batch on nothing is taken from it, and what it was asked to do ends. How many
        were not revoked already."""
        ...

    def revoked(self, now_ms: int) -> list[Issued]:
        """Those that would hold otherwise, by their serial numbers."""
        ...
