"""[asking]: whether the agent may ask the vehicle's computers what the profile wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from contract.configuration import Keys

LARGEST_SHARE = 0.1


class AskingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = False
    """Without it nothing is ever sent to the vehicle, whatever the profile says."""
    share: float = 0.01
    """How much of a bus questions and answers may take together, of its bit rate; up to a tenth."""
    silent_bus: bool = False
    """Ask also where nobody else is heard: behind a gateway that lets only answers through. It keeps awake what the
    questions keep awake, so only where the box itself goes off with the ignition."""
    vin_check: Literal["warn", "stop"] = "warn"
    """What to do when the vehicle says that it is another one: say so, or end the run as well."""

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [asking]."""
        if not 0 < self.share <= LARGEST_SHARE:
            yield ("share",), f"expected more than 0 and {LARGEST_SHARE} at most, found {self.share}"
