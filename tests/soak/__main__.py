"""`python -m tests.soak`: hours of vehicle time in minutes, as a table, and as build/soak.json with every sample.

Exits 1 when memory, file descriptors or threads do not stay flat, or something was not delivered.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT, needed
from tests.soak.soak import Plan, Soaked, soak
from tests.soak.verdict import Bounds, Finding, findings

RESULTS = ROOT / "build" / "soak.json"
LEAST_HOURS = 2.0
RESTARTS_AN_HOUR = 3
"""Of the broker."""
BOUNDS = Bounds(rss_mb_an_hour=0.5, files=0, threads=0, steadiness=1.5)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make soak", description="Hours of vehicle time, and what is taken meanwhile."
    )
    parser.add_argument("--hours", type=float, default=Plan.hours, help="of vehicle time (default: %(default)g)")
    parser.add_argument("--speed", type=float, default=Plan.speed, help="hours in one (default: %(default)g)")
    options = parser.parse_args()
    if options.hours < LEAST_HOURS or options.speed <= 0:
        parser.error(f"expected {LEAST_HOURS:g} hours or more, and a speed above 0: what begins is warm-up")
    console = Console()
    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="soak.") as folder:
        plan = Plan(options.hours, options.speed, round(RESTARTS_AN_HOUR * options.hours))
        seen = soak(plan, Path(folder), needed("mosquitto", "mosquitto"), console.print)
    found = findings(seen, BOUNDS)
    console.print(_table(found, plan))
    write(seen, found)
    grew = [finding.what for finding in found if not finding.ok]
    if grew:
        console.print(f"[bold red]Not as it should be: {', '.join(grew)}")
    return 1 if grew else 0


def write(seen: Soaked, found: list[Finding]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    results = {
        "findings": {one.what: {"value": one.value, "unit": one.unit, "ok": one.ok} for one in found},
        "samples": {name: {"at_s": track.at_s, **track.values} for name, track in seen.tracks.items()},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _table(found: list[Finding], plan: Plan) -> Table:
    table = Table("what", "value", "at least", "at most", title=f"{plan.hours:g} hours at {plan.speed:g}×")
    for one in found:
        colour = "green" if one.ok else "red"
        bounds = ["" if abs(bound) == float("inf") else f"{bound:,g}" for bound in (one.least, one.most)]
        table.add_row(one.what, f"[{colour}]{one.value:,.4g} {one.unit}[/]", *bounds)
    return table


if __name__ == "__main__":
    sys.exit(main())
