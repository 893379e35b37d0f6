"""Alerts: one record from the moment a warning comes on to the moment it goes off.

`alert.<Type>` true begins a record, unless one of the type is open; false ends it. A vehicle that sleeps says neither:
the alert stays open until it is said to be off. Positions are the last known ones at those moments.
"""

from __future__ import annotations

from msgspec.structs import replace

from cloud_bridge.records.identity import record_id
from cloud_bridge.records.model import Alert, Message, Position

PREFIX = "alert."


def follow(opened: dict[str, Alert], message: Message, position: Position | None, vin: str) -> list[Alert]:
    """The records that `message` begins or ends. `opened` holds the open ones by type and is changed in place;
    `position` is the newest known at the message's time."""
    changed = []
    for datum, on in message.values.items():
        if not datum.startswith(PREFIX):
            continue
        kind = datum[len(PREFIX) :]
        alert = opened.get(kind)
        if on is True and alert is None:
            identity = record_id(vin, datum, message)
            alert = Alert(identity, message.at_ms, kind, start_position=position, updated_at_ms=message.at_ms)
            opened[kind] = alert
            changed.append(alert)
        elif on is False and alert is not None:
            del opened[kind]
            changed.append(
                replace(alert, ended_at_ms=message.at_ms, end_position=position, updated_at_ms=message.at_ms)
            )
    return changed
