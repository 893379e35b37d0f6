"""[privacy]: who besides the profile says it, and what becomes of what is pending."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from contract.configuration import Keys

State = Literal["None", "Geolocation", "Full"]


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    switch: Path | None = None
    """A file that a switch of the box's writes."""
    switch_values: dict[str, State] = {}
    """What its content means; by default it is the name of a state."""
    unknown: State = "Full"
    """What the vehicle's signal and the switch count as before they have ever said anything."""
    pending: Literal["remove", "send"] = "remove"
    """Whether what is pending when privacy sets in loses what may not be said any more, or is sent as it is."""

    def within(self, folder: Path) -> PrivacySettings:
        """With its path, which is relative to `folder`, absolute."""
        return msgspec.structs.replace(self, switch=self.switch and folder / self.switch)

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [privacy]."""
        if self.switch_values and self.switch is None:
            yield ("switch_values",), "says what the content of a switch means: give `switch`, its file"
