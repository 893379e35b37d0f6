"""What a client has added to its notifications: headers, query parameters and fields of the body, and the variables
that these may refer to."""

from __future__ import annotations

from collections.abc import Mapping

from cloud_bridge.notify.sender import Sender
from cloud_bridge.store.port.outbox import Notification

Values = tuple[tuple[str, str, str], ...]
"""Type, key and value of each attribute, in the registered order."""


def apart(sender: Sender) -> bool:
    """Whether each event is a call of its own because an address names the vehicle, as published."""
    return any(one.type == "Query" and one.value == "$vin" for one in sender.attributes)


def values(sender: Sender, notification: Notification) -> Values:
    known = _variables(sender, notification)
    return tuple((one.type, one.key, _value(one.value, known)) for one in sender.attributes)


def _value(text: str, known: Mapping[str, str]) -> str:
    return known.get(text[1:], "") if text.startswith("$") else text


def _variables(sender: Sender, notification: Notification) -> Mapping[str, str]:
    own = {"monitorId": "monitorID", "callbackId": "callbackID"}[sender.key]
    return {
        **notification.variables,
        "vin": notification.vin,
        "fleetID": notification.fleet_id,
        own: sender.id,
    }
