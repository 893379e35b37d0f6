"""How grave an alert is, by its type.

The published documents define three severities but not which type has which. The rule here is their wording, read with
what owner's handbooks ask for:

* `Critical` ("starting prohibited without repair"): the handbook says stop, or the vehicle will not start: brakes,
  steering, oil pressure, engine temperature, a drive that has to be stopped, a start that is locked.
* `Information` ("better to fix, but it is operating accurately"): nothing is broken, something is to be topped up,
  closed, replaced or known: levels, openings at rest, a single lamp, comfort, the weather.
* `Warning` ("should be fixed as soon as possible"): everything else.
"""

from __future__ import annotations

from typing import Literal

Severity = Literal["Information", "Warning", "Critical"]

_CRITICAL = frozenset(
    {
        "AdBlueFaultStartingImpossible", "BrakingSystemFailure", "ElectricTractionSystemFailureStopVehicle",
        "ElectronicImmobiliserFault", "EmissionSystemOrAdBlueQualityFailueStartingImpossible", "EngineFailure",
        "EngineOilPressureFailure", "EngineTemperatureFailure", "ParkingBrakeOrHillStartSystemFailure",
        "PowerSteeringFailure", "SteeringLockFault",
    }
)  # fmt: skip
_INFORMATION = frozenset(
    {
        "ActiveSpoilerFault", "AddWasherFluid", "AssistanceButtonFault", "AutomaticBrakingDeactivated",
        "AutomaticHeadlightAdjustmentFault", "CheckTheCenterBrakeLamp", "DrivingAssistanceSensorBlind",
        "FrontLeftFlashingIndicatorFault", "FrontLeftFogLampsFault", "FrontLeftParkingLampsFault",
        "FrontRightFlashingIndicatorFault", "FrontRightFogLampsFault", "FrontRightParkingLampsFault", "FuelLevelLow",
        "InstalledSpareWheelFault", "LeftBrakeLampFault", "LeftFrontDoorOpen", "LeftRearDoorOpen",
        "LeftReverseLampFault", "ParkAssistSystemFault", "ParticleFilterRegenerating",
        "PreheatingPreventilationDeactivatedBatteryLow", "PreheatingPreventilationDeactivatedClockUnset",
        "PreheatingPreventilationDeactivatedFuelLevelLow", "RearLeftFlashingIndicatorFault",
        "RearLeftFogLampsFault", "RearLeftParkingLampsFault", "RearRightFlashingIndicatorFault",
        "RearRightFogLampsFault", "RearRightParkingLampsFault", "RearWindowOpen", "ReplaceTheRemoteControlBattery",
        "RetractableRoofMechanismFault", "RightBrakeLampFault", "RightFrontDoorOpen", "RightRearDoorOpen",
        "RightReverseLampFault", "RiskOfIce", "RoofOperationNotPossibleSpeedUnknown",
        "RoofOperationNotPossibleTooHighTemp", "ShiftToPark", "TooManyRoofOperation", "TrailerConnectionFault",
        "TrunkOrHoodOpen",
    }
)  # fmt: skip


def severity(alert: str) -> Severity:
    """The severity of an alert type."""
    if alert in _CRITICAL:
        return "Critical"
    return "Information" if alert in _INFORMATION else "Warning"
