"""What the commands of `canlift-bridge` have in common: their form, and words that several of them take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from cloud_bridge.settings import Settings
from cloud_bridge.storage import Storage
from contract.configuration import Duration

Actions = argparse._SubParsersAction
Command = Callable[[argparse.Namespace, Storage, Console], int]
"""Does it on an open database; the exit code."""
OwnCommand = Callable[[argparse.Namespace, Settings, Console], int]
"""Opens for itself what it needs."""
DEFAULT_CONFIG = Path("config/bridge.toml")


class Parents(NamedTuple):
    """Options that commands share."""

    common: argparse.ArgumentParser
    listing: argparse.ArgumentParser
    """Also `--json`."""


def parents() -> Parents:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings; {DEFAULT_CONFIG} or the defaults when left out"
    )
    common.add_argument("--database", type=Path, metavar="FILE", help="instead of the one that the settings name")
    listing = argparse.ArgumentParser(add_help=False, parents=[common])
    listing.add_argument("--json", action="store_true", help="for machines")
    return Parents(common, listing)


def group(commands: Actions[argparse.ArgumentParser], name: str, text: str) -> Actions[argparse.ArgumentParser]:
    return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="ACTION")


def action(
    actions: Actions[argparse.ArgumentParser], name: str, run: Command, parent: argparse.ArgumentParser, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, parents=[parent], help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def own_action(
    actions: Actions[argparse.ArgumentParser], name: str, run: OwnCommand, parent: argparse.ArgumentParser, text: str
) -> argparse.ArgumentParser:
    """One that is not handed an open database."""
    parser = actions.add_parser(name, parents=[parent], help=text, description=text)
    parser.set_defaults(run_alone=run)
    return parser


def duration(text: str) -> Duration:
    """Raises argparse.ArgumentTypeError."""
    try:
        return Duration.parse(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(f"expected {wrong}") from wrong
