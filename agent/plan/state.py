"""What an awake vehicle is doing, compiled from the trip rule and the charging condition of a profile."""

from __future__ import annotations

from collections.abc import Callable

from agent.plan.data import datum
from agent.plan.events import Evaluate
from contract.evaluation import Lookup, holds
from contract.profile.cadence import VehicleState
from contract.profile.profile import Profile

_CHARGING = "energies.Electric.charging.status"


def state_of(profile: Profile) -> Callable[[Lookup], VehicleState]:
    """Driving goes before charging: a hybrid charges while it drives. Without a trip rule every way is driving."""
    trip = profile.trip
    driven = None if trip is None else datum(profile.data[trip.datum])
    active = frozenset(() if trip is None else trip.active)
    charging = _charging(profile)

    def state(lookup: Lookup) -> VehicleState:
        if driven is not None and driven(lookup) in active:
            return VehicleState.DRIVING
        if charging is not None and holds(charging(lookup)):
            return VehicleState.CHARGING
        return VehicleState.DRIVING if driven is None else VehicleState.PARKED

    return state


def state_names(profile: Profile) -> frozenset[str]:
    """The signals that tell what the vehicle is doing."""
    data = [_CHARGING] if profile.trip is None else [profile.trip.datum, _CHARGING]
    named = [profile.data[key].names for key in data if key in profile.data]
    if profile.state.charging is not None:
        named.append(profile.state.charging.names)
    return frozenset(name for names in named for name in names)


def _charging(profile: Profile) -> Evaluate | None:
    if profile.state.charging is not None:
        return profile.state.charging
    mapping = profile.data.get(_CHARGING)
    if mapping is None:
        return None
    status = datum(mapping)
    return lambda lookup: status(lookup) == "InProgress"
