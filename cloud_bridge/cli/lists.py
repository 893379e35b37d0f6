"""What the command line shows: tables for people, JSON for machines (`--json`, one document on standard output)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cloud_bridge.clock import clock_ms
from cloud_bridge.identity.doubles import doubles
from cloud_bridge.storage import MONITORS_FAILED, NOT_ALL_READ, SET_ASIDE, Storage
from cloud_bridge.store.port.damage import Unreadable
from cloud_bridge.store.port.receiving import Intake
from cloud_bridge.store.port.registry import Client

_SHOWN_GAPS = 3
_LOOKED_AT_MS = 86_400_000
"""How far back two boxes with one identity are looked for."""


def fleets(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    found = storage.registry.all_fleets()
    if options.json:
        return print_json(console, [{"id": one.id, "name": one.name, "description": one.description} for one in found])
    print_table(console, ("id", "name", "description"), [(one.id, one.name, one.description) for one in found])
    return 0


def vehicles(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    rows = []
    documents = []
    since_ms = clock_ms() - _LOOKED_AT_MS
    set_aside, unreadable = storage.damage.all_set_aside(), storage.damage.all_unreadable()
    for vehicle in storage.registry.all_vehicles():
        intake = storage.receiving.intake(vehicle.vin)
        member_of = storage.registry.fleets_of_vehicle(vehicle.vin)
        thefts = storage.registry.thefts(vehicle.vin)
        stolen_ms = next((theft.started_at_ms for theft in thefts if theft.ended_at_ms is None), None)
        twins = doubles(storage.boots.lived(vehicle.vin, since_ms))
        quarantined = sum(count for reason, count in intake.refusals.items() if reason != "dropped")
        documents.append(
            {
                "vin": vehicle.vin,
                "id": vehicle.id,
                "model": vehicle.model,
                "brand": vehicle.brand,
                "fleets": member_of,
                "services": list(vehicle.services),
                "stolenSince": time_text(stolen_ms),
                **_counted(intake),
                "setAsideSince": time_text(set_aside.get(vehicle.vin)),
                "unreadable": unreadable.get(vehicle.vin, Unreadable())._asdict(),
                "twoBoxes": [
                    {"boots": one.boots, "from": time_text(one.from_ms), "until": time_text(one.until_ms)}
                    for one in twins
                ],
                "ledger": intake.ledger,
            }
        )
        rows.append(
            (
                vehicle.vin,
                vehicle.id,
                vehicle.model,
                ", ".join(member_of),
                ", ".join(vehicle.services) or "all",
                str(intake.uploads),
                time_text(intake.last_upload_at_ms) or "never",
                _missing(intake),
                _waiting(intake),
                str(quarantined or ""),
                _damage(set_aside.get(vehicle.vin), unreadable.get(vehicle.vin)),
                "; ".join(" and ".join(one.boots) for one in twins),
            )
        )
    if options.json:
        return print_json(console, documents)
    titles = ["vin", "id", "model", "fleets", "services", "uploads", "last upload", "missing", "waiting", "quarantined"]
    print_table(console, [*titles, "damage", "two boxes"], rows)
    return 0


def remotes(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    now_ms = clock_ms()
    found = [(action, storage.actions.wake_ups(action.vin, now_ms)) for action in storage.actions.in_progress()]
    if options.json:
        return print_json(
            console,
            [
                {
                    "vin": action.vin,
                    "id": action.id,
                    "type": action.type,
                    "status": None if action.last is None else action.last.status,
                    "askedAt": time_text(action.asked_at_ms),
                    "waitsFor": action.life.phase.name.lower(),
                    "since": time_text(action.life.since_ms),
                    "wakeUpsThisMonth": wake_ups,
                    "fleet": action.fleet_id,
                    "callback": action.callback_id,
                }
                for action, wake_ups in found
            ],
        )
    columns = ("VIN", "action", "id", "told last", "asked", "since", "wake-ups this month")
    rows = [
        (
            action.vin,
            action.type,
            action.id,
            "" if action.last is None else action.last.status,
            time_text(action.asked_at_ms) or "",
            time_text(action.life.since_ms) or "",
            str(wake_ups),
        )
        for action, wake_ups in found
    ]
    print_table(console, columns, rows)
    return 0


def clients(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    found = storage.registry.all_clients()
    if options.json:
        return print_json(
            console,
            [
                {
                    "client_id": one.id,
                    "user": one.user,
                    "fleets": one.fleets,
                    "day": one.day,
                    "burst": one.burst,
                    "certificates": one.certificates,
                    "remotes": one.remotes,
                }
                for one in found
            ],
        )
    rows = [
        (one.id, one.user, str(one.day), str(one.burst), *map(", ".join, (one.fleets, one.certificates, one.remotes)))
        for one in found
    ]
    heads = ("client_id", "user", "a day", "a second", "fleets", "certificates", "may have vehicles do")
    print_table(console, heads, rows)
    return 0


def show_secret(client: Client, secret: str, console: Console, *, as_json: bool) -> None:
    if as_json:
        print_json(console, {"client_id": client.id, "user": client.user, "secret": secret})
        return
    console.print(f"client_id  {client.id}", markup=False)
    console.print(f"user       {client.user}", markup=False)
    console.print(f"secret     {secret}", markup=False)
    console.print("The secret is not kept: write it down now.")


def summary(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    registered = storage.registry.all_vehicles()
    intakes = [storage.receiving.intake(vehicle.vin) for vehicle in registered]
    refusals: dict[str, int] = {}
    for reasons in storage.receiving.refusals().values():
        for reason, count in reasons.items():
            refusals[reason] = refusals.get(reason, 0) + count
    waiting, dead = storage.outbox.counts()
    troubles = storage.troubles()
    last_ms = max((one.last_upload_at_ms for one in intakes if one.last_upload_at_ms is not None), default=None)
    counts = [
        ("fleets", "fleets", len(storage.registry.all_fleets())),
        ("vehicles", "vehicles", len(registered)),
        ("clients", "clients", len(storage.registry.all_clients())),
        ("uploads", "uploads", sum(one.uploads for one in intakes)),
        ("duplicates", "duplicates", sum(one.duplicates for one in intakes)),
        ("missing", "missing", sum(one.missing for one in intakes)),
        ("evicted", "evicted", sum(one.evicted for one in intakes)),
        ("waitingForManifest", "waiting for their manifest", sum(one.waiting_for_manifest for one in intakes)),
        ("waitingForTime", "waiting for a time", sum(one.waiting_for_time for one in intakes)),
        ("notificationsWaiting", "notifications that wait", waiting),
        ("notificationsDead", "notifications given up", dead),
        ("monitorsFailed", MONITORS_FAILED, troubles[MONITORS_FAILED]),
        ("vehiclesSetAside", SET_ASIDE, troubles[SET_ASIDE]),
        ("vehiclesNotAllRead", NOT_ALL_READ, troubles[NOT_ALL_READ]),
    ]
    if options.json:
        document = {key: count for key, _, count in counts}
        return print_json(console, {**document, "lastUpload": time_text(last_ms), "quarantined": refusals})
    rows = [(title, str(count)) for _, title, count in counts]
    rows.append(("last upload", time_text(last_ms) or "never"))
    rows += [(f"quarantined: {reason}", str(count)) for reason, count in sorted(refusals.items())]
    print_table(console, ("what", "how many"), rows)
    return 0


def _counted(intake: Intake) -> dict[str, object]:
    return {
        "uploads": intake.uploads,
        "duplicates": intake.duplicates,
        "lastUpload": time_text(intake.last_upload_at_ms),
        "missing": intake.missing,
        "gaps": [{"boot": boot, "first": first, "last": last} for boot, first, last in intake.gaps],
        "evicted": intake.evicted,
        "waitingForManifest": intake.waiting_for_manifest,
        "waitingForTime": intake.waiting_for_time,
        "contradictingAnchors": intake.contradicting_anchors,
        "refusals": intake.refusals,
        "implausible": intake.implausible,
    }


def _missing(intake: Intake) -> str:
    if not intake.missing:
        return ""
    shown = [f"{boot[:6]}…:{first}-{last}" for boot, first, last in intake.gaps[:_SHOWN_GAPS]]
    more = ["…"] if len(intake.gaps) > _SHOWN_GAPS else []
    return f"{intake.missing} ({', '.join(shown + more)})"


def _damage(since_ms: int | None, unreadable: Unreadable | None) -> str:
    parts = [] if since_ms is None else [f"set aside since {time_text(since_ms)}"]
    return "; ".join(parts if unreadable is None else [*parts, f"{unreadable.text} not readable"])


def _waiting(intake: Intake) -> str:
    parts = []
    if intake.waiting_for_manifest:
        parts.append(f"{intake.waiting_for_manifest} for their manifest")
    if intake.waiting_for_time:
        parts.append(f"{intake.waiting_for_time} for a time")
    return ", ".join(parts)


def time_text(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def print_table(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        # What is long is copied from here: nothing may be cut off.
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def print_json(console: Console, document: object) -> int:
    console.out(json.dumps(document, indent=2, ensure_ascii=False), highlight=False)
    return 0
