"""What comes of a connection, and that there is none: what the uplink knows of `agent.uplink.connection` before it has
one.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class ConnectionLostError(Exception):
    """There is no connection, or no more; the text says why."""


@dataclass(slots=True)
class Happened:
    """What came from the broker."""

    receipts: list[bytes] = field(default_factory=list)
    """Payloads on the receipt topic."""
    commands: list[bytes] = field(default_factory=list)
    """Payloads on the command topic."""
    taken_over: list[int] = field(default_factory=list)
    """Publishes that the broker acknowledged."""
    not_taken: list[tuple[int, str]] = field(default_factory=list)
    """Publishes that the broker refused, and why."""
