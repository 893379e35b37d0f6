"""`canlift-agent compile`: reads the databases of the profile now, so that the next start need not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.cli.ending import FAILED, OK, SETTINGS, UsageError, complain
from agent.plan.prepared import FOLDER as PLANS
from agent.plan.prepared import prepared_plan
from agent.plan.stored import Shelf, key_of
from agent.settings.agent import load_settings


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="canlift-agent compile", description="Reads the databases of a profile, so that the next start need not."
    )
    parser.add_argument("--config", type=Path, default=SETTINGS, help=f"the settings (default: {SETTINGS})")
    options = parser.parse_args(words)
    settings = load_settings(options.config)
    if settings.profile is None:
        raise UsageError(f"{options.config}: no profile is named: give `profile`, the file of one")
    plan = prepared_plan(settings.profile, settings.state / PLANS)
    shelf = Shelf(settings.state / PLANS)
    if shelf.get(key_of(settings.profile, plan.profile)) is None:
        complain(f"{shelf.folder}: what was read could not be kept there")
        return FAILED
    wanted = sum(message.bus in plan.buses for message in plan.messages)
    sys.stdout.write(
        f"{plan.profile.label}: {wanted} of {len(plan.known)} messages are wanted, {len(plan.signals)} signals; "
        f"kept in {shelf.folder}\n"
    )
    return OK
