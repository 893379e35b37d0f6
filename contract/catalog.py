"""The data that a vehicle can say, by the published names, units and enums.

A datum's *key* is its published path, flattened: `energies.Fuel.level`, `doorsState.opening.Trunk`. Everything between
the vehicle and the API names data by these keys: profiles map signals to them, records are made of them, the API puts
them back into their published places. Lists of the published documents become part of the key by what identifies an
element (`engines[type=Thermic].speed` is `engines.Thermic.speed`). Differences from the published paths:

* `doorsState.locked` is one value of the published list `lockedStates`; `doorsState.locked.<Part>` is whether that
  part is locked, and `LOCKED_STATES` gives the published value of each (some have none: only the other is published);
* `position.satellites` is published as `signalQuality`; a position of which nothing says its `type` was measured;
* `energies.Hydrogen` is published as the energy of type `Fuel` and subtype `Hydrogen`: its consumption is;
* durations are seconds, published as ISO 8601; the times of day of programs are seconds since midnight;
* `….programs.<slot>.occurence.<Day>` is whether a program runs on that day: one datum for each of the published list;
* `alert.<AlertType>` is whether the alert is on; `collision.*` describe the moment of a collision;
* `propulsion` is what moves the vehicle now, published as the segments of a trip; `energies.Electric.consumption.total`
  counts what the traction battery gave, published as what a trip consumed. Records are made of these two, and nothing
  else shows them.

Units are those of the published documents. `battery.voltage` is, as published, the state of health of the 12 V battery
in percent and not a voltage. Which of the 139 data of the published catalogue a profile serves: `contract.served`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from math import isfinite
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from contract.alert_types import ALERT_TYPES


class Kind(StrEnum):
    """What the values of a datum are."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ENUM = "enum"
    """One of the published names."""
    DURATION = "duration"
    """Seconds."""


class Datum(msgspec.Struct, frozen=True):
    key: str
    kind: Kind
    unit: str = ""
    """The published unit; empty where there is none."""
    values: tuple[str, ...] = ()
    """The published names, for an enum."""
    telemetry: str | None = None
    """The published telemetry type that selects it; None where telemetry does not carry it."""
    minimum: float | None = None
    maximum: float | None = None
    """The limits, both included: a value outside is not published. They are the published ones, but for durations."""
    decimals: int | None = None
    """The published precision of a number; None: that of its signal."""

    def admits(self, value: object) -> bool:
        """Whether `value` may be published for this datum: of the right type, in the enum, within the limits."""
        if self.kind is Kind.ENUM:
            return value in self.values
        if self.kind is Kind.BOOLEAN:
            return isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            return False
        if self.kind is Kind.INTEGER and not isinstance(value, int):
            return False
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


TELEMETRY_KINDS: tuple[str, ...] = (
    "environment", "privacy", "vehicle", "vehicle.adas", "vehicle.battery", "vehicle.doorsState", "vehicle.energies",
    "vehicle.engines", "vehicle.ignition", "vehicle.lighting", "vehicle.lightingSystem", "vehicle.safety",
    "vehicle.transmission", "vehicle.drivingBehavior", "vehicle.alarm.status", "vehicle.alarm.trigger",
    "vehicle.wipingBlades",
)  # fmt: skip
"""The published types of the telemetry filter. `vehicle` selects all that are below it too."""

ENERGIES = ("Fuel", "Electric", "Hydrogen")
ENGINES = ("Thermic", "Electric")
OPENINGS = ("Driver", "Passenger", "RearLeft", "RearRight", "Trunk", "RearWindow", "RoofWindow")
SLOTS = (1, 2, 3, 4)
"""Of programs of preconditioning and of charging."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BELTS = ("Driver", "Passenger")
GEARBOX_MODES = ("automatic", "sport", "snow", "sequential", "semiManual")

_LOCKED = (
    "Unlocked", "Locked", "SuperLocked", "DriverDoorUnlocked", "CabinDoorsUnlocked", "CargoDoorsLocked",
    "CargoDoorsUnlocked", "RearDoorsUnlocked", "RearDoorsLocked", "TrunkLocked", "TrunkUnLocked",
)  # fmt: skip
LOCKED_STATES: MappingProxyType[str, tuple[str | None, str | None]] = MappingProxyType(
    {
        "doorsState.locked.Trunk": ("TrunkUnLocked", "TrunkLocked"),
        "doorsState.locked.Cargo": ("CargoDoorsUnlocked", "CargoDoorsLocked"),
        "doorsState.locked.Cabin": ("CabinDoorsUnlocked", None),
        "doorsState.locked.Rear": ("RearDoorsUnlocked", "RearDoorsLocked"),
        "doorsState.locked.DriverDoor": ("DriverDoorUnlocked", None),
    }
)
"""What `lockedStates` lists when a part is (unlocked, locked); None: nothing published says so."""

_PARK_ASSIST = ("Fault", "DriverInhibition", "Active", "Wait", "OutOfService")
_LANE_KEEPING = ("Authorized", "CorrectionInProgress", "NotAuthorized", "NotSelected")


def _number(key: str, unit: str, minimum: float | None = None, maximum: float | None = None) -> Datum:
    return Datum(key, Kind.NUMBER, unit, minimum=minimum, maximum=maximum)


def _integer(key: str, unit: str = "", minimum: float | None = None, maximum: float | None = None) -> Datum:
    return Datum(key, Kind.INTEGER, unit, minimum=minimum, maximum=maximum)


def _enum(key: str, *values: str) -> Datum:
    return Datum(key, Kind.ENUM, values=values)


def _boolean(key: str) -> Datum:
    return Datum(key, Kind.BOOLEAN)


def _duration(key: str) -> Datum:
    return Datum(key, Kind.DURATION, "s", minimum=0)


def _time_of_day(key: str) -> Datum:
    return Datum(key, Kind.DURATION, "s", minimum=0, maximum=86_400)


def _occurrence(program: str) -> Iterator[Datum]:
    for day in DAYS:
        yield _boolean(f"{program}.occurence.{day}")


def _motion() -> Iterator[Datum]:
    yield _enum("ignition.type", "Stop", "StartUp", "Start")
    yield _number("kinetic.speed", "km/h")
    yield _number("kinetic.acceleration", "m/s²")
    yield _boolean("kinetic.moving")
    yield _number("odometer.mileage", "km", 0)
    yield _number("battery.voltage", "%")
    yield _number("environment.air.temp", "°C")
    yield _boolean("environment.luminosity.day")
    yield _enum("privacy.state", "None", "Geolocation", "Full")
    yield _enum("powertrain.status", "NotRunning", "Starting", "Running", "Stopping", "Stopped")


def _engines_and_energies() -> Iterator[Datum]:
    for engine in ENGINES:
        yield _number(f"engines.{engine}.speed", "rpm")
    yield _number("engines.Thermic.coolant.temp", "°C")
    yield _integer("engines.Thermic.coolant.level", "%")
    yield _number("engines.Thermic.oil.temp", "°C")
    yield _integer("engines.Thermic.oil.level", "%")
    yield _number("engines.Thermic.air.temp", "°C")
    for energy in ENERGIES:
        yield replace(_number(f"energies.{energy}.level", "%", 0, 100), decimals=1)
        yield _integer(f"energies.{energy}.autonomy", "km", 0)
    yield _number("energies.Fuel.consumption.total", "cL", 0)
    yield _number("energies.Fuel.consumption.instant", "L/100km")
    yield _number("energies.Hydrogen.consumption.instant", "kg/100km")
    battery = "energies.Electric.battery"
    yield _integer(f"{battery}.load.capacity", "Wh")
    yield _integer(f"{battery}.load.residual", "Wh")
    yield _integer(f"{battery}.health.capacity", "%", 0, 100)
    yield _integer(f"{battery}.health.resistance", "%", 0, 100)
    charging = "energies.Electric.charging"
    yield _boolean(f"{charging}.plugged")
    yield _enum(f"{charging}.status", "Disconnected", "InProgress", "Failure", "Stopped", "Finished")
    yield _duration(f"{charging}.remainingTime")
    yield _integer(f"{charging}.chargingRate", "km/h", 0, 500)
    yield _enum(f"{charging}.chargingPowerLevel", *(f"Level{level}" for level in range(1, 6)))
    yield _enum(f"{charging}.chargingMode", "No", "Slow", "Quick")
    yield _duration(f"{charging}.nextDelayedTime")
    yield _enum(f"{charging}.type", "Partial", "Full")
    for slot in SLOTS:
        program = f"{charging}.schedule.programs.{slot}"
        yield _boolean(f"{program}.enabled")
        yield _time_of_day(f"{program}.start")
        yield _time_of_day(f"{program}.end")
        yield _boolean(f"{program}.chargeUntilFull")
        yield from _occurrence(program)


def _body() -> Iterator[Datum]:
    for opening in OPENINGS:
        yield _enum(f"doorsState.opening.{opening}", "Open", "Closed")
    yield _enum("doorsState.locked", *_LOCKED)
    for key in LOCKED_STATES:
        yield _boolean(key)
    for belt in BELTS:
        yield _enum(f"safety.belt.{belt}", "Normal", "Omission")
    yield _enum("safety.autoECallTriggering", "NotDetected", "Detected", "ShockDetectionUnabled")
    yield _boolean("wipingBlades.active")
    yield _enum("wipingBlades.speed", "High", "Low")
    for light in ("turn", "fog"):
        for place in ("Front", "Rear"):
            for side in ("Left", "Right"):
                yield _enum(f"lightingSystem.{light}.{place}.{side}", "Off", "On")
    yield _enum("preconditioning.airConditioning.status", "Enabled", "Disabled", "Finished", "Failure")
    yield _enum("preconditioning.airConditioning.startingCause", "Immediate", "Scheduled")
    yield _enum(
        "preconditioning.airConditioning.failureCause", "Defect", "DoorOpened", "LowBattery", "LowFuelLevel",
        "TooManyUnusedProg", "WindowsRoofOpened", "HoodOpened", "NotParked", "OtherFailures",
    )  # fmt: skip
    for slot in SLOTS:
        program = f"preconditioning.airConditioning.programs.{slot}"
        yield _boolean(f"{program}.enabled")
        yield _enum(f"{program}.recurrence", "None", "Daily")
        yield _time_of_day(f"{program}.start")
        yield from _occurrence(program)
    yield _enum("alarm.status.activation", "Inactive", "Active")
    yield _enum(
        "alarm.trigger.type", "NoBreakIn", "FrontRightDoorBreakIn", "FrontLeftDoorBreakIn",
        "RearRightFrontDoorBreakIn", "RearLeftFrontDoorBreakIn", "HoodDoorBreakIn", "TrunkDoorBreakIn",
        "BackliteDoorBreakIn", "RoofBreakIn", "VolumetricBreakIn", "VehicleLifting", "ElectricalsystemBreakIn",
        "KeyLearning", "UnauthenticatedStartup",
    )  # fmt: skip


def _driving() -> Iterator[Datum]:
    yield _enum(
        "drivingBehavior.mode", "Normal", "Sport", "Comfort", "Eco", "Sand", "Mud", "Snow", "ZEV", "Hybrid", "ZEVEco",
        "HybridEco", "EcoPlus", "eAWD", "4AWD", "ReinforcedLoad",
    )  # fmt: skip
    ratios = (*(f"Ratio{ratio}" for ratio in range(1, 9)), "Neutral", "Reverse")
    yield _enum("transmission.gearbox.ratio", *ratios)
    for mode in GEARBOX_MODES:
        yield _boolean(f"transmission.gearbox.mode.{mode}")
    yield _enum("adas.parkAssist.front", *_PARK_ASSIST)
    yield _enum("adas.parkAssist.rear", *_PARK_ASSIST[:2], "TrailerInhibition", *_PARK_ASSIST[2:])
    yield _enum(
        "adas.accr", "Activated", "Fault", "Hold", "HoldWithOverSpeeding", "Off", "OverSpeedingByPedalPress", "StandBy"
    )
    yield _enum(
        "adas.rvv", "Off", "NoBestFit", "BestFitInProgress", "BestFitMax", "BestFitMin", "BestFitDeactivated",
        "AutoDeactivated", "OverflowSpeedConsign", "LackOfVisibilityRadar", "LearningRadar", "Deactivated",
        "LimitSetting",
    )  # fmt: skip
    yield _enum("adas.aebs", "Off", "Fixed", "OnFlashing")
    yield _enum("adas.afil", "FlashingFault", "FlashingWarning", "Off", "OnFixed")
    yield _enum("adas.artiv", "NotSelected", "Selected", "Unavailable")
    yield _enum("adas.bsm", "Active", "Inactive", "Disabled", "Fault")
    for system in ("lvv", "esp", "abs", "fse"):
        yield _boolean(f"adas.{system}")
    yield _integer("adas.sli", "km/h")
    yield _enum("adas.rlka", *_LANE_KEEPING)
    yield _enum("adas.llka", *_LANE_KEEPING)
    yield _enum("adas.rgi", "None", "Up", "Down", "UpDown")


def _other() -> Iterator[Datum]:
    yield _integer("maintenance.daysBeforeMaintenance", "day")
    yield _number("maintenance.mileageBeforeMaintenance", "km")
    yield _number("position.longitude", "deg", -180, 180)
    yield _number("position.latitude", "deg", -90, 90)
    yield _number("position.altitude", "m")
    yield _integer("position.heading", "deg", 0, 360)
    yield _integer("position.satellites", minimum=0)
    yield _enum("position.fix", "2D", "3D")
    yield _enum("position.type", "Estimated", "Acquire")
    yield _enum("collision.side", "Front", "Rear", "Lateral")
    yield _enum("collision.severity", "Minimal", "Minor", "Major")
    yield _boolean("collision.tippedOver")
    yield _boolean("collision.pedestrian")
    for alert in ALERT_TYPES:
        yield _boolean(f"alert.{alert}")


def _of_records() -> Iterator[Datum]:
    yield _enum("propulsion", "Thermal", "Electric", "Hybrid")
    yield _number("energies.Electric.consumption.total", "Wh", 0)


ONLY_IN_RECORDS = frozenset(datum.key for datum in _of_records())
"""Data that records are made of, and that are not published as they are."""
_OUTSIDE_TELEMETRY = frozenset({"preconditioning", "maintenance", "position", "collision", "alert"})


def _telemetry_kind(key: str) -> str | None:
    block, _, rest = key.partition(".")
    if block in _OUTSIDE_TELEMETRY or key in ONLY_IN_RECORDS:
        return None
    if block in TELEMETRY_KINDS:
        return block
    if block == "alarm":
        return f"vehicle.alarm.{rest.partition('.')[0]}"
    own = f"vehicle.{block}"
    return own if own in TELEMETRY_KINDS else "vehicle"


def _collect(*groups: Iterable[Datum]) -> MappingProxyType[str, Datum]:
    return MappingProxyType(
        {datum.key: replace(datum, telemetry=_telemetry_kind(datum.key)) for group in groups for datum in group}
    )


DATA: MappingProxyType[str, Datum] = _collect(
    _motion(), _engines_and_energies(), _body(), _driving(), _other(), _of_records()
)
"""Every datum that a profile may map, by key."""
