"""[gnss]: the receiver."""

from __future__ import annotations

import msgspec


class GnssSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: str
    """The serial device that NMEA 0183 sentences come from."""
    baud: int = 9600
