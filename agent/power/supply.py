"""The voltage that feeds the box, from a file: an ADC of the kernel's (`/sys/bus/iio/…/in_voltage0_raw`), or the one in
which the program of an uninterruptible supply leaves it. The file holds one number.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.disk.small import read_small

log = logging.getLogger(__name__)

LEAST_V = 4.0
"""A box that is fed with less is off: such a reading is of a sensor that is not connected."""
GREATEST_V = 64.0


class SupplyFile:
    """`volts = number × scale + offset`."""

    def __init__(self, path: Path, scale: float = 1.0, offset: float = 0.0) -> None:
        self.path = path
        self.unreadable = 0
        """Readings that were none."""
        self._scale = scale
        self._offset = offset
        self._failing = False

    def read(self) -> float | None:
        """Volts; None where the file cannot be read, holds no number, or one that cannot be."""
        try:
            volts = float(read_small(self.path)) * self._scale + self._offset
        except (OSError, ValueError) as wrong:
            self._none(str(wrong))
            return None
        if not LEAST_V <= volts <= GREATEST_V:  # Also false for what is no number.
            self._none(f"{volts:g} V cannot be what feeds this box")
            return None
        self._failing = False
        return volts

    def _none(self, wrong: str) -> None:
        self.unreadable += 1
        if not self._failing:
            self._failing = True
            log.warning("supply: %s: %s", self.path, wrong)
