"""`canlift-bridge client`: who may read, and what vehicles do for whom."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from rich.console import Console

from cloud_bridge.access.secrets import hash_secret, new_secret
from cloud_bridge.actions.life import REMOTE_TYPES
from cloud_bridge.cli import lists
from cloud_bridge.cli.grammar import Actions, Parents, action, group
from cloud_bridge.cli.usage import UsageError
from cloud_bridge.clock import clock_ms
from cloud_bridge.server.https import fingerprint, fingerprint_of
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import BURST, DAY, Client

HIGHEST_LIMIT = 1_000_000_000
_ALL = "all"


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    client = group(commands, "client", "who may read, and what vehicles do for whom")
    add = action(client, "add", _add, parents.listing, "make a client; prints its secret, this once")
    add.add_argument("--user", required=True, help="user name of HTTP Basic")
    add.add_argument("--fleet", required=True, action="append", metavar="ID", help="may be given several times")
    _limits(add)
    _certificates(add)
    _remotes(add)
    text = "bind a client to other certificates, of which its connections show one, from its next request on"
    bind = action(client, "certificates", _bind, parents.common, text)
    bind.add_argument("id", metavar="CLIENT_ID")
    _certificates(bind)
    bind.add_argument("--none", action="store_true", help="to none: it shows no certificate")
    text = "change what a client may have vehicles do, from its next request on"
    permit = action(client, "remotes", _permit, parents.common, text)
    permit.add_argument("id", metavar="CLIENT_ID")
    _remotes(permit)
    permit.add_argument("--none", action="store_true", help="nothing: it may read")
    text = "change how often a client may ask, from its next request on"
    change = action(client, "limit", _limit, parents.common, text)
    change.add_argument("id", metavar="CLIENT_ID")
    _limits(change)
    action(client, "list", lists.clients, parents.listing, "all clients")
    action(client, "remove", _remove, parents.common, "end a client's access").add_argument("id", metavar="CLIENT_ID")


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--day", type=int, metavar="N", help=f"requests in any 24 hours ({DAY:,})")
    parser.add_argument("--burst", type=int, metavar="N", help=f"requests in any second ({BURST:,})")


def _certificates(parser: argparse.ArgumentParser) -> None:
    text = "a certificate that its connections show, PEM; may be given several times; needs [api.tls] client_ca"
    parser.add_argument("--certificate", type=Path, action="append", default=[], metavar="FILE", help=text)
    text = "the same by the SHA-256 of the certificate"
    parser.add_argument("--fingerprint", action="append", default=[], metavar="HEX", help=text)


def _remotes(parser: argparse.ArgumentParser) -> None:
    choices = (*REMOTE_TYPES, _ALL)
    text = f"a type of remote action that it may ask for; may be given several times ({', '.join(choices)})"
    parser.add_argument("--remote", action="append", default=[], choices=choices, metavar="TYPE", help=text)


def _add(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if not options.user or ":" in options.user:
        raise UsageError("a user name cannot be empty or have a colon in it: HTTP Basic has no room for one")
    _expect_limits(options)
    secret = new_secret()
    fleets = tuple(dict.fromkeys(options.fleet))
    day, burst = options.day or DAY, options.burst or BURST
    shown = _fingerprints(options, storage)
    permitted = _permitted(options)
    client = Client(secrets.token_hex(16), options.user, hash_secret(secret), fleets, day, burst, shown, permitted)
    storage.registry.add_client(client, clock_ms())
    lists.show_secret(client, secret, console, as_json=options.json)
    return 0


def _bind(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    shown = _fingerprints(options, storage)
    if options.none == bool(shown):
        raise UsageError("give certificates, or --none: one of the two")
    storage.registry.bind_client(options.id, shown)
    console.print(f"client {options.id} shows {' or '.join(shown) or 'no certificate'} from now on", markup=False)
    return 0


def _permit(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    permitted = _permitted(options)
    if options.none == bool(permitted):
        raise UsageError("give --remote, or --none: one of the two")
    storage.registry.permit_client(options.id, permitted)
    named = ", ".join(permitted) or "no remote action"
    console.print(f"client {options.id} may ask for {named} from now on", markup=False)
    return 0


def _permitted(options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name for name in REMOTE_TYPES if name in options.remote or _ALL in options.remote)


def _fingerprints(options: argparse.Namespace, storage: Storage) -> tuple[str, ...]:
    tls = storage.settings.api.tls
    if (options.certificate or options.fingerprint) and (tls is None or tls.client_ca is None):
        raise UsageError("[api.tls] client_ca has to say who signs the certificates of clients: none is asked for now")
    try:
        found = [*map(fingerprint_of, options.certificate), *map(fingerprint, options.fingerprint)]
    except ValueError as wrong:
        raise UsageError(str(wrong)) from wrong
    return tuple(dict.fromkeys(found))


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
