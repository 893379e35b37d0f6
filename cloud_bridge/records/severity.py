"""How grave an alert is, by its type.

The published documents say what the three severities mean, not which type has which. The rule here is that meaning,
read with what owner's handbooks ask for:

* `Critical`, not to be started before it is repaired: the handbook says stop, or the vehicle will not start: brakes,
  steering, oil pressure, engine temperature, a drive that has to be stopped, a start that is locked.
* `Information`, it works and can wait: nothing is broken, something is to be topped up, closed, replaced or known:
  levels, openings at rest, a single lamp, comfort, the weather.
* `Warning`, to be repaired soon: everything else.
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
