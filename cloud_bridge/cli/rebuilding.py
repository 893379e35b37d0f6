"""`canlift-bridge rebuild`: derives again what vehicles sent, and says what came out differently, and what of it could
not be read. A vehicle that cannot be derived keeps no other from it."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from cloud_bridge.cli.usage import UsageError
from cloud_bridge.deriving.difference import Difference, Pair, RecordChange
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.damage import DamagedError, Unreadable
from cloud_bridge.store.port.errors import RegistryError
from contract.configuration import ConfigurationError


class NotAllError(Exception):
    """All else is rebuilt; the text says what is not, and what could not be read."""


def rebuild(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if options.all == bool(options.vins):
        raise UsageError("give the VINs of vehicles, or --all for all of them: one of the two")
    vehicles = {vehicle.vin: vehicle.model for vehicle in storage.registry.all_vehicles()}
    vins: list[str] = list(vehicles) if options.all else [vin.upper() for vin in options.vins]
    strangers = [vin for vin in vins if vin not in vehicles]
    if strangers:
        raise RegistryError(f"not registered: {', '.join(strangers)}; see `canlift-bridge vehicle list`")
    documents = []
    unreadable: dict[str, Unreadable] = {}
    failed: list[str] = []
    for vin in vins:
        try:
            storage.profiles.of(vehicles[vin])
            difference = storage.deriver.rebuild(vin)
        except (ConfigurationError, DamagedError) as error:
            failed.append(f"{vin} is not derived: {error}")
            continue
        if any(difference.unreadable):
            unreadable[vin] = difference.unreadable
        if options.json:
            documents.append({"vin": vin, **_document(difference)})
        else:
            _show(vin, difference, console)
    if options.json:
        console.print_json(json.dumps(documents))
    if unreadable:
        total = Unreadable(*map(sum, zip(*unreadable.values(), strict=True)))
        failed.append(f"of {len(unreadable)} of {len(vins)} vehicles could not be read: {total.text}")
    if failed:
        raise NotAllError("\n".join(failed))
    return 0


def _show(vin: str, difference: Difference, console: Console) -> None:
    def line(text: str) -> None:
        console.print(text, markup=False)

    outcome = "this is what changed" if difference else "nothing changed"
    line(f"{vin} derived again: {outcome if difference.was_readable else 'what it was before cannot be read'}")
    if any(difference.unreadable):
        line(f"  could not be read: {difference.unreadable.text}")
    for change in difference.records:
        line(f"  {change.kind} {change.id} of {_time(change.started_at_ms)} {change.what}{_fields(change)}")
    for datum, (was, is_now) in difference.status.items():
        line(f"  status {datum}: {_value(was)} → {_value(is_now)}")
    for datum, (before, after) in difference.telemetry.items():
        line(f"  telemetry {datum}: {_messages(before, after)}")


def _messages(before: int, after: int) -> str:
    if before == after:
        return f"{after} messages, with other values or times"
    return f"{before} → {after} messages"


def _fields(change: RecordChange) -> str:
    return "".join(f"\n    {name}: {_value(was)} → {_value(is_now)}" for name, (was, is_now) in change.fields.items())


def _value(value: object) -> str:
    return "absent" if value is None else json.dumps(value)


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "changed": bool(difference) if difference.was_readable else None,
        "unreadable": difference.unreadable._asdict(),
        "records": [
            {
                "what": change.what,
                "kind": change.kind,
                "id": change.id,
                "startedAt": _time(change.started_at_ms),
                "fields": {name: _pair(pair) for name, pair in change.fields.items()},
            }
            for change in difference.records
        ],
        "status": {datum: _pair(pair) for datum, pair in difference.status.items()},
        "telemetry": {datum: _pair(pair) for datum, pair in difference.telemetry.items()},
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {"before": pair[0], "after": pair[1]}


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
