"""`canlift-bridge`: serve, and look after fleets, vehicles, clients and what is derived."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import to_builtins
from msgspec.structs import replace
from rich.console import Console
from rich.logging import RichHandler

from cloud_bridge import lists, rebuilding, registering, thefts
from cloud_bridge.access.secrets import hash_secret, new_secret
from cloud_bridge.clock import clock_ms
from cloud_bridge.ids import EXPECTED, is_id
from cloud_bridge.pruning import describe
from cloud_bridge.remote.key import command_key, show_key
from cloud_bridge.remote.privacy import NotDoneError, ask_for_privacy
from cloud_bridge.remote.sending import UnsentError
from cloud_bridge.settings import Database, Settings, read_settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError, StoreError
from cloud_bridge.store.port.registry import BURST, DAY, Client, Fleet
from cloud_bridge.usage import UsageError
from contract.configuration import ConfigurationError, Duration
from contract.upload import Privacy

_LONGEST_VALID = Duration.parse("90d")
DEFAULT_CONFIG = Path("config/bridge.toml")

HIGHEST_LIMIT = 1_000_000_000

Command = Callable[[argparse.Namespace, Storage, Console], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 not done (the reason on standard error), 2 wrong usage."""
    options = _parser().parse_args(arguments)
    complaints = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(console=complaints, show_path=False, omit_repeated_times=False)],
    )
    # A pipe or a file has no width to fit into.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
    try:
        _expect_printable(options)
        settings = _settings(options)
        if options.command == "serve":
            # Imported here: the other commands do without a web server.
            from cloud_bridge.serve import serve

            return serve(settings, console)
        if options.command == "privacy":
            return _privacy(options, settings, console)
        command: Command = options.run
        storage = Storage(settings)
        try:
            return command(options, storage, console)
        finally:
            storage.close()
    except UsageError as error:
        complaints.print(f"canlift-bridge: {error}", markup=False)
        return 2
    except (ConfigurationError, StoreError, RegistryError, UnsentError, NotDoneError, OSError) as error:
        complaints.print(f"canlift-bridge: {error}", markup=False)
        return 1


def _expect_printable(options: argparse.Namespace) -> None:
    """What is not UTF-8 cannot be stored, and what breaks lines cannot be listed."""
    for name, value in vars(options).items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isprintable():
                raise UsageError(f"{name} {text!r}: expected printable characters, in UTF-8")


def _settings(options: argparse.Namespace) -> Settings:
    config: Path | None = options.config
    if config is None:
        settings = read_settings(DEFAULT_CONFIG) if DEFAULT_CONFIG.is_file() else Settings()
    else:
        settings = read_settings(config)
    return settings if options.database is None else replace(settings, database=Database(options.database))


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings; {DEFAULT_CONFIG} or the defaults when left out"
    )
    common.add_argument("--database", type=Path, metavar="FILE", help="instead of the one that the settings name")
    listing = argparse.ArgumentParser(add_help=False, parents=[common])
    listing.add_argument("--json", action="store_true", help="for machines")

    parser = argparse.ArgumentParser(prog="canlift-bridge", description="The cloud side of canlift.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", parents=[common], help="take in what vehicles send, and serve the API")

    fleet = commands.add_parser("fleet", help="groups of vehicles").add_subparsers(required=True, metavar="ACTION")
    add = _action(fleet, "add", _add_fleet, [common], "make a fleet; prints its id")
    add.add_argument("name")
    add.add_argument("--description", default="")
    add.add_argument("--id", help="made up when left out")
    _action(fleet, "list", lists.fleets, [listing], "all fleets")

    vehicle = commands.add_parser("vehicle", help="what may send").add_subparsers(required=True, metavar="ACTION")
    add = _action(vehicle, "add", registering.add, [common], "register a vehicle, or let it join more fleets")
    add.add_argument("vin", metavar="VIN")
    add.add_argument("--model", required=True, help="its vehicle profile")
    add.add_argument("--fleet", required=True, action="append", metavar="ID", help="may be given several times")
    add.add_argument("--brand", help="the profile's when left out")
    text = "what it is subscribed to; may be given several times; everything when left out"
    add.add_argument("--service", action="append", metavar="NAME", help=text)
    change = _action(
        vehicle, "services", registering.subscribe, [common], "change what a vehicle is subscribed to, and so shows"
    )
    change.add_argument("vin", metavar="VIN")
    change.add_argument("services", nargs="*", metavar="NAME", help="[services] of the settings says which there are")
    change.add_argument("--all", action="store_true", help="everything, without services")
    text = "leave nothing of a vehicle in the database, and say what was removed"
    erase = _action(vehicle, "erase", registering.erase, [listing], text)
    erase.add_argument("vin", metavar="VIN")
    stolen = _action(vehicle, "stolen", thefts.report_stolen, [common], "say that a vehicle was taken; prints an id")
    stolen.add_argument("vin", metavar="VIN")
    stolen.add_argument("--since", type=thefts.moment, metavar="TIME", help="RFC 3339; now when left out")
    recovered = _action(vehicle, "recovered", thefts.report_recovered, [common], "say that it was found again")
    recovered.add_argument("vin", metavar="VIN")
    recovered.add_argument("--at", type=thefts.moment, metavar="TIME", help="RFC 3339; now when left out")
    _action(vehicle, "list", lists.vehicles, [listing], "all vehicles: what came, what is missing")

    client = commands.add_parser("client", help="who may read").add_subparsers(required=True, metavar="ACTION")
    add = _action(client, "add", _add_client, [listing], "make a client; prints its secret, this once")
    add.add_argument("--user", required=True, help="user name of HTTP Basic")
    add.add_argument("--fleet", required=True, action="append", metavar="ID", help="may be given several times")
    _limits(add)
    change = _action(client, "limit", _limit_client, [common], "change what a client may ask, from its next request on")
    change.add_argument("id", metavar="CLIENT_ID")
    _limits(change)
    _action(client, "list", lists.clients, [listing], "all clients")
    remove = _action(client, "remove", _remove_client, [common], "end a client's access")
    remove.add_argument("id", metavar="CLIENT_ID")

    privacy = commands.add_parser(
        "privacy", parents=[common], help="ask a vehicle to keep more or less to itself; waits for its answer"
    )
    privacy.add_argument("vin", metavar="VIN")
    privacy.add_argument("privacy", type=_privacy_word, metavar="None|Geolocation|Full")
    text = "how long the command holds if the vehicle is away; %(default)s when left out"
    privacy.add_argument("--valid", type=_duration, default=Duration.parse("1d"), metavar="DURATION", help=text)
    text = "how long to wait for the answer; %(default)s when left out"
    privacy.add_argument("--wait", type=_duration, default=Duration.parse("30s"), metavar="DURATION", help=text)
    text = "do not sign the command: for a vehicle of the first release, which knows no signatures"
    privacy.add_argument("--unsigned", action="store_true", help=text)

    remote = commands.add_parser("remote", help="what vehicles are asked to do").add_subparsers(
        required=True, metavar="ACTION"
    )
    _action(
        remote, "key", show_key, [common], "print what vehicles know our commands by: [commands] keys of agent.toml"
    )

    text = "derive again what vehicles sent, and say what came out differently"
    rebuild = commands.add_parser("rebuild", parents=[listing], help=text, description=text)
    rebuild.add_argument("vins", nargs="*", metavar="VIN")
    rebuild.add_argument("--all", action="store_true", help="all vehicles")
    rebuild.set_defaults(run=rebuilding.rebuild)
    text = "delete what is older than [retention] of the settings says; a bridge does it every hour"
    prune = commands.add_parser("prune", parents=[listing], help=text, description=text)
    prune.set_defaults(run=_prune)
    status = commands.add_parser("status", parents=[listing], help="what is stored, what waits, what was refused")
    status.set_defaults(run=lists.summary)
    return parser


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--day", type=int, metavar="N", help=f"requests in any 24 hours ({DAY:,})")
    parser.add_argument("--burst", type=int, metavar="N", help=f"requests in any second ({BURST:,})")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Command,
    parents: list[argparse.ArgumentParser],
    text: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, parents=parents, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _privacy_word(text: str) -> Privacy:
    for privacy in Privacy:
        if text.lower() == privacy.lower():
            return privacy
    raise argparse.ArgumentTypeError(f"expected {', '.join(Privacy)}, found {text!r}")


def _duration(text: str) -> Duration:
    try:
        return Duration.parse(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(f"expected {wrong}") from wrong


def _add_fleet(options: argparse.Namespace, storage: Storage, console: Console) -> int:
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


def _add_client(options: argparse.Namespace, storage: Storage, console: Console) -> int:
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


def _limit_client(options: argparse.Namespace, storage: Storage, console: Console) -> int:
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


def _remove_client(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    storage.registry.remove_client(options.id)
    console.print(f"client {options.id} has no access any more", markup=False)
    return 0


def _privacy(options: argparse.Namespace, settings: Settings, console: Console) -> int:
    vin: str = options.vin.upper()
    if options.valid > _LONGEST_VALID:
        raise UsageError(f"--valid {options.valid}: expected at most {_LONGEST_VALID}")
    storage = Storage(settings)
    try:
        _expect_registered(storage, [vin])
        key = None if options.unsigned else command_key(storage.registry)
    finally:
        storage.close()
    ask_for_privacy(
        settings.mqtt,
        vin,
        options.privacy,
        key,
        now_ms=clock_ms(),
        valid=options.valid,
        wait=options.wait,
        console=console,
    )
    return 0


def _prune(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    pruned = storage.pruner.prune()
    if options.json:
        console.print_json(json.dumps(to_builtins(pruned)))
    else:
        console.print(describe(pruned), markup=False)
    return 0


def _expect_registered(storage: Storage, vins: list[str]) -> None:
    strangers = [vin for vin in vins if storage.registry.vehicle(vin) is None]
    if strangers:
        raise RegistryError(f"not registered: {', '.join(strangers)}; see `canlift-bridge vehicle list`")


if __name__ == "__main__":
    sys.exit(main())
