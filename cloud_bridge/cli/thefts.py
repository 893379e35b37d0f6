"""`canlift-bridge vehicle stolen` and `… recovered`: what its operator says of a vehicle that was taken."""

from __future__ import annotations

import argparse
import secrets
from datetime import datetime

from rich.console import Console

from cloud_bridge.cli.lists import time_text
from cloud_bridge.clock import clock_ms
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Theft


def moment(text: str) -> int:
    """Unix milliseconds of an RFC 3339 time. Raises argparse.ArgumentTypeError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a time such as 2024-03-05T07:42:10Z")
    return round(at.timestamp() * 1000)


def report_stolen(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    now_ms = clock_ms()
    since_ms = _passed(options.since, now_ms)
    theft = Theft(secrets.token_hex(20), since_ms, declared_at_ms=now_ms, updated_at_ms=now_ms)
    storage.registry.add_theft(options.vin.upper(), theft)
    console.print(theft.id, markup=False)
    return 0


def report_recovered(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    now_ms = clock_ms()
    theft = storage.registry.end_theft(options.vin.upper(), _passed(options.at, now_ms), now_ms)
    console.print(theft.id, markup=False)
    return 0


def _passed(at_ms: int | None, now_ms: int) -> int:
    if at_ms is not None and at_ms > now_ms:
        raise RegistryError(f"the time given, {time_text(at_ms)}, has not come yet: it is {time_text(now_ms)}")
    return now_ms if at_ms is None else at_ms
