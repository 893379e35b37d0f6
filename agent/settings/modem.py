"""[modem]: the cellular modem's second port, and what may be done when no broker is reached."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from contract.configuration import Duration, Keys


class ModemSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: str
    """The serial device that takes AT commands, and that no data connection runs on."""
    baud: int = 115_200
    every: Duration = Duration(30_000)
    """How often it is asked how well it hears."""
    reset_after: Duration = Duration(600_000)
    """How long no broker was reached before the first step: registering anew. Each next one waits twice as long."""
    resets_a_day: int = 12
    """Steps in any 24 hours; 0 for none ever."""
    power_cycle: tuple[str, ...] = ()
    """The last step: a program that switches the modem off and on, and its arguments."""

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [modem]."""
        if self.resets_a_day < 0:
            yield ("resets_a_day",), f"expected 0 or more, found {self.resets_a_day}"
        if self.power_cycle and not self.power_cycle[0]:
            yield ("power_cycle",), "expected a program and its arguments"
