"""Commands of the cloud's are carried out, and answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.privacy.guard import Outcome as Said
from agent.uplink.orders import Orders
from contract.command import Command, Watching
from contract.result import Cause, Outcome, Result
from contract.upload import Privacy

if TYPE_CHECKING:
    from contract.actions import Action


def obey(
    orders: Orders,
    privacy: Callable[[str, Privacy, int, int], Said],
    act: Callable[[Command, Action], None] | None = None,
) -> int:
    """Carries out what waits, or begins to; how many commands that were. `privacy` is `Box.obey`, `act` is
    `Remote.take` where anything is done, as `Orders` knows."""
    commands = orders.take()
    for command in commands:
        if isinstance(command.body, Privacy):
            said = privacy(command.id.hex(), command.body, command.issued_utc_ms, command.expires_utc_ms)
            orders.answer(_result(command.id, said))
        elif act is not None and not isinstance(command.body, Watching):
            act(command, command.body)
    return len(commands)


def _result(identity: bytes, said: Said) -> Result:
    if said in (Said.FORGOTTEN, Said.OVERTAKEN):
        return Result(identity, Outcome.FAILED, said.value, Cause.GENERAL_ERROR)
    return Result(identity, Outcome[said.name])
