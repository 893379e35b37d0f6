"""`canlift-bridge vehicle add`, `… services` and `… erase`: which vehicles are known, and what they show."""

from __future__ import annotations

import argparse
import json
import secrets

from rich.console import Console

from cloud_bridge.cli.usage import UsageError
from cloud_bridge.clock import clock_ms
from cloud_bridge.mqtt.retained import take_back
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Vehicle
from contract.configuration import nearest
from contract.topics import is_vin

_NAMES = {
    "upload": "uploads",
    "manifest": "manifests",
    "certificate": "certificates, revoked from now on",
    "chunk": "uploads derived",
    "record": "records (trips, alerts, collisions …)",
    "status": "newest values",
    "checkpoint": "states to derive on from",
    "anchor": "time anchors",
    "kept_anchor": "time anchors of deleted uploads",
    "implausible": "values that were not believed",
    "quarantine": "refused payloads",
    "refusal": "counts of refused payloads",
    "held": "ranges of received numbers",
    "evicted": "ranges of numbers that never came",
    "pending": "uploads that waited",
    "wanted": "manifests asked for",
    "intake": "counts of uploads",
    "ledger": "counts of the vehicle's ledgers",
    "derived": "marks of how far it was derived",
    "theft": "thefts",
    "monitor_state": "states of monitors",
    "monitored": "marks of how far monitors were evaluated",
    "notification": "notifications",
    "fleet_vehicle": "memberships of fleets",
    "vehicle": "vehicles",
}


def add(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    vin = _vin(options)
    profile = storage.profiles.of(options.model).profile
    there = storage.registry.vehicle(vin)
    if there is not None and options.brand not in (None, there.brand):
        raise RegistryError(f"vehicle {vin} is there already, of the brand {there.brand!r} and not {options.brand!r}")
    now_ms = clock_ms()
    brand = options.brand if options.brand is not None else profile.brand
    services = _services(options.service or [], storage)
    if there is not None and options.service is not None and services != there.services:
        raise RegistryError(f"vehicle {vin} is there already; its services change by `canlift-bridge vehicle services`")
    vehicle = Vehicle(
        secrets.token_hex(20), vin, profile.model, brand, profile.motorization, now_ms, now_ms, services=services
    )
    storage.registry.add_vehicle(vehicle, options.fleet)
    known = storage.registry.vehicle(vin)
    console.print(vehicle.id if known is None else known.id, markup=False)
    return 0


def subscribe(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    vin: str = options.vin.upper()
    if options.all == bool(options.services):
        raise UsageError("give the names of services, or --all for everything: one of the two")
    storage.registry.subscribe(vin, _services(options.services, storage), clock_ms())
    console.print(f"vehicle {vin} shows {', '.join(options.services) or 'everything'} from now on", markup=False)
    return 0


def _vin(options: argparse.Namespace) -> str:
    """Raises UsageError."""
    vin: str = options.vin.upper()
    if not is_vin(vin):
        raise UsageError(f"{options.vin!r} is not a VIN: expected 17 letters and digits, without I, O and Q")
    return vin


def _services(names: list[str], storage: Storage) -> tuple[str, ...]:
    """Raises UsageError for one that the settings do not have."""
    for name in storage.services.unknown(names):
        hint = nearest(name, storage.services.names())
        raise UsageError(f"service {name!r}: there is no [services.{name}] in the settings{hint}")
    return tuple(dict.fromkeys(names))


def erase(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    vin = _vin(options)
    try:
        removed = storage.erasing.erase(vin)
    except RegistryError:
        # It may have been erased when the broker could not be reached.
        take_back(storage.settings.mqtt, vin)
        raise
    if removed.get("certificate"):
        storage.issuer.publish()
    if options.json:
        console.print_json(json.dumps({"vin": vin, "removed": removed}))
        take_back(storage.settings.mqtt, vin)
        return 0
    console.print(f"nothing of vehicle {vin} is left in {storage.database.path}; removed were", markup=False)
    for table, count in removed.items():
        console.print(f"  {count} {_NAMES.get(table, table)}", markup=False)
    console.print("What it sends from now on is refused until it is registered again.")
    take_back(storage.settings.mqtt, vin)
    console.print("The broker keeps nothing for it.")
    return 0
