"""`canlift-agent run`: the service."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from agent.asking.failures import WrongVehicleError
from agent.bus.failures import InterfaceError
from agent.cli.ending import OK, OTHER_VEHICLE, SETTINGS, UsageError, complain, stop_on_signals
from agent.cli.logs import log_to_stderr
from agent.cli.planning import as_wanted
from agent.journal.folder import HeldError
from agent.lifting import UplinkEndedError
from agent.live.run import run
from agent.plan.prepared import FOLDER as PLANS
from agent.plan.prepared import prepared_plan
from agent.settings.agent import load_settings
from agent.uplink.credentials import CredentialsError

FAILURES = (HeldError, CredentialsError, InterfaceError, UplinkEndedError)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="canlift-agent run", description="Collects from live buses until stopped.")
    parser.add_argument("--config", type=Path, default=SETTINGS, help=f"the settings (default: {SETTINGS})")
    parser.add_argument("--verbose", action="store_true", help="say everything")
    options = parser.parse_args(words)
    log_to_stderr(logging.DEBUG if options.verbose else logging.INFO)
    settings = load_settings(options.config)
    missing = [name for name in ("vin", "profile", "buses") if not getattr(settings, name)]
    if settings.vin is None or settings.profile is None or not settings.buses:
        hint = "" if settings.buses else "; [buses.NAME] says the channel of each of the profile's buses"
        raise UsageError(f"{options.config}: a live run needs {', '.join(missing)}{hint}")
    plan = as_wanted(prepared_plan(settings.profile, settings.state / PLANS), settings, options.config)
    unknown = sorted(settings.buses.keys() - set(plan.buses))
    if unknown:
        raise UsageError(
            f"{options.config}: the profile has no bus {', '.join(unknown)}; it has {', '.join(plan.buses)}"
        )
    if (problem := settings.power.supply_problem(plan.profile.power.supply)) is not None:
        raise UsageError(f"{options.config}: {problem}")
    try:
        run(settings.vin, settings, plan, stop_on_signals())
    except WrongVehicleError as other:
        complain(str(other))
        return OTHER_VEHICLE
    return OK
