"""`canlift-bridge privacy` and `canlift-bridge remote`: what vehicles are asked."""

from __future__ import annotations

import argparse
import base64

from rich.console import Console

from cloud_bridge.cli import lists
from cloud_bridge.cli.grammar import Actions, Parents, action, duration, group, own_action
from cloud_bridge.cli.privacy import ask_for_privacy
from cloud_bridge.cli.usage import UsageError
from cloud_bridge.clock import clock_ms
from cloud_bridge.remote.key import command_key
from cloud_bridge.settings import Settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError
from contract.configuration import Duration
from contract.signing import public_key
from contract.upload import Privacy

_LONGEST_VALID = Duration.parse("90d")


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    text = "ask a vehicle to keep more or less to itself; waits for its answer"
    privacy = own_action(commands, "privacy", _privacy, parents.common, text)
    privacy.add_argument("vin", metavar="VIN")
    privacy.add_argument("privacy", type=_privacy_word, metavar="None|Geolocation|Full")
    text = "how long the command holds if the vehicle is away; %(default)s when left out"
    privacy.add_argument("--valid", type=duration, default=Duration.parse("1d"), metavar="DURATION", help=text)
    text = "how long to wait for the answer; %(default)s when left out"
    privacy.add_argument("--wait", type=duration, default=Duration.parse("30s"), metavar="DURATION", help=text)
    text = "do not sign the command: for a vehicle of the first release, which knows no signatures"
    privacy.add_argument("--unsigned", action="store_true", help=text)

    remote = group(commands, "remote", "what vehicles are asked to do")
    text = "print what vehicles know our commands by: [commands] keys of agent.toml"
    action(remote, "key", _show_key, parents.common, text)
    text = "what vehicles are being asked now: how far it is, and how often they were woken up this month"
    action(remote, "list", lists.remotes, parents.listing, text)


def _show_key(_: argparse.Namespace, storage: Storage, console: Console) -> int:
    """Prints the public one as `[commands] keys` of agent.toml has it."""
    console.print(base64.b64encode(public_key(command_key(storage.registry))).decode(), markup=False)
    return 0


def _privacy_word(text: str) -> Privacy:
    for privacy in Privacy:
        if text.lower() == privacy.lower():
            return privacy
    raise argparse.ArgumentTypeError(f"expected {', '.join(Privacy)}, found {text!r}")


def _privacy(options: argparse.Namespace, settings: Settings, console: Console) -> int:
    vin: str = options.vin.upper()
    if options.valid > _LONGEST_VALID:
        raise UsageError(f"--valid {options.valid}: expected at most {_LONGEST_VALID}")
    # Closed before the waiting begins: the answer may take a while.
    storage = Storage(settings)
    try:
        if storage.registry.vehicle(vin) is None:
            raise RegistryError(f"not registered: {vin}; see `canlift-bridge vehicle list`")
        if not storage.receiving.is_registered(vin):
            # It would wait at the broker for nobody.
            raise RegistryError(storage.receiving.stranger(vin)[1])
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
