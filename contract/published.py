"""The 139 data of the published catalogue (version 2.4.1), in its order, and what each is made of.

The catalogue lists data by name. Each is one of:

* **said** by the vehicle: a profile maps one of the data it is made of (`contract.catalog`);
* **record**: made by the bridge from what the vehicle says, over time (trips, alerts, collisions, alarms);
* **administration**: known once the vehicle is registered in a fleet;
* **not offered**: no vehicle can serve it here, for the reason given.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from contract.alert_types import ALERT_TYPES
from contract.catalog import BELTS, DAYS, ENERGIES, ENGINES, LOCKED_STATES, OPENINGS, SLOTS

Needs = tuple[tuple[str, ...], ...]
"""All groups must be met, each by any one of its data."""

TRIP = "[trip]"
"""Stands for the profile's trip rule, among data keys."""
CRASH = "[crash]"
"""The same for what it takes for a crash."""

STOLEN = "[stolen]"
"""Stands for thefts, which operators report, among data keys."""

Source = Literal["said", "record", "administration", "not offered"]

COMBUSTION = ("Thermic", "Hybrid")
TRACTION_BATTERY = ("Electric", "Hybrid", "Hydrogen")
TANK = ("Thermic", "Hybrid", "Hydrogen")
PARTS = {COMBUSTION: "combustion engine", TRACTION_BATTERY: "traction battery", TANK: "tank"}
"""What only some motorizations have."""


class Published(msgspec.Struct, frozen=True):
    """One datum of the published catalogue."""

    name: str
    source: Source
    needs: Needs = ()
    not_offered: str = ""
    """Why no vehicle can serve it; empty for one that can be served."""
    motorizations: tuple[str, ...] = ()
    """Vehicles of others lack the part (`PARTS`) that it is of; empty: all may have it."""


_POSITION = ("position.longitude",)
_LEVELS = tuple(f"energies.{energy}.level" for energy in ENERGIES)
_AUTONOMIES = tuple(f"energies.{energy}.autonomy" for energy in ENERGIES)
_ENERGY = (*_LEVELS, *_AUTONOMIES)
_SPEEDS = tuple(f"engines.{engine}.speed" for engine in ENGINES)
_ENGINE = (
    *_SPEEDS, "engines.Thermic.coolant.temp", "engines.Thermic.coolant.level", "engines.Thermic.oil.temp",
    "engines.Thermic.oil.level", "engines.Thermic.air.temp",
)  # fmt: skip
_LIGHTS = {
    light: tuple(f"lightingSystem.{light}.{place}.{side}" for place in ("Front", "Rear") for side in ("Left", "Right"))
    for light in ("turn", "fog")
}
_BELTS = tuple(f"safety.belt.{seat}" for seat in BELTS)
_OPENINGS = tuple(f"doorsState.opening.{opening}" for opening in OPENINGS)
_CHARGING = "energies.Electric.charging"
_BATTERY = "energies.Electric.battery"
_CONSUMED = ("energies.Fuel.consumption.total", "energies.Electric.consumption.total")
_INSTANT = ("energies.Fuel.consumption.instant", "energies.Hydrogen.consumption.instant")
_ALERTS = tuple(f"alert.{alert}" for alert in ALERT_TYPES)
_COLLISION = ("collision.side",)
_COLLIDED = (*_COLLISION, "collision.severity", "collision.tippedOver", "collision.pedestrian", CRASH)
_TRIGGER = ("alarm.trigger.type",)
_DISTANCE = ("odometer.mileage", "kinetic.speed", *_POSITION)
_PROGRAMS = "preconditioning.airConditioning.programs"
_PROGRAM = {
    part: tuple(f"{_PROGRAMS}.{slot}.{part}" for slot in SLOTS) for part in ("enabled", "recurrence", "start")
} | {"occurence": tuple(f"{_PROGRAMS}.{slot}.occurence.{day}" for slot in SLOTS for day in DAYS)}

_NO_REMOTES = "nothing that is said but something to do, for remote control, where the profile has [actions]"


def _said(name: str, *keys: str) -> Published:
    return Published(name, "said", (keys,))


def _combustion(name: str, *keys: str) -> Published:
    return Published(name, "said", (keys,), motorizations=COMBUSTION)


def _battery(name: str, *keys: str) -> Published:
    return Published(name, "said", (keys,), motorizations=TRACTION_BATTERY)


def _program(name: str, own: str) -> Published:
    """A program is shown whole or not at all."""
    others = (keys for part, keys in _PROGRAM.items() if part != own)
    return Published(name, "said", (*others, _PROGRAM[own]))


def _record(name: str, *needs: tuple[str, ...]) -> Published:
    return Published(name, "record", needs)


def _in_trip(name: str, *needs: tuple[str, ...]) -> Published:
    return _record(name, (TRIP,), *needs)


def _never(why: str, *names: str) -> tuple[Published, ...]:
    return tuple(Published(name, "not offered", not_offered=why) for name in names)


def _registered(*names: str) -> tuple[Published, ...]:
    return tuple(Published(name, "administration") for name in names)


PUBLISHED: tuple[Published, ...] = (
    _record("Alert severity", _ALERTS),
    _record("Alert active state", _ALERTS),
    _record("Alert type", _ALERTS),
    _record("Alert start position", _ALERTS, _POSITION),
    _record("Alert end position", _ALERTS, _POSITION),
    _record("Alert start timestamp", _ALERTS),
    _record("Alert end timestamp", _ALERTS),
    _said("Position coordinates", *_POSITION),
    _said("Position type", *_POSITION),
    Published("Position heading", "said", (_POSITION, ("position.heading",))),
    Published("Position signal quality", "said", (_POSITION, ("position.satellites",))),
    Published("Position signal fix status", "said", (_POSITION, ("position.fix",))),
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
    _record("Collision side", _COLLISION),
    _record("Collision severity", _COLLISION, ("collision.severity",)),
    _record("Collision tipped over", _COLLISION, ("collision.tippedOver",)),
    _record("Collision pedestrian", _COLLISION, ("collision.pedestrian",)),
    _said("Belt passenger identifier", *_BELTS),
    _said("Belt status", *_BELTS),
    _said("ECall state", "safety.autoECallTriggering"),
    _said("Driving behavior mode", "drivingBehavior.mode"),
    _said("Wiping blade state", "wipingBlades.active"),
    Published("Wiping blade speed", "said", (("wipingBlades.active",), ("wipingBlades.speed",))),
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
    _combustion("Gearbox ratio", "transmission.gearbox.ratio"),
    _said("Battery voltage", "battery.voltage"),
    _said("Doors lock state", "doorsState.locked", *LOCKED_STATES),
    _said("Door opening identifier", *_OPENINGS),
    _said("Door opening status", *_OPENINGS),
    _said("Engine type", *_ENGINE),
    _said("Engine speed", *_SPEEDS),
    _combustion("Engine coolant level", "engines.Thermic.coolant.level"),
    _combustion("Engine coolant temperature", "engines.Thermic.coolant.temp"),
    _combustion("Engine oil level", "engines.Thermic.oil.level"),
    _combustion("Engine oil temperature", "engines.Thermic.oil.temp"),
    _combustion("Engine air temperature", "engines.Thermic.air.temp"),
    _said("Powertrain state", "powertrain.status"),
    _said("Preconditioning state", "preconditioning.airConditioning.status"),
    _said("Preconditioning error state", "preconditioning.airConditioning.failureCause"),
    _program("Preconditioning program enable", "enabled"),
    _program("Preconditioning program reccurence", "recurrence"),
    _program("Preconditioning program occurence day", "occurence"),
    _program("Preconditioning program start time", "start"),
    _program("Preconditionning program slot", "enabled"),
    *(_said(f"Lighting Turn {what}", *_LIGHTS["turn"]) for what in ("direction", "position", "status")),
    *(_said(f"Lighting Fog {what}", *_LIGHTS["fog"]) for what in ("direction", "position", "status")),
    _said("Energy supply type", *_ENERGY),
    _said("Energy supply subtype", *_ENERGY),
    _said("Energy autonomy", *_AUTONOMIES),
    _said("Energy level", *_LEVELS),
    Published("Fuel instant consumption", "said", (_INSTANT,), motorizations=TANK),
    _combustion("Fuel total consumption", "energies.Fuel.consumption.total"),
    _battery("Battery capacity", f"{_BATTERY}.load.capacity"),
    _battery("Battery residual energy", f"{_BATTERY}.load.residual"),
    _battery("Battery health capicity", f"{_BATTERY}.health.capacity"),
    _battery("Battery health resistance", f"{_BATTERY}.health.resistance"),
    _battery("Charging plugged state", f"{_CHARGING}.plugged"),
    _battery("Charging state", f"{_CHARGING}.status"),
    _battery("Charging mode", f"{_CHARGING}.chargingMode"),
    _battery("Charging rate", f"{_CHARGING}.chargingRate"),
    _battery("Charging remaining time", f"{_CHARGING}.remainingTime"),
    _battery("Charging next delayed time", f"{_CHARGING}.nextDelayedTime"),
    _record("Alarm trigger type", _TRIGGER),
    _record("Alarm trigger position", _TRIGGER, _POSITION),
    _record("Alarm trigger start timestamp", _TRIGGER),
    _said("Alarm activation state", "alarm.status.activation"),
    _said("engine class", *_ENGINE),
    *_registered("vin", "brand"),
    *_never("a vehicle is named by its VIN and its id", "UIN"),
    _in_trip("Trip distance", _DISTANCE),
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
    _in_trip("Trip average speed", _DISTANCE),
    _in_trip("Trip max speed", ("kinetic.speed",)),
    _in_trip("Trip energy ratio", ("propulsion",)),
    _in_trip("Trip alerts", _ALERTS),
    _in_trip("Trip telemetry"),
    _in_trip("Trip Collisions", _COLLIDED),
    _in_trip("Trip Waypoints", _POSITION),
    *_registered("Fleet Name", "Fleet Description", "Fleet identifier", "vehicle label"),
    *_never("there is no source of pictures", "vehicle pictures"),
    *_never(_NO_REMOTES, "remote preconditionning", "remote charging", "remote horn", "remote doors", "remote lights",
            "remote immobilization", "remote stolen", "remote wake up", "remote navigation"),
    _record("Monitor zone", _POSITION),
    _record("Monitor time", (TRIP, "kinetic.speed")),
    *_registered("Monitor data"),
)  # fmt: skip
"""The published catalogue."""
