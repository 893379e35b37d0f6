"""[events]: which of the profile's events this vehicle leaves out."""

from __future__ import annotations

import msgspec


class EventSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    off: tuple[str, ...] = ()
    """Names of events, built-in ones among them. What they would have told goes with the next regular upload."""
