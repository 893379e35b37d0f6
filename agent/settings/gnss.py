"""[gnss]: the receiver."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from agent.settings.address import address
from contract.configuration import Keys

GPSD_PORT = 2947


class GnssSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A port, or gpsd."""

    port: str | None = None
    """The serial device that NMEA 0183 sentences come from."""
    baud: int = 9600
    gpsd: str | None = None
    """`host` or `host:port` of a gpsd that has the receiver."""

    def gpsd_address(self) -> tuple[str, int]:
        """Host and port of gpsd, where it is named."""
        return address(self.gpsd or "localhost", GPSD_PORT)

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [gnss]."""
        if (self.port is None) == (self.gpsd is None):
            yield (), "expected either port, of a receiver, or gpsd, where that has the receiver"
        if self.gpsd is not None:
            try:
                address(self.gpsd, GPSD_PORT)
            except ValueError as wrong:
                yield ("gpsd",), str(wrong)
