"""[power]: what the vehicle says of its supply."""

from __future__ import annotations

import msgspec


class PowerRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    supply: str | None = None
    """A signal in volts: the 12 V battery. It is read where the box has no measurement of its own."""
