"""Commands of the cloud's are carried out, and answered."""

from __future__ import annotations

from collections.abc import Callable

from agent.privacy.guard import Outcome as Said
from agent.uplink.orders import Orders
from contract.command import Outcome, Result
from contract.upload import Privacy


def obey(orders: Orders, privacy: Callable[[str, Privacy, int], Said]) -> int:
    """Carries out what waits; how many commands that were. `privacy` is `Box.obey`."""
    commands = orders.take()
    for command in commands:
        if isinstance(command.body, Privacy):
            said = privacy(command.id.hex(), command.body, command.expires_utc_ms)
            orders.answer(Result(command.id, Outcome[said.name]))
    return len(commands)
