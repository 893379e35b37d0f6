"""Ids of records: what a record is of, not when it was written. Rebuilding gives the same ids.

What makes a record is the message that it begins with, and that is named by its moment on the vehicle's own clock. So
an id stays when late uploads bring a better time for what is known already.
"""

from __future__ import annotations

from hashlib import sha256

from cloud_bridge.records.model import Message


def record_id(vin: str, kind: str, start: Message) -> str:
    """32 hex digits from the vehicle, the kind of record and the message that it starts with."""
    moment = f"{start.origin.kernel.hex()}/{start.origin.at_ms}" if start.origin is not None else str(start.at_ms)
    return sha256(f"{vin}/{kind}/{moment}".encode()).hexdigest()[:32]
