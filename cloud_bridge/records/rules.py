"""What the records of one vehicle depend on besides what it said."""

from __future__ import annotations

import msgspec

from cloud_bridge.records.trips import TripRule
from contract.configuration import Duration
from contract.profile.profile import Profile


class Rules(msgspec.Struct, frozen=True):
    vin: str
    trip: TripRule | None
    """None for a model whose profile defines no trips: then there are none."""


def rules(vin: str, profile: Profile) -> Rules:
    """The rules of the vehicle `vin`, which is of the profile's model."""
    trip = profile.trip
    if trip is None:
        return Rules(vin, None)
    restated = [profile.classes[sampling].every for sampling in _classes(profile, trip.datum)]
    return Rules(
        vin,
        TripRule(
            trip.datum,
            frozenset(trip.active),
            silence_ms=int(trip.silence),
            pause_ms=int(trip.pause),
            holds_ms=2 * max(restated, default=Duration(30_000)),
        ),
    )


def _classes(profile: Profile, datum: str) -> list[str]:
    """The sampling classes of the signals that a datum is made of."""
    signals = [profile.signals.get(name) for name in profile.data[datum].names]
    return [signal.sampling for signal in signals if signal is not None and signal.sampling is not None]
