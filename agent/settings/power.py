"""[power]: when the box goes to sleep, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from contract.configuration import Duration, Keys


class PowerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    run_on: Duration | None = None
    """How long the box stays on once the vehicle sleeps; None: as long as it is fed."""
    supply_file: Path | None = None
    """Holds a number: the voltage that feeds the box is `number × supply_scale + supply_offset`. Without it the
    profile's `[power] supply` is read."""
    supply_scale: float = 1.0
    supply_offset: float = 0.0
    low: float | None = None
    """Volts. Below that for `low_for` the box goes to sleep, whatever the vehicle does but driving."""
    recovered: float | None = None
    """Volts. From there on the supply is not low any more; 0.4 V above `low` when absent."""
    low_for: Duration = Duration(60_000)
    drain: Duration = Duration(15_000)
    """How long the last upload may take on its way before the command is run."""
    command: tuple[str, ...] = ()
    """What sends the box to sleep: a program and its arguments. Without one the last upload is all that happens."""

    @property
    def recovered_v(self) -> float:
        if self.recovered is not None:
            return self.recovered
        return (self.low or 0.0) + 0.4

    def supply_problem(self, said: str | None) -> str | None:
        """Why a low supply would never be noticed; `said` is the signal that the profile names for it."""
        if self.low is None or self.supply_file is not None or said is not None:
            return None
        remedy = "give supply_file, or let the profile's [power] supply name a signal"
        return f"power.low: nothing tells the voltage: {remedy}"

    def within(self, folder: Path) -> PowerSettings:
        """With paths relative to a folder made absolute."""
        return msgspec.structs.replace(self, supply_file=self.supply_file and folder / self.supply_file)

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [power]."""
        if self.low is not None and self.recovered_v < self.low:
            yield ("recovered",), f"expected {self.low:g} V or more (as `low` is), found {self.recovered_v:g}"
        if self.low is not None and self.low <= 0:
            yield ("low",), f"expected a voltage, found {self.low:g}"
        if self.low is None and self.recovered is not None:
            yield ("recovered",), "says when a low supply has recovered: give `low` too"
        if self.supply_scale == 0:
            yield ("supply_scale",), "expected volts per unit of the file, found 0"
        if self.command and not self.command[0]:
            yield ("command",), "expected a program and its arguments"
