"""Which boots of vehicles' boxes are known, and when they ran."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Lived(NamedTuple):
    """A boot of a kernel, as far as what came of it is dated."""

    kernel: bytes
    """8 bytes."""
    from_ms: int
    to_ms: int
    uncertainty_ms: int
    """Of its best anchor."""


class Boots(Protocol):
    def heard(self, since_ms: int) -> list[str]:
        """Vehicles of which something came since then."""
        ...

    def lived(self, vin: str, since_ms: int) -> list[Lived]:
        """The vehicle's boots since then; one that goes on since before begins there."""
        ...
