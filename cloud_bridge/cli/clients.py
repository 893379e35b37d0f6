"""`canlift-bridge client`: who may read."""

from __future__ import annotations

import argparse
import secrets

from rich.console import Console

from cloud_bridge import lists
from cloud_bridge.access.secrets import hash_secret, new_secret
from cloud_bridge.cli.grammar import Actions, Parents, action, group
from cloud_bridge.clock import clock_ms
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import BURST, DAY, Client
from cloud_bridge.usage import UsageError

HIGHEST_LIMIT = 1_000_000_000


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    client = group(commands, "client", "who may read")
    add = action(client, "add", _add, parents.listing, "make a client; prints its secret, this once")
    add.add_argument("--user", required=True, help="user name of HTTP Basic")
    add.add_argument("--fleet", required=True, action="append", metavar="ID", help="may be given several times")
    _limits(add)
    text = "change what a client may ask, from its next request on"
    change = action(client, "limit", _limit, parents.common, text)
    change.add_argument("id", metavar="CLIENT_ID")
    _limits(change)
    action(client, "list", lists.clients, parents.listing, "all clients")
    action(client, "remove", _remove, parents.common, "end a client's access").add_argument("id", metavar="CLIENT_ID")


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--day", type=int, metavar="N", help=f"requests in any 24 hours ({DAY:,})")
    parser.add_argument("--burst", type=int, metavar="N", help=f"requests in any second ({BURST:,})")


def _add(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if not options.user or ":" in options.user:
        raise UsageError("a user name cannot be empty or have a colon in it: HTTP Basic has no room for one")
    _expect_limits(options)
    secret = new_secret()
    fleets = tuple(dict.fromkeys(options.fleet))
    day, burst = options.day or DAY, options.burst or BURST
    client = Client(secrets.token_hex(16), options.user, hash_secret(secret), fleets, day, burst)
    storage.registry.add_client(client, clock_ms())
    lists.show_secret(client, secret, console, as_json=options.json)
    return 0


def _limit(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if options.day is None and options.burst is None:
        raise UsageError("nothing to change: give --day, --burst or both")
    _expect_limits(options)
    storage.registry.limit_client(options.id, options.day, options.burst)
    console.print(f"client {options.id} may ask so much from its next request on", markup=False)
    return 0


def _expect_limits(options: argparse.Namespace) -> None:
    for name in ("day", "burst"):
        limit: int | None = getattr(options, name)
        if limit is not None and not 1 <= limit <= HIGHEST_LIMIT:
            raise UsageError(f"--{name} {limit}: expected 1 to {HIGHEST_LIMIT}")


def _remove(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    storage.registry.remove_client(options.id)
    console.print(f"client {options.id} has no access any more", markup=False)
    return 0
