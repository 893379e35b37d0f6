"""`canlift-agent`: a module for each command, loaded when it is the one, as a service should not carry the others."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from agent.cli.ending import FAILED, INTERRUPTED, OK, USAGE, UsageError, complain
from agent.profiles import UnknownModelError
from contract.configuration import ConfigurationError

__all__ = ["FAILED", "INTERRUPTED", "OK", "USAGE", "main"]

COMMANDS = {
    "run": ("agent.cli.run", "collect from live buses until stopped"),
    "status": ("agent.cli.status", "show how the agent that runs is"),
    "enroll": ("agent.cli.enroll", "ask for the vehicle's certificate, and take it"),
    "compile": ("agent.cli.compile", "read the databases of a profile for the next start"),
    "check": ("agent.cli.check", "say what a profile collects and which data it serves"),
    "replay": ("agent.cli.replay", "play recorded logs as if they were the vehicle"),
    "journal": ("agent.cli.journal", "show what is in a journal"),
}
"""Each module has `main(words) -> int`, and `FAILURES` where exceptions end it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done; 1: it failed, or not every upload is receipted; 2: wrong usage or settings;
    3: the vehicle is another one; 130: interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        return _explain(words)
    command = load(words[0])
    failures: tuple[type[Exception], ...] = getattr(command, "FAILURES", ())
    try:
        status: int = command.main(words[1:])
    except (UsageError, UnknownModelError, ConfigurationError) as wrong:
        complain(str(wrong))
        return USAGE
    except failures as failure:
        complain(str(failure))
        return FAILED
    except OSError as failure:
        complain(f"{failure.filename}: {failure.strerror}")
        return FAILED
    return status


def load(name: str) -> ModuleType:
    """The module of a command."""
    gc.disable()  # What is loaded stays: to look for garbage in it makes a start longer by a tenth.
    try:
        return import_module(COMMANDS[name][0])
    finally:
        gc.freeze()
        gc.enable()


def _explain(words: Sequence[str]) -> int:
    import argparse
    from importlib.metadata import version

    parser = argparse.ArgumentParser(prog="canlift-agent", description="Lifts what a vehicle says on its CAN buses.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (_, what) in COMMANDS.items():
        commands.add_parser(name, help=what)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('canlift')}")
    parser.parse_args(words)
    return USAGE
