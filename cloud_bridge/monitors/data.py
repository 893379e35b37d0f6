"""What a monitor may watch: the published data of triggers, their operators, and what of the vehicle each is made of.

A datum is one of

* a *level*: it has a value from one time to the next, made of data of the catalogue (`contract.catalog`);
* a *group*: several data of which only a change counts;
* a *happening*: it is of a moment, has values then and none at any other time.

Levels that are made of more than one datum:

* `vehicle.energy.fuel.*` is that of the tank, of fuel or else of hydrogen, which is published as a kind of fuel;
* `vehicle.autonomy` is the sum over all energies of which the vehicle tells any;
* `vehicle.safety.beltWarning` is `Omission` when one belt says so, `Normal` when all that the vehicle tells of do;
* `vehicle.alert` is the set of alerts that are on.

Trips are judged when they end: only then are their distance, duration and faults known.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from cloud_bridge.records.model import Value
from contract.alert_types import ALERT_TYPES
from contract.catalog import BELTS, DATA, ENERGIES, Kind

Operator = Literal["equalsTo", "greaterThan", "lowerThan", "includedIn", "onChange"]
Made = Literal["only", "first", "sum", "worst", "set", "group", "happening"]

ALERT = "vehicle.alert"
ALERT_KEY = "alert."
STOLEN = "stolen.state"
BREAK_IN = "vehicle.alarm.trigger.type"
TRIP, TRIP_START, TRIP_STOP = "vehicle.trip", "vehicle.trip.start", "vehicle.trip.stop"
TRIP_DURATION, TRIP_DISTANCE, TRIP_STATE = "vehicle.trip.duration", "vehicle.trip.distance", "vehicle.trip.state"
COLLISION_SIDE, COLLISION_SEVERITY = "vehicle.collision.side", "vehicle.collision.severity"
NOMINAL = "Nominal"

_COMPARED: tuple[Operator, ...] = ("equalsTo", "greaterThan", "lowerThan")
_NAMED: tuple[Operator, ...] = ("onChange", "equalsTo", "includedIn")
_EITHER: tuple[Operator, ...] = ("onChange", "equalsTo")
_CHANGED: tuple[Operator, ...] = ("onChange",)
_HIT: tuple[Operator, ...] = ("equalsTo", "includedIn")


class Watched(msgspec.Struct, frozen=True):
    """A datum of triggers."""

    name: str
    operators: tuple[Operator, ...]
    made: Made
    keys: tuple[str, ...] = ()
    """What it is made of; none for a happening."""
    kind: Kind | None = None
    """NUMBER, INTEGER, BOOLEAN or ENUM; None: has no value that could be compared."""
    values: tuple[str, ...] = ()
    """The published names, for an enum."""
    minimum: float | None = None
    maximum: float | None = None
    """What no published value goes beyond."""

    def level(self, known: Mapping[str, Value], served: frozenset[str]) -> Value | None:
        """The value of a level, of the newest values of the catalogue's data; None: not known. `served`: the data that
        the vehicle's profile has, of which all must be known where all count."""
        if self.made == "only":
            return known.get(self.keys[0])
        if self.made == "first":
            return next((known[key] for key in self.keys if key in known), None)
        told = [known.get(key) for key in self.keys if key in served or key in known]
        if self.made == "worst" and "Omission" in told:
            return "Omission"
        if not told or None in told:
            return None
        return "Normal" if self.made == "worst" else sum(float(value) for value in told if value is not None)


def _level(name: str, key: str, operators: tuple[Operator, ...]) -> Watched:
    datum = DATA[key]
    return Watched(name, operators, "only", (key,), datum.kind, datum.values, datum.minimum, datum.maximum)


def _tank(name: str, what: str) -> Watched:
    keys = (f"energies.Fuel.{what}", f"energies.Hydrogen.{what}")
    datum = DATA[keys[0]]
    return Watched(name, _COMPARED, "first", keys, datum.kind, (), datum.minimum, datum.maximum)


def _group(name: str, prefix: str) -> Watched:
    return Watched(name, _CHANGED, "group", tuple(key for key in DATA if key.startswith(prefix)))


def _moment(name: str) -> Watched:
    return Watched(name, _CHANGED, "happening")


_CHARGING = "energies.Electric.charging"

WATCHED: Mapping[str, Watched] = MappingProxyType(
    {
        one.name: one
        for one in (
            Watched(ALERT, _NAMED, "set", tuple(ALERT_KEY + one for one in ALERT_TYPES), Kind.ENUM, ALERT_TYPES),
            _level("vehicle.odometer", "odometer.mileage", _COMPARED),
            _level("vehicle.powertrain.status", "powertrain.status", _NAMED),
            _level("vehicle.engines.thermic.oil.temp", "engines.Thermic.oil.temp", _COMPARED),
            _level("vehicle.energy.electric.level", "energies.Electric.level", _COMPARED),
            _level("vehicle.energy.electric.autonomy", "energies.Electric.autonomy", _COMPARED),
            _tank("vehicle.energy.fuel.level", "level"),
            _tank("vehicle.energy.fuel.autonomy", "autonomy"),
            Watched(
                "vehicle.autonomy",
                _COMPARED,
                "sum",
                tuple(f"energies.{energy}.autonomy" for energy in ENERGIES),
                Kind.INTEGER,
                minimum=0,
            ),
            _level("vehicle.energy.charging.status", f"{_CHARGING}.status", _NAMED),
            _level("vehicle.energy.charging.plugged", f"{_CHARGING}.plugged", _EITHER),
            _level("vehicle.energy.charging.type", f"{_CHARGING}.type", _EITHER),
            _group("vehicle.doorsState.lockedState", "doorsState.locked"),
            _group("vehicle.doorsState.opening", "doorsState.opening."),
            _level("vehicle.kinetic.moving", "kinetic.moving", _EITHER),
            _level("vehicle.kinetic.speed", "kinetic.speed", _COMPARED),
            _moment(TRIP),
            _moment(TRIP_START),
            _moment(TRIP_STOP),
            Watched(TRIP_DURATION, _COMPARED, "happening", kind=Kind.INTEGER, minimum=0),
            Watched(TRIP_DISTANCE, _COMPARED, "happening", kind=Kind.NUMBER, minimum=0),
            Watched(
                TRIP_STATE,
                ("includedIn",),
                "happening",
                kind=Kind.ENUM,
                values=(NOMINAL, "Unstarted", "DataLacking", "Unfinished"),
            ),
            _level(
                "vehicle.maintenance.daysBeforeMaintenance",
                "maintenance.daysBeforeMaintenance",
                _COMPARED,
            ),
            _level(
                "vehicle.maintenance.mileageBeforeMaintenance",
                "maintenance.mileageBeforeMaintenance",
                _COMPARED,
            ),
            Watched(
                "vehicle.safety.beltWarning",
                _EITHER,
                "worst",
                tuple(f"safety.belt.{belt}" for belt in BELTS),
                Kind.ENUM,
                ("Normal", "Omission"),
            ),
            _level("environment.air.temp", "environment.air.temp", _COMPARED),
            _level("privacy.state", "privacy.state", _NAMED),
            _level("vehicle.drivingBehavior.mode", "drivingBehavior.mode", _NAMED),
            Watched(COLLISION_SIDE, _HIT, "happening", kind=Kind.ENUM, values=DATA["collision.side"].values),
            Watched(COLLISION_SEVERITY, _HIT, "happening", kind=Kind.ENUM, values=DATA["collision.severity"].values),
            _level("vehicle.safety.autoECallTriggering", "safety.autoECallTriggering", _NAMED),
            _group("vehicle.preconditioning.airConditioning", "preconditioning.airConditioning."),
            Watched(BREAK_IN, _NAMED, "happening", kind=Kind.ENUM, values=DATA["alarm.trigger.type"].values),
            _level("vehicle.alarm.status.activation", "alarm.status.activation", _EITHER),
            Watched(STOLEN, _EITHER, "only", (STOLEN,), Kind.BOOLEAN),
        )
    }
)
"""Every datum that a trigger may name, in the published order."""
