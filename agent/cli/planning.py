"""A plan as the settings want it."""

from __future__ import annotations

from pathlib import Path

from agent.cli.ending import UsageError
from agent.plan.compiling_events import event_names, without_events
from agent.plan.plan import Plan
from agent.settings.agent import Settings
from contract.configuration import nearest


def with_events(plan: Plan, settings: Settings, file: Path | None) -> Plan:
    """The plan with the events that the settings leave in it."""
    known = event_names(plan)
    for name in settings.events.off:
        if name not in known:
            raise UsageError(f"{file}: events.off: the profile has no event {name}{nearest(name, known)}")
    return without_events(plan, settings.events.off)
