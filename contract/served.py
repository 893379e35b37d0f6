"""Which of the data of the published catalogue (`contract.published`) a model serves, and why the others are absent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from contract.alert_types import ALERT_TYPES
from contract.profile import absent
from contract.profile.data import Lamp, Mapping
from contract.profile.profile import Profile
from contract.published import CRASH, PARTS, PUBLISHED, TRIP, Published

_PRIVACY = "privacy.state"
"""The box says it of itself, for all vehicles."""
_PROPULSION = "propulsion"
"""Of a vehicle of one engine it follows from the motorization."""
_NOT_SAID = "the profile does not map it"


class Served(NamedTuple):
    name: str
    served: bool
    why: str
    """What it comes from, or why it is absent."""


def served_by(profile: Profile) -> list[Served]:
    """For each datum of the published catalogue, in its order: whether vehicles of the model serve it, and why or why
    not. (Whether the mapped signals are really on the bus is for the bus to show.)"""
    mapped: dict[str, Mapping | Lamp | None] = {**profile.data}
    mapped.update({f"alert.{alert}": lamp for alert, lamp in profile.alerts.items()})
    mapped.setdefault(_PRIVACY, None)
    if profile.motorization in ("Thermic", "Electric"):
        mapped.setdefault(_PROPULSION, None)
    if profile.trip is not None:
        mapped[TRIP] = None
    if profile.crash is not None and profile.built_in.crash:
        mapped[CRASH] = None
    return [_served(datum, profile, mapped) for datum in PUBLISHED]


def alerts_of(profile: Profile) -> list[Served]:
    """The same for each published type of alert."""
    return [
        Served(alert, True, _listed(profile.alerts[alert].names))
        if alert in profile.alerts
        else Served(alert, False, absent.reason(profile.absent, f"alert.{alert}") or _NOT_SAID)
        for alert in ALERT_TYPES
    ]


def grouped(found: Iterable[Served]) -> Iterator[tuple[str, list[str]]]:
    """The names of what is absent by the reason, reasons in the order in which they come."""
    reasons: dict[str, list[str]] = {}
    for datum in found:
        if not datum.served:
            reasons.setdefault(datum.why, []).append(datum.name)
    yield from reasons.items()


def _served(datum: Published, profile: Profile, mapped: dict[str, Mapping | Lamp | None]) -> Served:
    if datum.not_offered:
        return Served(datum.name, False, datum.not_offered)
    if datum.source == "administration":
        return Served(datum.name, True, "given when the vehicle is registered")
    if datum.motorizations and profile.motorization not in datum.motorizations:
        return Served(datum.name, False, f"the vehicle has no {PARTS[datum.motorizations]}")
    for group in datum.needs:
        if mapped.keys().isdisjoint(group):
            return Served(datum.name, False, _lacking(profile, group))
    sources = [mapped[key] for group in datum.needs for key in group if key in mapped]
    names = _listed({name for source in sources if source is not None for name in source.names})
    if datum.source == "said":
        return Served(datum.name, True, f"from {names}" if names else "from the box itself")
    return Served(datum.name, True, f"made of {names}" if names else "made of what the trip rule reads")


def _lacking(profile: Profile, group: tuple[str, ...]) -> str:
    why = absent.reason(profile.absent, *(absent.TRIP if key == TRIP else key for key in group))
    if why is not None:
        return why
    if group == (TRIP,):
        return "the profile does not say what a trip is: [trip]"
    return f"the profile does not map {' or '.join(group[:3])}{' …' if len(group) > 3 else ''}"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:4]) + (f" and {len(ordered) - 4} more" if len(ordered) > 4 else "")
