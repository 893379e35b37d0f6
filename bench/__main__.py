"""`python -m bench`: every measurement as a table, and as build/bench.json for machines.

Exits 1 when a budget is missed. Recordings and benchmark inputs are expected beside the project, at ../shared; without
them the measurements that need them are named and left out. A new module adds its name to `MODULES`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measure import Measure

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "bench.json"
MODULES = {
    "decode": True,
    "history": False,
    "ingest": False,
    "journal": False,
    "monitors": False,
    "push": False,
    "startup": False,
    "status": False,
    "vehicle": True,
    "weather": True,
    "wire": True,
}
"""Each has `run(shared: Path) -> list[Measure]`; whether it needs the recordings."""


def main() -> int:
    console = Console()
    shared = ROOT.parent / "shared"
    measures = [_load_before()]
    for name, needs_recordings in MODULES.items():
        if needs_recordings and not shared.is_dir():
            console.print(f"[bold yellow]Left out: {name}. It needs the recordings, expected at ../shared.")
            continue
        console.print(f"measuring {name} …")
        measures += importlib.import_module(f"bench.{name}").run(shared)
    console.print(_table(measures))
    _write(measures)
    missed = [measure.name for measure in measures if not measure.ok]
    if missed:
        console.print(f"[bold red]Budget missed: {', '.join(missed)}")
    return 1 if missed else 0


def _load_before() -> Measure:
    """By others: where it is much, CPU times are longer than on a quiet machine, and ratios differ."""
    return Measure("machine: load before", os.getloadavg()[0], "", None, True, f"{os.cpu_count()} cores")


def _table(measures: list[Measure]) -> Table:
    table = Table("name", "value", "budget", "baseline", title="canlift, measured")
    for measure in measures:
        sign = "≤" if measure.at_most else "≥"
        budget = "" if measure.budget is None else f"{sign} {measure.budget:,g}"
        colour = "red" if not measure.ok else "green" if budget else ""
        value = f"{measure.value:,.4g} {measure.unit}"
        table.add_row(measure.name, f"[{colour}]{value}[/]" if colour else value, budget, measure.baseline)
    return table


def _write(measures: list[Measure]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    results = {
        measure.name: {
            "value": measure.value,
            "budget": measure.budget,
            "unit": measure.unit,
            "ok": measure.ok,
        }
        for measure in measures
    }
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
