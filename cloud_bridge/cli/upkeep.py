"""`canlift-bridge rebuild`, `… prune` and `… status`: what is stored, and what is made of it."""

from __future__ import annotations

import argparse
import json

from msgspec import to_builtins
from rich.console import Console

from cloud_bridge.cli import lists, rebuilding
from cloud_bridge.cli.grammar import Actions, Parents, action
from cloud_bridge.pruning import describe
from cloud_bridge.storage import Storage


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    text = "derive again what vehicles sent, and say what came out differently"
    rebuild = action(commands, "rebuild", rebuilding.rebuild, parents.listing, text)
    rebuild.add_argument("vins", nargs="*", metavar="VIN")
    rebuild.add_argument("--all", action="store_true", help="all vehicles")
    text = "delete what is older than [retention] of the settings says; a bridge does it every hour"
    action(commands, "prune", _prune, parents.listing, text)
    action(commands, "status", lists.summary, parents.listing, "what is stored, what waits, what was refused")


def _prune(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    pruned = storage.pruner.prune()
    if options.json:
        console.print_json(json.dumps(to_builtins(pruned)))
    else:
        console.print(describe(pruned), markup=False)
    return 0
