"""Which of the 139 data of the published catalogue a model serves, and why the others are absent.

The catalogue (version 2.4.1) lists data by name. Each is one of:

* **said** by the vehicle: its profile maps one of the data it is made of;
* **derived** by the bridge from what the vehicle says (trips and what belongs to them);
* **administration**: known once the vehicle is registered in a fleet;
* **not offered**: no vehicle can serve it here, for the reason given.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from contract.catalog import ENERGIES, ENGINES, LOCKED_STATES, OPENINGS
from contract.profile.profile import Profile

Needs = tuple[tuple[str, ...], ...]
"""All groups must be met, each by any one of its data."""

TRIP = "[trip]"
"""Stands for the profile's trip rule, among data keys."""


class Published(msgspec.Struct, frozen=True):
    """One datum of the published catalogue."""

    name: str
    needs: Needs = ()
    not_offered: str = ""
    """Why no vehicle can serve it; empty for one that can be served."""
    administration: bool = False


class Served(NamedTuple):
    name: str
    served: bool
    why: str
    """What it comes from, or why it is absent."""


_POSITION = ("position.longitude",)
_LEVELS = tuple(f"energies.{energy}.level" for energy in ENERGIES)
_AUTONOMIES = tuple(f"energies.{energy}.autonomy" for energy in ENERGIES)
_ENERGY = (*_LEVELS, *_AUTONOMIES)
_ENGINE = (
    *(f"engines.{engine}.speed" for engine in ENGINES), "engines.Thermic.coolant.temp", "engines.Thermic.coolant.level",
    "engines.Thermic.oil.temp", "engines.Thermic.oil.level", "engines.Thermic.air.temp",
)  # fmt: skip
_LIGHTS = {
    light: tuple(f"lightingSystem.{light}.{place}.{side}" for place in ("Front", "Rear") for side in ("Left", "Right"))
    for light in ("turn", "fog")
}
_BELTS = ("safety.belt.Driver", "safety.belt.Passenger")
_OPENINGS = tuple(f"doorsState.opening.{opening}" for opening in OPENINGS)
_CHARGING = "energies.Electric.charging"
_BATTERY = "energies.Electric.battery"
_CONSUMED = tuple(f"energies.{energy}.consumption.total" for energy in ENERGIES)

_NO_ALERTS = "the API does not offer alerts yet"
_NO_COLLISIONS = "the API does not offer collisions yet"
_NO_TRIGGERS = "the API does not offer alarm triggers yet"
_NO_PROGRAMS = "programs are set by remote commands, which the API does not offer yet"
_NO_REMOTES = "the API does not offer remote commands yet"
_NO_MONITORS = "the API does not offer monitors yet"


def _said(name: str, *keys: str) -> Published:
    return Published(name, (keys,))


def _in_trip(name: str, *needs: tuple[str, ...]) -> Published:
    return Published(name, ((TRIP,), *needs))


def _never(why: str, *names: str) -> tuple[Published, ...]:
    return tuple(Published(name, not_offered=why) for name in names)


def _registered(*names: str) -> tuple[Published, ...]:
    return tuple(Published(name, administration=True) for name in names)


PUBLISHED: tuple[Published, ...] = (
    *_never(_NO_ALERTS, "Alert severity", "Alert active state", "Alert type", "Alert start position",
            "Alert end position", "Alert start timestamp", "Alert end timestamp"),
    _said("Position coordinates", *_POSITION),
    _said("Position type", *_POSITION),
    Published("Position heading", (_POSITION, ("position.heading",))),
    Published("Position signal quality", (_POSITION, ("position.satellites",))),
    Published("Position signal fix status", (_POSITION, ("position.fix",))),
    _said("Days Before Maintenance", "maintenance.daysBeforeMaintenance"),
    _said("Mileage Before Maintenance", "maintenance.mileageBeforeMaintenance"),
    _said("Longitudinal speed", "kinetic.speed"),
    _said("Acceleration", "kinetic.acceleration"),
    _said("Moving state", "kinetic.moving"),
    _said("Ignition state", "ignition.type"),
    _said("Privacy state", "privacy.state"),
    _said("Outside temperature", "environment.air.temp"),
    _said("Ambiant luminosity state", "environment.luminosity.day"),
    _said("Odometer mileage", "odometer.mileage"),
    *_never(_NO_COLLISIONS, "Collision side", "Collision severity", "Collision tipped over", "Collision pedestrian"),
    _said("Belt passenger identifier", *_BELTS),
    _said("Belt status", *_BELTS),
    _said("ECall state", "safety.autoECallTriggering"),
    _said("Driving behavior mode", "drivingBehavior.mode"),
    _said("Wiping blade state", "wipingBlades.active"),
    _said("Wiping blade speed", "wipingBlades.speed"),
    _said("Park assist front", "adas.parkAssist.front"),
    _said("Park assist rear", "adas.parkAssist.rear"),
    _said("ACCR State", "adas.accr"),
    _said("LVV State", "adas.lvv"),
    _said("RVV state", "adas.rvv"),
    _said("AEBS State", "adas.aebs"),
    _said("AFIL State", "adas.afil"),
    _said("ARTIV State", "adas.artiv"),
    _said("BSM State", "adas.bsm"),
    _said("ESP State", "adas.esp"),
    _said("ABS State", "adas.abs"),
    _said("FSE State", "adas.fse"),
    _said("SLI State", "adas.sli"),
    _said("RLKA State", "adas.rlka"),
    _said("LLKA State", "adas.llka"),
    _said("Gear suggestion", "adas.rgi"),
    *(
        _said(f"Gearbox {mode} mode", f"transmission.gearbox.mode.{mode}")
        for mode in ("automatic", "sport", "snow", "semiManual", "sequential")
    ),
    _said("Gearbox ratio", "transmission.gearbox.ratio"),
    _said("Battery voltage", "battery.voltage"),
    _said("Doors lock state", "doorsState.locked", *LOCKED_STATES),
    _said("Door opening identifier", *_OPENINGS),
    _said("Door opening status", *_OPENINGS),
    _said("Engine type", *_ENGINE),
    _said("Engine speed", *(f"engines.{engine}.speed" for engine in ENGINES)),
    _said("Engine coolant level", "engines.Thermic.coolant.level"),
    _said("Engine coolant temperature", "engines.Thermic.coolant.temp"),
    _said("Engine oil level", "engines.Thermic.oil.level"),
    _said("Engine oil temperature", "engines.Thermic.oil.temp"),
    _said("Engine air temperature", "engines.Thermic.air.temp"),
    _said("Powertrain state", "powertrain.status"),
    _said("Preconditioning state", "preconditioning.airConditioning.status"),
    _said("Preconditioning error state", "preconditioning.airConditioning.failureCause"),
    *_never(_NO_PROGRAMS, "Preconditioning program enable", "Preconditioning program reccurence",
            "Preconditioning program occurence day", "Preconditioning program start time",
            "Preconditionning program slot"),
    *(_said(f"Lighting Turn {what}", *_LIGHTS["turn"]) for what in ("direction", "position", "status")),
    *(_said(f"Lighting Fog {what}", *_LIGHTS["fog"]) for what in ("direction", "position", "status")),
    _said("Energy supply type", *_ENERGY),
    _said("Energy supply subtype", *_ENERGY),
    _said("Energy autonomy", *_AUTONOMIES),
    _said("Energy level", *_LEVELS),
    _said("Fuel instant consumption", "energies.Fuel.consumption.instant"),
    _said("Fuel total consumption", "energies.Fuel.consumption.total"),
    _said("Battery capacity", f"{_BATTERY}.load.capacity"),
    _said("Battery residual energy", f"{_BATTERY}.load.residual"),
    _said("Battery health capicity", f"{_BATTERY}.health.capacity"),
    _said("Battery health resistance", f"{_BATTERY}.health.resistance"),
    _said("Charging plugged state", f"{_CHARGING}.plugged"),
    _said("Charging state", f"{_CHARGING}.status"),
    _said("Charging mode", f"{_CHARGING}.chargingMode"),
    _said("Charging rate", f"{_CHARGING}.chargingRate"),
    _said("Charging remaining time", f"{_CHARGING}.remainingTime"),
    _said("Charging next delayed time", f"{_CHARGING}.nextDelayedTime"),
    *_never(_NO_TRIGGERS, "Alarm trigger type", "Alarm trigger position", "Alarm trigger start timestamp"),
    _said("Alarm activation state", "alarm.status.activation"),
    _said("engine class", *_ENGINE),
    *_registered("vin", "brand"),
    *_never("a vehicle is named by its VIN and its id", "UIN"),
    _in_trip("Trip distance", ("odometer.mileage", "kinetic.speed", *_POSITION)),
    _in_trip("Trip duration"),
    _in_trip("Trip start position", _POSITION),
    _in_trip("Trip end position", _POSITION),
    _in_trip("Trip completion"),
    _in_trip("Trip faults"),
    _in_trip("Trip start timestamp"),
    _in_trip("Trip stop timestamp"),
    _in_trip("Trip start mileage", ("odometer.mileage",)),
    _in_trip("Trip start energy", _ENERGY),
    _in_trip("Trip end energy", _ENERGY),
    _in_trip("Trip energy consumption", _CONSUMED),
    _in_trip("Trip average speed", ("odometer.mileage", "kinetic.speed", *_POSITION)),
    _in_trip("Trip max speed", ("kinetic.speed",)),
    _in_trip("Trip energy ratio", ("propulsion",)),
    *_never(_NO_ALERTS, "Trip alerts"),
    _in_trip("Trip telemetry"),
    *_never(_NO_COLLISIONS, "Trip Collisions"),
    _in_trip("Trip Waypoints", _POSITION),
    *_registered("Fleet Name", "Fleet Description", "Fleet identifier", "vehicle label"),
    *_never("there is no source of pictures", "vehicle pictures"),
    *_never(_NO_REMOTES, "remote preconditionning", "remote charging", "remote horn", "remote doors", "remote lights",
            "remote immobilization", "remote stolen", "remote wake up", "remote navigation"),
    *_never(_NO_MONITORS, "Monitor zone", "Monitor time", "Monitor data"),
)  # fmt: skip
"""The published catalogue, in its order."""


def served_by(profile: Profile) -> list[Served]:
    """For each datum of the published catalogue, in its order: whether vehicles of the model serve it, and why or why
    not. (Whether the mapped signals are really on the bus is for the bus to show.)"""
    has = set(profile.data)
    if profile.trip is not None:
        has.add(TRIP)
    return [_served(datum, profile, has) for datum in PUBLISHED]


def _served(datum: Published, profile: Profile, has: set[str]) -> Served:
    if datum.not_offered:
        return Served(datum.name, False, datum.not_offered)
    if datum.administration:
        return Served(datum.name, True, "given when the vehicle is registered")
    for group in datum.needs:
        if has.isdisjoint(group):
            return Served(datum.name, False, _lacking(group))
    keys = [key for group in datum.needs for key in group if key in has]
    names = sorted({name for key in keys if key != TRIP for name in profile.data[key].names})
    if TRIP not in keys:
        return Served(datum.name, True, f"from {_listed(names)}")
    return Served(datum.name, True, f"derived from {_listed(names)}" if names else "derived from the trip rule")


def _lacking(group: tuple[str, ...]) -> str:
    if group == (TRIP,):
        return "the profile does not say what a trip is: [trip]"
    return f"the profile does not map {' or '.join(group[:3])}{' …' if len(group) > 3 else ''}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
