"""The blocks of vehicle data: what status and telemetry are made of.

Each block exists as it stands in a telemetry message, and as it stands in the status (`Stamped…`), with a `createdAt`
of its own: the newest collection time of its members. Three keep it in telemetry too, as published: ignition, wiping
blades and the maintenance extension.
Enums, limits and units are those of the catalog's data.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.api.documents import DateTime, Document
from contract.catalog import DATA, DAYS, SLOTS, Kind


def of(key: str) -> Meta:
    """What the catalog says of a datum: unit, enum, limits."""
    datum = DATA[key]
    schema: dict[str, object] = {}
    if datum.values:
        schema["enum"] = list(datum.values)
    if datum.minimum is not None and datum.kind is not Kind.DURATION:
        schema["minimum"] = datum.minimum
    if datum.maximum is not None and datum.kind is not Kind.DURATION:
        schema["maximum"] = datum.maximum
    unit = "ISO 8601 duration" if datum.kind is Kind.DURATION else datum.unit
    return Meta(description=unit or None, extra_json_schema=schema or None)


class StampedIgnition(Document, kw_only=True):
    created_at: DateTime
    type: Annotated[str, of("ignition.type")]


class FuelConsumptions(Document):
    total: Annotated[float, of("energies.Fuel.consumption.total")] | UnsetType = UNSET
    instant: Annotated[float, of("energies.Fuel.consumption.instant")] | UnsetType = UNSET


class FuelExtension(Document):
    consumptions: FuelConsumptions | UnsetType = UNSET


class Occurrence(Document):
    day: list[Annotated[str, Meta(extra_json_schema={"enum": list(DAYS)})]]


class Program(Document, kw_only=True):
    """What recurs at a time of day, given as the duration since midnight."""

    slot: int
    enabled: bool | UnsetType = UNSET
    start: Annotated[str, of("preconditioning.airConditioning.programs.1.start")]


class ChargingProgram(Program):
    occurence: Occurrence | UnsetType = UNSET
    end: Annotated[str, of("energies.Electric.charging.schedule.programs.1.end")] | UnsetType = UNSET
    charge_until_full: bool | UnsetType = UNSET


class AirConditioningProgram(Program, kw_only=True):
    slot: Annotated[int, Meta(ge=SLOTS[0], le=SLOTS[-1])]
    enabled: bool
    recurrence: Annotated[str, of("preconditioning.airConditioning.programs.1.recurrence")]
    occurence: Occurrence


class ChargingSchedule(Document):
    programs: list[ChargingProgram] | UnsetType = UNSET


class Charging(Document):
    plugged: bool | UnsetType = UNSET
    status: Annotated[str, of("energies.Electric.charging.status")] | UnsetType = UNSET
    remaining_time: Annotated[str, of("energies.Electric.charging.remainingTime")] | UnsetType = UNSET
    charging_rate: Annotated[int, of("energies.Electric.charging.chargingRate")] | UnsetType = UNSET
    charging_power_level: Annotated[str, of("energies.Electric.charging.chargingPowerLevel")] | UnsetType = UNSET
    charging_mode: Annotated[str, of("energies.Electric.charging.chargingMode")] | UnsetType = UNSET
    next_delayed_time: Annotated[str, of("energies.Electric.charging.nextDelayedTime")] | UnsetType = UNSET
    type: Annotated[str, of("energies.Electric.charging.type")] | UnsetType = UNSET
    schedule: ChargingSchedule | UnsetType = UNSET


class BatteryLoad(Document):
    capacity: Annotated[int, of("energies.Electric.battery.load.capacity")] | UnsetType = UNSET
    residual: Annotated[int, of("energies.Electric.battery.load.residual")] | UnsetType = UNSET


class BatteryHealth(Document):
    capacity: Annotated[int, of("energies.Electric.battery.health.capacity")] | UnsetType = UNSET
    resistance: Annotated[int, of("energies.Electric.battery.health.resistance")] | UnsetType = UNSET


class TractionBattery(Document):
    load: BatteryLoad | UnsetType = UNSET
    health: BatteryHealth | UnsetType = UNSET


class StampedBatteryLoad(BatteryLoad, kw_only=True):
    created_at: DateTime


class StampedBatteryHealth(BatteryHealth, kw_only=True):
    created_at: DateTime


class StampedTractionBattery(Document):
    load: StampedBatteryLoad | UnsetType = UNSET
    health: StampedBatteryHealth | UnsetType = UNSET


class ElectricExtension(Document):
    battery: TractionBattery | UnsetType = UNSET
    charging: Charging | UnsetType = UNSET


class StampedElectricExtension(Document):
    battery: StampedTractionBattery | UnsetType = UNSET
    charging: Charging | UnsetType = UNSET


class EnergyExtension(Document):
    fuel: FuelExtension | UnsetType = UNSET
    electric: ElectricExtension | UnsetType = UNSET


class StampedEnergyExtension(Document):
    fuel: FuelExtension | UnsetType = UNSET
    electric: StampedElectricExtension | UnsetType = UNSET


EnergyType = Annotated[str, Meta(extra_json_schema={"enum": ["Fuel", "Electric"]})]
EnergySubType = Annotated[str, Meta(extra_json_schema={"enum": ["FossilEnergy", "ElectricEnergy", "Hydrogen"]})]


class EnergyState(Document):
    type: EnergyType
    sub_type: EnergySubType | UnsetType = UNSET
    level: Annotated[float, of("energies.Fuel.level")] | UnsetType = UNSET
    autonomy: Annotated[int, of("energies.Fuel.autonomy")] | UnsetType = UNSET


class Energy(EnergyState):
    extension: EnergyExtension | UnsetType = UNSET


class StampedEnergy(EnergyState, kw_only=True):
    created_at: DateTime
    extension: StampedEnergyExtension | UnsetType = UNSET


class Liquid(Document):
    level: Annotated[int, of("engines.Thermic.oil.level")] | UnsetType = UNSET
    temp: Annotated[float, of("engines.Thermic.oil.temp")] | UnsetType = UNSET


class IntakeAir(Document):
    temp: Annotated[float, of("engines.Thermic.air.temp")] | UnsetType = UNSET


class ThermicExtension(Document):
    coolant: Liquid | UnsetType = UNSET
    oil: Liquid | UnsetType = UNSET
    air: IntakeAir | UnsetType = UNSET


class EngineExtension(Document):
    thermic: ThermicExtension | UnsetType = UNSET


class Engine(Document):
    type: Annotated[str, Meta(extra_json_schema={"enum": ["Thermic", "Electric"]})]
    speed: Annotated[float, of("engines.Thermic.speed")] | UnsetType = UNSET
    extension: EngineExtension | UnsetType = UNSET


class StampedEngine(Engine, kw_only=True):
    created_at: DateTime


class Powertrain(Document):
    status: Annotated[str, of("powertrain.status")] | UnsetType = UNSET


class StampedPowertrain(Powertrain, kw_only=True):
    created_at: DateTime


class GearboxMode(Document):
    automatic: bool | UnsetType = UNSET
    sport: bool | UnsetType = UNSET
    snow: bool | UnsetType = UNSET
    sequential: bool | UnsetType = UNSET
    semi_manual: bool | UnsetType = UNSET


class Gearbox(Document):
    mode: GearboxMode | UnsetType = UNSET
    ratio: Annotated[str, of("transmission.gearbox.ratio")] | UnsetType = UNSET


class Transmission(Document):
    gearbox: Gearbox | UnsetType = UNSET


class ParkAssist(Document):
    front: list[Annotated[str, of("adas.parkAssist.front")]] | UnsetType = UNSET
    rear: list[Annotated[str, of("adas.parkAssist.rear")]] | UnsetType = UNSET


class Adas(Document):
    park_assist: ParkAssist | UnsetType = UNSET
    accr: Annotated[str, of("adas.accr")] | UnsetType = UNSET
    lvv: bool | UnsetType = UNSET
    rvv: Annotated[str, of("adas.rvv")] | UnsetType = UNSET
    aebs: Annotated[str, of("adas.aebs")] | UnsetType = UNSET
    afil: Annotated[str, of("adas.afil")] | UnsetType = UNSET
    artiv: Annotated[str, of("adas.artiv")] | UnsetType = UNSET
    bsm: Annotated[str, of("adas.bsm")] | UnsetType = UNSET
    esp: bool | UnsetType = UNSET
    abs: bool | UnsetType = UNSET
    fse: bool | UnsetType = UNSET
    sli: Annotated[int, of("adas.sli")] | UnsetType = UNSET
    rlka: Annotated[str, of("adas.rlka")] | UnsetType = UNSET
    llka: Annotated[str, of("adas.llka")] | UnsetType = UNSET
    rgi: Annotated[str, of("adas.rgi")] | UnsetType = UNSET


class Opening(Document):
    identifier: Annotated[
        str,
        Meta(
            extra_json_schema={
                "enum": ["Driver", "Passenger", "RearLeft", "RearRight", "Trunk", "RearWindow", "RoofWindow"]
            }
        ),
    ]
    state: Annotated[str, of("doorsState.opening.Driver")] | UnsetType = UNSET


class DoorsState(Document):
    locked_states: (
        list[Annotated[str, Meta(extra_json_schema={"enum": list(DATA["doorsState.locked"].values)})]] | UnsetType
    ) = UNSET
    opening: list[Opening] | UnsetType = UNSET


class StampedDoorsState(DoorsState, kw_only=True):
    created_at: DateTime


class AirConditioning(Document, kw_only=True):
    created_at: DateTime
    status: Annotated[str, of("preconditioning.airConditioning.status")] | UnsetType = UNSET
    starting_cause: Annotated[str, of("preconditioning.airConditioning.startingCause")] | UnsetType = UNSET
    failure_cause: Annotated[str, of("preconditioning.airConditioning.failureCause")] | UnsetType = UNSET
    programs: Annotated[list[AirConditioningProgram], Meta(min_length=1, max_length=4)] | UnsetType = UNSET


class Preconditioning(Document):
    air_conditioning: AirConditioning | UnsetType = UNSET


class Privacy(Document):
    state: Annotated[str, of("privacy.state")] | UnsetType = UNSET


class StampedPrivacy(Privacy, kw_only=True):
    created_at: DateTime


class Battery(Document):
    """The 12 V battery. `voltage` is its state of health in percent, as published, not a voltage."""

    voltage: Annotated[float, of("battery.voltage")] | UnsetType = UNSET


class StampedBattery(Battery, kw_only=True):
    created_at: DateTime


class Belt(Document):
    id: Annotated[str, Meta(extra_json_schema={"enum": ["Driver", "Passenger"]})]
    belt: Annotated[str, of("safety.belt.Driver")] | UnsetType = UNSET


class Safety(Document):
    belt_status: list[Belt] | UnsetType = UNSET
    auto_e_call_triggering: Annotated[str, of("safety.autoECallTriggering")] | UnsetType = UNSET


class StampedSafety(Safety, kw_only=True):
    created_at: DateTime


class Odometer(Document):
    mileage: Annotated[float, of("odometer.mileage")] | UnsetType = UNSET


class StampedOdometer(Odometer, kw_only=True):
    created_at: DateTime


class Kinetic(Document):
    speed: Annotated[float, of("kinetic.speed")] | UnsetType = UNSET
    acceleration: Annotated[float, of("kinetic.acceleration")] | UnsetType = UNSET
    moving: bool | UnsetType = UNSET


class StampedKinetic(Kinetic, kw_only=True):
    created_at: DateTime


class Luminosity(Document):
    day: bool | UnsetType = UNSET


class StampedLuminosity(Luminosity, kw_only=True):
    created_at: DateTime


class Air(Document):
    temp: Annotated[float, of("environment.air.temp")] | UnsetType = UNSET


class StampedAir(Air, kw_only=True):
    created_at: DateTime


class Environment(Document):
    luminosity: Luminosity | UnsetType = UNSET
    air: Air | UnsetType = UNSET


class StampedEnvironment(Document):
    luminosity: StampedLuminosity | UnsetType = UNSET
    air: StampedAir | UnsetType = UNSET


class DrivingBehavior(Document):
    mode: Annotated[str, of("drivingBehavior.mode")] | UnsetType = UNSET


class StampedDrivingBehavior(DrivingBehavior, kw_only=True):
    created_at: DateTime


class StampedWipingBlades(Document, kw_only=True):
    created_at: DateTime
    active: bool | UnsetType = UNSET
    speed: Annotated[str, of("wipingBlades.speed")] | UnsetType = UNSET


class Light(Document):
    direction: Annotated[str, Meta(extra_json_schema={"enum": ["Left", "Right"]})]
    position: Annotated[str, Meta(extra_json_schema={"enum": ["Front", "Rear"]})]
    status: Annotated[str, of("lightingSystem.turn.Front.Left")] | UnsetType = UNSET


class LightingSystem(Document):
    turn: list[Light] | UnsetType = UNSET
    fog: list[Light] | UnsetType = UNSET


class StampedLightingSystem(LightingSystem, kw_only=True):
    created_at: DateTime


class AlarmStatus(Document):
    activation: Annotated[str, of("alarm.status.activation")]


class StampedAlarmStatus(AlarmStatus, kw_only=True):
    created_at: DateTime


class StampedMaintenance(Document, kw_only=True):
    created_at: DateTime
    vin: str
    days_before_maintenance: Annotated[int, of("maintenance.daysBeforeMaintenance")] | UnsetType = UNSET
    mileage_before_maintenance: Annotated[float, of("maintenance.mileageBeforeMaintenance")] | UnsetType = UNSET
