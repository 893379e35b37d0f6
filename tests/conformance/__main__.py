"""`python -m tests.conformance`: whether every answer is as published, as a table, and as build/conformance.json.

Exits 1 when one is not, or when a published path is not served or has shown nothing. The specification and the
recordings are expected beside the project, at ../shared.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conformance.asker import Asker
from tests.conformance.tally import Operation
from tests.conformance.world import World
from tests.conftest import ROOT
from tests.published import Published

RESULTS = ROOT / "build" / "conformance.json"
MOST_LINKS = 300
_SHOWN = 40


def main() -> int:
    # Wide enough for the table where there is no terminal either.
    console = Console(width=max(150, Console().width))
    logging.getLogger().addHandler(logging.NullHandler())
    shared = ROOT.parent / "shared"
    if not shared.is_dir():
        console.print("[bold red]The specification is expected at ../shared, and is not there.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        console.print("replaying the recordings …")
        world = World(Path(folder), shared / "data")
        try:
            console.print("asking …")
            operations = asyncio.run(Asker(world, Published(shared), MOST_LINKS, records_each=2).ask_all())
        finally:
            world.close()
    console.print(_table(operations))
    write(operations)
    findings = [finding for operation in operations.values() for finding in operation.findings]
    for finding in findings[:_SHOWN]:
        console.print(finding, markup=False)
    missing = [path for path, operation in operations.items() if not operation.is_served]
    silent = [path for path, operation in operations.items() if operation.is_served and not operation.is_shown]
    for what, paths in (("not served", missing), ("without anything to show", silent)):
        if paths:
            console.print(f"[bold red]{what}: {', '.join(paths)}")
    return 1 if any(operation.invalid for operation in operations.values()) else 0


def write(operations: Mapping[str, Operation]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    results = {
        path if " " in path else f"GET {path}": {
            "requests": operation.requests,
            "statuses": {str(status): number for status, number in sorted(operation.statuses.items())},
            "invalid": operation.invalid,
        }
        for path, operation in operations.items()
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _table(operations: Mapping[str, Operation]) -> Table:
    statuses = sorted({status for operation in operations.values() for status in operation.statuses})
    table = Table(title="answers, by published path")
    table.add_column("path", no_wrap=True)
    for title in (*map(str, statuses), "invalid"):
        table.add_column(title, justify="right")
    for path, operation in operations.items():
        counts = [str(operation.statuses[status] or "") for status in statuses]
        colour = "red" if operation.invalid else "green"
        table.add_row(path, *counts, f"[{colour}]{operation.invalid}[/]")
    total = sum(operation.requests for operation in operations.values())
    table.caption = f"{total:,} questions"
    return table


if __name__ == "__main__":
    sys.exit(main())
