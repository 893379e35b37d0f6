"""`canlift-agent status`: how the agent that runs is, again each second on a terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.live import Live

from agent.cli import terminal
from agent.cli.ending import OK, SETTINGS
from agent.cli.overview import overview
from agent.health.asking import NoAnswerError, ask
from agent.settings.agent import load_settings
from agent.settings.health import STATUS_SOCKET

FAILURES = (NoAnswerError,)
_EVERY_S = 1.0


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="canlift-agent status", description="Shows how the agent that runs is.")
    parser.add_argument("--config", type=Path, help=f"the agent's settings (default: {SETTINGS}, if it is there)")
    parser.add_argument("--once", action="store_true", help="show it once and end")
    parser.add_argument("--json", action="store_true", help="once, for programs")
    options = parser.parse_args(words)
    path = _socket(options.config)
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(ask(path))).decode() + "\n")
        return OK
    console = terminal.console()
    if options.once or not console.is_terminal:
        before = ask(path)
        time.sleep(_EVERY_S)  # Two snapshots make rates of counts.
        console.print(overview(ask(path), before))
        return OK
    _live(path, console)
    return OK


def _live(path: Path, console: Console) -> None:
    newest = ask(path)
    try:
        with Live(overview(newest), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(_EVERY_S)
                before, newest = newest, ask(path)
                live.update(overview(newest, before), refresh=True)
    except KeyboardInterrupt:
        return


def _socket(config: Path | None) -> Path:
    if config is None and not SETTINGS.is_file():
        return STATUS_SOCKET
    return load_settings(config or SETTINGS).health.status_socket
