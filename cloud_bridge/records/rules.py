"""What the records of one vehicle depend on besides what it said."""

from __future__ import annotations

import msgspec

from cloud_bridge.records.trips import TripRule
from contract.profile import Profile

_PAUSE_MS = {"powertrain.status": 180_000}
"""Engines stop at red lights: a trip that lasts while the engine runs goes on after a stop of up to three minutes.
Other data (the ignition) do not pause."""


class Rules(msgspec.Struct, frozen=True):
    vin: str
    trip: TripRule | None
    """None for a model whose profile defines no trips: then there are none."""


def rules(vin: str, profile: Profile) -> Rules:
    """The rules of the vehicle `vin`, which is of the profile's model."""
    trip = profile.trip
    if trip is None:
        return Rules(vin, None)
    rule = TripRule(trip.datum, frozenset(trip.active), int(trip.silence), _PAUSE_MS.get(trip.datum, 0))
    return Rules(vin, rule)
