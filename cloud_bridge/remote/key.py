"""The key that signs what the cloud asks of vehicles: made once, and kept in the database."""

from __future__ import annotations

import argparse
import base64

from rich.console import Console

from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import Registry
from contract.signing import public_key

_NAME = "commands"


def command_key(registry: Registry) -> bytes:
    """The private one, for `contract.command.encode_command`."""
    return registry.key(_NAME)


def show_key(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    """Prints the public one as `[commands] keys` of agent.toml has it."""
    del options
    console.print(base64.b64encode(public_key(command_key(storage.registry))).decode(), markup=False)
    return 0
