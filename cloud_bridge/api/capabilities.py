"""What a vehicle can say and do: the `onboardCapabilities` of a vehicle, from the profile of its model."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from msgspec import Meta

from cloud_bridge.api.documents import Document
from cloud_bridge.api.remote_functions import RemoteFunctions, remote_functions
from cloud_bridge.api.scope import PLACES
from contract.profile.profile import Profile
from contract.published import TRIP

COLLISION = "collision"
_VEHICLE = "data:telemetry:vehicle"
_VEHICLE_BLOCKS = (
    "ignition", "preconditioning", "energies", "engines", "doorsState", "powertrain", "battery", "safety", "odometer",
    "kinetic", "transmission", "adas", "lightingSystem", "maintenance", "drivingBehavior", "wipingBlades", "alarm",
)  # fmt: skip
_SCOPES: dict[str, tuple[str, ...]] = {
    "environment": ("data:telemetry", "data:telemetry:environment"),
    "privacy": ("data:telemetry", "data:telemetry:privacy"),
    **{block: ("data:telemetry", _VEHICLE, f"{_VEHICLE}:{block}") for block in _VEHICLE_BLOCKS},
    "position": ("data:position",),
    "alert": ("data:alert",),
    COLLISION: ("data:collision",),
    TRIP: ("data:trip",),
}
"""The scopes that a datum lies in, by the first word of its key."""

# As published, in its order.
SCOPES = (
    "data:vehicle:devices:pnc",
    "data:telemetry",
    "data:telemetry:environment",
    "data:telemetry:privacy",
    _VEHICLE,
    *(f"{_VEHICLE}:{block}" for block in _VEHICLE_BLOCKS),
    "data:position",
    "data:trip",
    "data:alert",
    "data:collision",
)


class OnboardCapabilities(Document):
    data: list[Annotated[str, Meta(extra_json_schema={"enum": list(SCOPES)})]]
    remote: RemoteFunctions


def served_by(profile: Profile) -> frozenset[str]:
    """The data that vehicles of the profile's model serve; `TRIP` stands for trips, and `COLLISION` for collisions that
    the vehicle notices itself, of which no datum tells."""
    data = {*profile.data, "privacy.state", *(f"alert.{alert}" for alert in profile.alerts)}
    if profile.trip is not None:
        data.add(TRIP)
    if profile.crash is not None and profile.built_in.crash:
        data.add(COLLISION)
    return frozenset(data)


def capabilities(served: Iterable[str], steps: Collection[str]) -> OnboardCapabilities:
    """The capabilities of a vehicle that serves these data, as `served_by` gives them, and can do these steps
    (`contract.steps`)."""
    data = frozenset(served)
    # Half a position is none.
    shown = data if data >= PLACES else {key for key in data if not key.startswith("position.")}
    scopes = {scope for key in shown for scope in _SCOPES.get(key.partition(".")[0], ())}
    return OnboardCapabilities(data=[scope for scope in SCOPES if scope in scopes], remote=remote_functions(steps))
