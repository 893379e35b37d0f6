"""What the records of one vehicle depend on besides what it said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cloud_bridge.records.model import Propulsion
from cloud_bridge.records.news import TOLD_BY_NEWS
from cloud_bridge.records.progress import BRIDGED_MS, PROPULSION
from cloud_bridge.records.trips import TripRule
from contract.configuration import Duration
from contract.profile.profile import Profile
from contract.profile.signals import SamplingClass

_OF_ONE_ENGINE: dict[str, Propulsion] = {"Thermic": "Thermal", "Electric": "Electric"}
"""What propels a vehicle, by its motorization, where that leaves no choice."""


class Rules(msgspec.Struct, frozen=True):
    vin: str
    trip: TripRule | None
    """None for a model whose profile defines no trips: then there are none."""
    holds_ms: int = 180_000
    """For how long what is said of collisions and alarms holds; longer than it takes to be restated."""


def rules(vin: str, profile: Profile) -> Rules:
    """The rules of the vehicle `vin`, which is of the profile's model."""
    trip = profile.trip
    happened = [datum for datum in profile.data if datum.startswith(TOLD_BY_NEWS)]
    longest = [
        max([sampling.every, *(each for _, each in sampling.intervals())]) for sampling in _classes(profile, happened)
    ]
    holds_ms = 2 * max(longest, default=Duration(90_000))
    if trip is None:
        return Rules(vin, None, holds_ms)
    restated = [sampling.every for sampling in _classes(profile, [trip.datum])]
    propels = [sampling.every for sampling in _classes(profile, [PROPULSION] if PROPULSION in profile.data else [])]
    return Rules(
        vin,
        TripRule(
            trip.datum,
            frozenset(trip.active),
            silence_ms=int(trip.silence),
            pause_ms=int(trip.pause),
            holds_ms=2 * max(restated, default=Duration(30_000)),
            propels_ms=max(BRIDGED_MS, 2 * max(propels, default=Duration(0))),
            always=None if PROPULSION in profile.data else _OF_ONE_ENGINE.get(profile.motorization),
        ),
        holds_ms,
    )


def _classes(profile: Profile, data: Iterable[str]) -> list[SamplingClass]:
    """The sampling classes of the signals that data are made of."""
    signals = [profile.signals.get(name) for datum in data for name in profile.data[datum].names]
    return [profile.classes[one.sampling] for one in signals if one is not None and one.sampling is not None]
