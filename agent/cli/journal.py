"""`canlift-agent journal`: what is in a journal, an agent at work there or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agent.cli import show, terminal
from agent.cli.ending import OK, SETTINGS, UsageError
from agent.journal.inventory import journals_in, take_inventory
from agent.settings.agent import load_settings


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="canlift-agent journal", description="Shows what is in a journal.")
    parser.add_argument("folder", type=Path, nargs="?", help="a journal or a state folder")
    parser.add_argument("--config", type=Path, default=SETTINGS, help="whose state folder to show otherwise")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(words)
    folder = options.folder if options.folder is not None else load_settings(options.config).state
    journals = journals_in(folder)
    if not journals:
        raise UsageError(f"{folder}: no journal is here")
    inventories = [take_inventory(path) for path in journals]
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(inventories)).decode() + "\n")
    else:
        for inventory in inventories:
            terminal.console().print(show.inventory_table(inventory))
    return OK
