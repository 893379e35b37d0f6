"""`canlift-bridge notifications` and `canlift-bridge webhook secret`: what waits and what was given up, and what
notifications are signed with. The values of attributes are secrets of clients: none is shown."""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from cloud_bridge.cli.grammar import Actions, Parents, action, group
from cloud_bridge.cli.lists import print_json, print_table, time_text
from cloud_bridge.cli.usage import UsageError
from cloud_bridge.clock import clock_ms
from cloud_bridge.notify.signing import shown
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.outbox import Kept, Notification, Trouble, Waiting
from cloud_bridge.store.port.webhook_secrets import WebhookSecret
from contract.configuration import Duration

OVERLAP = Duration.parse("1d")
"""A secret that was replaced signs beside the new one for so long."""
MOST_SHOWN = 1000
_AT_ONCE = 1000


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    text = "what monitors and remote control tell: what waits, what was given up"
    actions = group(commands, "notifications", text)
    text = "whose wait, since when and why; and what was given up"
    everything = action(actions, "list", _show_all, parents.listing, text)
    everything.add_argument("--sender", metavar="ID", help="of one monitor or remote callback")
    text = "given up ones that are shown; %(default)s when left out"
    everything.add_argument("--limit", type=int, default=50, metavar="N", help=text)
    one = action(actions, "show", _show, parents.listing, "one of them, with what it tells")
    one.add_argument("id", metavar="ID")
    again = action(actions, "replay", _replay, parents.listing, "deliver again what was given up")
    again.add_argument("ids", nargs="*", metavar="ID")
    again.add_argument("--sender", metavar="ID", help="all of one monitor or remote callback")

    actions = group(commands, "webhook", "what notifications are signed with")
    secret = action(actions, "secret", _show_secret, parents.listing, "show the secret of a fleet, for its receivers")
    secret.add_argument("fleet", metavar="FLEET_ID")
    text = f"make another one; the one before signs beside it for {OVERLAP}"
    secret.add_argument("--rotate", action="store_true", help=text)


def _show_all(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if not 1 <= options.limit <= MOST_SHOWN:
        raise UsageError(f"--limit {options.limit}: expected 1 to {MOST_SHOWN}")
    waiting = {one.sender: one for one in storage.outbox.senders() if options.sender in (None, one.sender)}
    troubles = {one.sender: one for one in storage.outbox.troubles() if options.sender in (None, one.sender)}
    senders = [(name, waiting.get(name), troubles.get(name)) for name in sorted(waiting.keys() | troubles.keys())]
    total, dead = storage.outbox.dead(0, options.limit, options.sender)
    if options.json:
        return print_json(
            console,
            {
                "senders": [{"sender": name, **_waits(waits), **_trouble(trouble)} for name, waits, trouble in senders],
                "dead": total,
                "newestDead": [_kept(one) for one in dead],
            },
        )
    if senders:
        rows = [
            (name, *_waits_row(waits), *_trouble_row(trouble), "" if waits is None else waits.failure)
            for name, waits, trouble in senders
        ]
        heads = ("sender", "fleet", "waiting", "since", "failures", "next attempt", "last failure")
        print_table(console, heads, rows)
    else:
        console.print("nothing waits")
    console.print()
    if not total:
        console.print("nothing was given up")
        return 0
    more = f"; the newest {len(dead)} of them" if len(dead) < total else ""
    console.print(f"{total} given up{more}:", markup=False)
    dead_rows = [_dead_row(one) for one in dead]
    print_table(console, ("id", "sender", "vin", "of", "given up", "attempts", "last failure"), dead_rows)
    return 0


def _show(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    kept = storage.outbox.find(options.id)
    if kept is None:
        raise RegistryError(f"there is no notification {options.id}; see `canlift-bridge notifications list`")
    if options.json:
        return print_json(console, {**_kept(kept), "body": _body(kept.notification)})
    for key, value in _kept(kept).items():
        console.print(f"{key:<10} {'' if value is None else value}", markup=False)
    body = _body(kept.notification)
    console.print()
    if body is None:
        console.print("It was delivered: its body is not kept.")
    else:
        console.out(json.dumps(body, indent=2, ensure_ascii=False), highlight=False)
    return 0


def _replay(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    if bool(options.ids) == (options.sender is not None):
        raise UsageError("give the ids of notifications, or --sender for all of one: one of the two")
    number = 0
    if options.sender is not None:
        while replayed := storage.outbox.replay_all(options.sender, _AT_ONCE, clock_ms()):
            number += replayed
    else:
        number = storage.outbox.replay(options.ids, clock_ms())
    if not number and options.sender is not None:
        raise RegistryError(f"nothing of {options.sender} was given up; see `canlift-bridge notifications list`")
    missed = len(set(options.ids)) - number if options.ids else 0
    if options.json:
        print_json(console, {"replayed": number})
    else:
        console.print(f"{number} wait again, to be delivered within three days", markup=False)
    if missed:
        raise RegistryError(f"{missed} of these had not been given up; see `canlift-bridge notifications list`")
    return 0


def _show_secret(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    now_ms = clock_ms()
    if options.rotate:
        found = storage.webhook_secrets.rotate(options.fleet, now_ms, OVERLAP)
    else:
        found = storage.webhook_secrets.secrets(options.fleet, now_ms)
    current, *others = found
    if options.json:
        return print_json(console, {"fleet": options.fleet, "secrets": [_secret(one) for one in found]})
    console.print(shown(current.secret), markup=False)
    for one in others:
        console.print(f"The one before it signs as well until {time_text(one.expires_at_ms)}.", markup=False)
    return 0


def _waits(waits: Waiting | None) -> dict[str, object]:
    if waits is None:
        return {"fleet": None, "waiting": 0, "oldest": None, "lastFailure": None}
    oldest, failure = time_text(waits.oldest_ms), waits.failure or None
    return {"fleet": waits.fleet_id, "waiting": waits.number, "oldest": oldest, "lastFailure": failure}


def _waits_row(waits: Waiting | None) -> tuple[str, str, str]:
    return ("", "0", "") if waits is None else (waits.fleet_id, str(waits.number), time_text(waits.oldest_ms) or "")


def _trouble(trouble: Trouble | None) -> dict[str, object]:
    if trouble is None:
        return {"trouble": None}
    next_ms = None if trouble.newer_than is not None else trouble.next_attempt_ms
    told = {"failures": trouble.failures, "since": time_text(trouble.since_ms), "nextAttempt": time_text(next_ms)}
    return {"trouble": told}


def _trouble_row(trouble: Trouble | None) -> tuple[str, str]:
    if trouble is None:
        return "", ""
    next_attempt = time_text(trouble.next_attempt_ms) if trouble.newer_than is None else "with the next event"
    return f"{trouble.failures} since {time_text(trouble.since_ms)}", next_attempt or ""


def _dead_row(kept: Kept) -> tuple[str, ...]:
    one = kept.notification
    times = (time_text(one.at_ms) or "", time_text(kept.settled_at_ms) or "")
    return (one.id, one.sender, one.vin, *times, str(kept.attempts), kept.failure)


def _kept(kept: Kept) -> dict[str, object]:
    one = kept.notification
    return {
        "id": one.id,
        "sender": one.sender,
        "fleet": one.fleet_id,
        "vin": one.vin,
        "of": time_text(one.at_ms),
        "refresh": one.refresh,
        "state": kept.state.name.lower(),
        "written": time_text(kept.created_at_ms),
        "settled": time_text(kept.settled_at_ms),
        "attempts": kept.attempts,
        "failure": kept.failure,
        "batch": kept.batch,
    }


def _body(notification: Notification) -> object:
    return json.loads(notification.body) if notification.body else None


def _secret(one: WebhookSecret) -> dict[str, object]:
    return {
        "secret": shown(one.secret),
        "created": time_text(one.created_at_ms),
        "expires": time_text(one.expires_at_ms),
    }
