"""What the box itself says beside its buses: messages that no database describes."""

from __future__ import annotations

from contract.manifest import Signal as ManifestSignal

RECEIVER = "GNSS"
"""The name under which the receiver's own values travel, like a message's."""

RECEIVER_SIGNALS: tuple[ManifestSignal, ...] = (
    ManifestSignal("GNSS.Longitude", scale=1e-7, unit="deg"),
    ManifestSignal("GNSS.Latitude", scale=1e-7, unit="deg"),
    ManifestSignal("GNSS.Altitude", scale=0.1, unit="m"),
    ManifestSignal("GNSS.Heading", scale=0.1, unit="deg"),
    ManifestSignal("GNSS.Satellites"),
    ManifestSignal("GNSS.Fix", choices={2: "2D", 3: "3D"}),
    ManifestSignal("GNSS.Speed", scale=0.01, unit="km/h"),
)
"""What a GNSS receiver says (WGS 84; altitude above mean sea level; heading from true north)."""
