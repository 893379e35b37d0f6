"""`canlift-bridge fleet`: groups of vehicles."""

from __future__ import annotations

import argparse
import secrets

from rich.console import Console

from cloud_bridge.cli import lists
from cloud_bridge.cli.grammar import Actions, Parents, action, group
from cloud_bridge.cli.usage import UsageError
from cloud_bridge.clock import clock_ms
from cloud_bridge.shapes.ids import EXPECTED, is_id
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import Fleet


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    fleet = group(commands, "fleet", "groups of vehicles")
    add = action(fleet, "add", _add, parents.common, "make a fleet; prints its id")
    add.add_argument("name")
    add.add_argument("--description", default="")
    add.add_argument("--id", help="made up when left out")
    action(fleet, "list", lists.fleets, parents.listing, "all fleets")


def _add(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if not options.name.strip():
        raise UsageError("a fleet needs a name")
    if options.id is not None and not is_id(options.id):
        raise UsageError(f"--id {options.id!r} cannot stand in an address: expected {EXPECTED}")
    now_ms = clock_ms()
    fleet_id = secrets.token_hex(8) if options.id is None else options.id
    fleet = Fleet(fleet_id, options.name, options.description, now_ms, now_ms)
    storage.registry.add_fleet(fleet)
    console.print(fleet.id, markup=False)
    return 0
