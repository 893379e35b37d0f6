"""What the uplink counts."""

from __future__ import annotations

import msgspec


class Counters(msgspec.Struct):
    """Since the start."""

    connections: int = 0
    published: int = 0
    """Uploads sent, repeats included."""
    repeated: int = 0
    receipted: int = 0
    refused: int = 0
    """Uploads that the bridge has quarantined."""
    manifests: int = 0
    """Manifests sent."""
    unknown_manifests: int = 0
    """Manifests asked for that are not kept here."""
    unreadable_receipts: int = 0
    wire_bytes: int = 0
    """Of MQTT PUBLISH packets, repeats included; without TLS and TCP."""
    bytes_up: int = 0
    """Of IP packets, all that there is in them: TLS, what TCP repeats, connections."""
    bytes_down: int = 0
    failures: int = 0
    """Connections that ended otherwise than by `stop`, and tries that none came of."""
    events: int = 0
    """Uploads of events sent, repeats included."""
