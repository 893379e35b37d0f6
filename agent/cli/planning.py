"""A plan as the settings want it."""

from __future__ import annotations

from pathlib import Path

from agent.cli.ending import UsageError
from agent.plan.compiling_events import event_names, without_events, without_remote
from agent.plan.plan import Plan
from agent.settings.agent import Settings
from contract.configuration import nearest


def as_wanted(plan: Plan, settings: Settings, file: Path | None) -> Plan:
    """The plan with the events that the settings leave in it, and with actions where they are enabled."""
    known = event_names(plan)
    for name in settings.events.off:
        if name not in known:
            raise UsageError(f"{file}: events.off: the profile has no event {name}{nearest(name, known)}")
    plan = plan if settings.remote.enabled else without_remote(plan)
    return without_events(plan, settings.events.off)
