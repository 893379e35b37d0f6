"""[state] and [cadence]: what the vehicle is doing, and how often an upload is made then."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contract.configuration import Duration, Span
from contract.expressions import Expression


class VehicleState(StrEnum):
    DRIVING = "driving"
    """A trip is under way; without a trip rule, whenever it is awake."""
    CHARGING = "charging"
    PARKED = "parked"
    """Awake, and neither of these."""
    ASLEEP = "asleep"
    """Its buses are silent."""


AWAKE = (VehicleState.DRIVING, VehicleState.CHARGING, VehicleState.PARKED)


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the state is known; driving is what the trip rule says."""

    charging: Expression | None = None
    """By default that `energies.Electric.charging.status` is InProgress, where [data] maps it."""


class Cadence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an upload is made."""

    driving: Duration = Duration(60_000)
    charging: Duration = Duration(60_000)
    parked: Duration = Duration(60_000)
    asleep: Span = Span(0)
    """How often a box that stays on sends what it says itself while the buses are silent."""
    first: Span = Span(2_000)
    """How soon after its buses wake the first upload is made, so that who waits for the vehicle sees it at once; never:
    with the cadence."""
