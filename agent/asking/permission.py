"""Whether a run may ask its vehicle: only where the profile asks something and the settings allow it.

Otherwise nothing that could transmit is opened, and nothing that asking needs is even imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from agent.bus.interface import Interface
from agent.bus.losses import Losses
from agent.settings.agent import Settings
from contract.profile.profile import Profile

if TYPE_CHECKING:
    from agent.asking.asking import Asking

log = logging.getLogger(__name__)


def asking_of(
    vin: str,
    profile: Profile,
    settings: Settings,
    sources: Iterable[object],
    losses: Losses,
    monotonic_ms: Callable[[], int],
) -> Asking | None:
    """`sources` are those of the run; what python-can reads is asked through it. Nothing is opened yet."""
    if not profile.ask:
        return None
    if not settings.asking.enabled:
        log.info("the profile asks the vehicle, [asking] in the settings does not allow it: nothing is sent to it")
        return None
    from agent.asking.asking import Asking

    interfaces = {each.bus: each for each in sources if isinstance(each, Interface)}
    return Asking(vin, profile, settings.asking, settings.buses, interfaces, losses, monotonic_ms)
