"""Protections: when the vehicle's user kept something to himself.

A record for each time in which the privacy of the vehicle was set to one of its states: from the first message that was
said under it to the first that was not. What shows a vehicle's data to others than its operator goes by them.
"""

from __future__ import annotations

from msgspec.structs import replace

from cloud_bridge.records.identity import record_id
from cloud_bridge.records.model import Message, Protection
from cloud_bridge.unify.privacy import STATE

KIND = "protection"


def follow(opened: Protection | None, message: Message, vin: str) -> list[Protection]:
    """The records that `message` ends or begins, in this order; the last one may be open."""
    said = message.values.get(STATE)
    if said is None or said == (None if opened is None else opened.state):
        return []
    changed = [] if opened is None else [replace(opened, ended_at_ms=message.at_ms)]
    if said in ("Geolocation", "Full"):
        identity = record_id(vin, KIND, message)
        changed.append(Protection(identity, message.at_ms, "Full" if said == "Full" else "Geolocation"))
    return changed
