"""`canlift-bridge serve` and `canlift-bridge health`. What serves is loaded when it is wanted: the other commands do
without a web server."""

from __future__ import annotations

import argparse

from rich.console import Console

from cloud_bridge.cli.grammar import Actions, Parents, own_action
from cloud_bridge.cli.health import expect_healthy
from cloud_bridge.settings import Settings


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    own_action(commands, "serve", _serve, parents.common, "take in what vehicles send, and serve the API")
    text = "ask the bridge that serves whether it does; for container engines and the like"
    own_action(commands, "health", _health, parents.common, text)


def _serve(_: argparse.Namespace, settings: Settings, console: Console) -> int:
    from cloud_bridge.serve import serve

    return serve(settings, console)


def _health(_: argparse.Namespace, settings: Settings, console: Console) -> int:
    console.print(expect_healthy(settings.api), markup=False)
    return 0
