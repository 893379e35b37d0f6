"""`canlift-bridge`: serve, and look after fleets, vehicles, clients and what is derived. A module for each group of
commands."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console
from rich.logging import RichHandler

from cloud_bridge.cli import clients, fleets, identity, notifications, remote, serving, upkeep, vehicles
from cloud_bridge.cli.grammar import DEFAULT_CONFIG, parents
from cloud_bridge.cli.health import UnwellError
from cloud_bridge.cli.privacy import NotDoneError
from cloud_bridge.cli.rebuilding import NotAllError
from cloud_bridge.cli.usage import UsageError
from cloud_bridge.identity.authority import IdentityError
from cloud_bridge.identity.shutting_out import StillInError
from cloud_bridge.mqtt.retained import StillKeptError
from cloud_bridge.remote.sending import UnsentError
from cloud_bridge.settings import Database, Settings, read_settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError, StoreError
from contract.configuration import ConfigurationError

__all__ = ["main"]

_FAILURES = (
    ConfigurationError,
    StoreError,
    RegistryError,
    UnsentError,
    NotDoneError,
    NotAllError,
    UnwellError,
    IdentityError,
    StillInError,
    StillKeptError,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 not done (the reason on standard error), 2 wrong usage."""
    options = _parser().parse_args(arguments)
    complaints = Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[_log(complaints)])
    # A pipe or a file has no width to fit into.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
    try:
        _expect_printable(options)
        return _done(options, _settings(options), console)
    except UsageError as error:
        complaints.print(f"canlift-bridge: {error}", markup=False)
        return 2
    except _FAILURES as error:
        complaints.print(f"canlift-bridge: {_told(error)}", markup=False)
        return 1


def _log(complaints: Console) -> logging.Handler:
    """Fitted to a terminal; elsewhere a line each with its time (UTC), as files, containers and `grep` have it."""
    if complaints.is_terminal:
        return RichHandler(console=complaints, show_path=False, omit_repeated_times=False)
    handler = logging.StreamHandler(complaints.file)
    lines = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    lines.converter = time.gmtime
    handler.setFormatter(lines)
    return handler


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _done(options: argparse.Namespace, settings: Settings, console: Console) -> int:
    if "run_alone" in options:
        code: int = options.run_alone(options, settings, console)
        return code
    storage = Storage(settings)
    try:
        code = options.run(options, storage, console)
    finally:
        storage.close()
    return code


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
    shared = parents()
    parser = argparse.ArgumentParser(prog="canlift-bridge", description="The cloud side of canlift.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('canlift')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (serving, fleets, vehicles, clients, identity, remote, notifications, upkeep):
        module.add_commands(commands, shared)
    return parser
