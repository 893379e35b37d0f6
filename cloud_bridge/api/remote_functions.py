"""What of remote control a vehicle can do, as its capabilities list it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import UNSET, UnsetType

from cloud_bridge.api.documents import Document
from contract.catalog import SLOTS


class ConditioningPrograms(Document):
    size: int
    """How many a vehicle keeps."""


class PreconditioningParameters(Document):
    immediate: bool | UnsetType = UNSET
    programs: ConditioningPrograms | UnsetType = UNSET


class PreconditioningRemote(Document):
    supported: bool
    scope_name: Literal["remote:preconditioning:write"]
    parameters: PreconditioningParameters


class ChargingNow(Document):
    start: bool
    stop: bool


class ChargingPrograms(Document):
    supported: bool
    size: int | UnsetType = UNSET


class ChargingPreferences(Document):
    level: bool
    type: bool


class ScheduledCharging(Document):
    programs: ChargingPrograms
    next_delayed_time: bool
    preferences: ChargingPreferences
    """Published as required here and described beside the schedule: it is in both places."""


class ChargingParameters(Document):
    immediate: ChargingNow | UnsetType = UNSET
    schedule: ScheduledCharging | UnsetType = UNSET
    preferences: ChargingPreferences | UnsetType = UNSET


class ChargingRemote(Document):
    supported: bool
    scope_name: Literal["remote:charging:write"]
    parameters: ChargingParameters


class DoorRemote(Document):
    supported: bool
    scope_name: Literal["remote:door:write"]


class HornRemote(Document):
    supported: bool
    scope_name: Literal["remote:horn:write"]


class LightsRemote(Document):
    supported: bool
    scope_name: Literal["remote:lights:write"]


class WakeupRemote(Document):
    supported: bool
    scope_name: Literal["remote:wakeup:write"]


class NavigationRemote(Document):
    supported: bool
    scope_name: Literal["remote:navigation:write"]


class StolenRemote(Document):
    supported: bool


class RemoteFunctions(Document):
    """What a vehicle can be asked to do, as far as its model goes. Its own settings may still refuse it."""

    preconditioning: PreconditioningRemote
    charging: ChargingRemote
    door: DoorRemote
    horn: HornRemote
    lights: LightsRemote
    wakeup: WakeupRemote
    navigation: NavigationRemote
    stolen: StolenRemote


def remote_functions(steps: Collection[str]) -> RemoteFunctions:
    """Of a vehicle that can do these steps (`contract.steps`)."""
    return RemoteFunctions(
        preconditioning=_preconditioning(steps),
        charging=_charging(steps),
        door=DoorRemote(supported=bool({"lock", "unlock"} & {*steps}), scope_name="remote:door:write"),
        horn=HornRemote(supported="horn-on" in steps, scope_name="remote:horn:write"),
        lights=LightsRemote(supported="lights-on" in steps, scope_name="remote:lights:write"),
        wakeup=WakeupRemote(supported="wake-up" in steps, scope_name="remote:wakeup:write"),
        navigation=NavigationRemote(supported="navigate" in steps, scope_name="remote:navigation:write"),
        stolen=StolenRemote(supported="track" in steps),
    )


def _preconditioning(steps: Collection[str]) -> PreconditioningRemote:
    now, programs = "precondition" in steps, "set-conditioning-program" in steps
    parameters = PreconditioningParameters()
    if now or programs:
        size = ConditioningPrograms(len(SLOTS)) if programs else UNSET
        parameters = PreconditioningParameters(immediate=now, programs=size)
    return PreconditioningRemote(
        supported=now or programs, scope_name="remote:preconditioning:write", parameters=parameters
    )


def _charging(steps: Collection[str]) -> ChargingRemote:
    now = ChargingNow(start="charge" in steps, stop="stop-charging" in steps)
    programs, next_time = "set-charging-program" in steps, "charge-at" in steps
    preferences = ChargingPreferences(level="set-charging-level" in steps, type="set-charging-type" in steps)
    supported = any((now.start, now.stop, programs, next_time, preferences.level, preferences.type))
    parameters = ChargingParameters()
    if supported:
        kept = ChargingPrograms(supported=True, size=len(SLOTS)) if programs else ChargingPrograms(supported=False)
        parameters = ChargingParameters(
            immediate=now,
            schedule=ScheduledCharging(programs=kept, next_delayed_time=next_time, preferences=preferences),
            preferences=preferences,
        )
    return ChargingRemote(supported=supported, scope_name="remote:charging:write", parameters=parameters)
