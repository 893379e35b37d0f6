"""Whether a run may do anything for the cloud: only where the settings say so.

Otherwise nothing that could transmit is opened or even imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.bus.interface import Interface
from agent.plan.plan import Plan
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from contract.upload import Privacy

if TYPE_CHECKING:
    from agent.remote.remote import Remote


def remote_of(
    settings: Settings,
    folder: Path,
    plan: Plan,
    sources: Iterable[object],
    sampler: Sampler,
    privacy: Callable[[], Privacy],
    monotonic_ms: Callable[[], int],
    utc_ms: Callable[[], int | None],
) -> Remote | None:
    """`folder` keeps what the vehicle has to remember; what python-can reads of `sources` is transmitted through it."""
    if not settings.remote.enabled:
        return None
    from agent.remote.making import make

    interfaces = [each for each in sources if isinstance(each, Interface)]
    return make(settings, folder, plan, interfaces, sampler, privacy, monotonic_ms, utc_ms)
