"""What a callback is told of an action, as notifications: items of the published `events`."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from cloud_bridge.actions.life import Event
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.outbox import Notification
from cloud_bridge.store.port.remote import RemoteAction


def notifications(action: RemoteAction, events: Sequence[Event], now_ms: int) -> list[Notification]:
    """Of `events`, which come after what was told."""
    return [_notification(action, event, number, now_ms) for number, event in enumerate(events, len(action.told))]


def _notification(action: RemoteAction, event: Event, number: int, now_ms: int) -> Notification:
    status = {"type": "Done" if event.is_last else "Pending", "status": event.status}
    if event.cause is not None:
        status["failureCause"] = event.cause
    body = {
        "remoteActionId": action.id,
        "vin": action.vin,
        "eventDate": rfc3339(now_ms),
        "remoteType": action.type,
        "eventStatus": status,
    }
    return Notification(
        sha256(f"{action.id} {number}".encode()).hexdigest()[:32],
        action.callback_id,
        action.fleet_id,
        action.vin,
        now_ms,
        refresh=False,
        body=msgspec.json.encode(body),
        variables={
            "vin": action.vin,
            "callbackID": action.callback_id,
            "remoteType": action.type,
            "fleetID": action.fleet_id,
        },
    )
