"""What comes of a connection, and that there is none: what the uplink knows of `agent.uplink.connection` before it has
one.
"""

from __future__ import annotations

import msgspec


class ConnectionLostError(Exception):
    """There is no connection, or no more; the text says why."""


class Happened(msgspec.Struct):
    """What came from the broker."""

    receipts: list[bytes] = msgspec.field(default_factory=list)
    """Payloads on the receipt topic."""
    commands: list[bytes] = msgspec.field(default_factory=list)
    """Payloads on the command topic."""
    watched: list[bytes] = msgspec.field(default_factory=list)
    """Payloads on the topic of watch lists."""
    certificates: list[bytes] = msgspec.field(default_factory=list)
    """Payloads on the certificate topic."""
    taken_over: list[int] = msgspec.field(default_factory=list)
    """Publishes that the broker acknowledged."""
    not_taken: list[tuple[int, str]] = msgspec.field(default_factory=list)
    """Publishes that the broker refused, and why."""
