"""A receiver as a source of frames, and how well it hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.gnss.fix import Fix, to_frame
from agent.settings.gnss import GnssSettings

if TYPE_CHECKING:
    from agent.gnss.gpsd import Gpsd
    from agent.gnss.receiver import Receiver


class Fixes:
    """The receiver or the gpsd of the settings. Nothing is opened before the first `read`."""

    def __init__(self, settings: GnssSettings, losses: Losses, monotonic_ms: Callable[[], int]) -> None:
        self.losses = Losses(losses.report)
        """Of this source alone."""
        self.count = 0
        """Instants with a fix."""
        self.newest: Fix | None = None
        """The newest instant, with a fix or without."""
        self.newest_fix_ms: int | None = None
        """When there was a fix last."""
        if settings.gpsd is not None:
            host, port = settings.gpsd_address()
            self.name = f"gpsd {host}:{port}"
            from agent.gnss.gpsd import Gpsd

            self._receiver: Gpsd | Receiver = Gpsd(host, port, self.losses, monotonic_ms)
        else:
            self.name = settings.port or ""
            from agent.gnss.receiver import Receiver

            self._receiver = Receiver(self.name, settings.baud, self.losses, monotonic_ms)

    @property
    def connected(self) -> bool:
        return self._receiver.connected

    @property
    def stale(self) -> int:
        """Instants that were said again."""
        return self._receiver.stale

    def read(self, wait_s: float) -> list[Frame]:
        fixes = self._receiver.read(wait_s)
        if fixes:
            self.newest = fixes[-1]
            fixed = [fix.at_ms for fix in fixes if fix.fix is not None]
            self.count += len(fixed)
            if fixed:
                self.newest_fix_ms = fixed[-1]
        return [to_frame(fix) for fix in fixes]

    def close(self) -> None:
        self._receiver.close()
