"""The key that signs what the cloud asks of vehicles: made once, and kept in the database."""

from __future__ import annotations

from cloud_bridge.store.port.registry import Registry

_NAME = "commands"


def command_key(registry: Registry) -> bytes:
    """The private one, for `contract.command.encode_command`."""
    return registry.key(_NAME)
