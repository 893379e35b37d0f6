"""`…/alarms` and `…/alarms/{aid}`: each time the alarm was armed, disarmed or went off; and what documents show of it.

An alarm is one of the two, a change of the status or a trigger. It is of one moment, its `createdAt`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType, structs

from cloud_bridge.api.blocks import AlarmStatus, StampedAlarmStatus, of
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document
from cloud_bridge.api.listing import collection_of, page_of
from cloud_bridge.api.parameters import ALARM_TYPE
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import of_vehicle, one_of_vehicle
from cloud_bridge.records import model
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.times import rfc3339


class AlarmTrigger(Document, kw_only=True):
    """How the vehicle was broken into; `position` is the last known when the alarm went off, at `startAt`."""

    type: Annotated[str, of("alarm.trigger.type")]
    start_at: DateTime
    position: Feature | UnsetType = UNSET


class StampedAlarmTrigger(AlarmTrigger, kw_only=True):
    created_at: DateTime


class Alarm(Document):
    """Of a telemetry message."""

    status: AlarmStatus | UnsetType = UNSET
    trigger: AlarmTrigger | UnsetType = UNSET


class StampedAlarm(Document):
    """Of the vehicle's status: the current status of the alarm and its latest trigger."""

    status: StampedAlarmStatus | UnsetType = UNSET
    trigger: StampedAlarmTrigger | UnsetType = UNSET


class AlarmDetails(StampedAlarm, kw_only=True):
    id: str


Alarms = collection_of("Alarms", "alarms", AlarmDetails)


def read_alarms(call: Call) -> Json:
    types = call.query[ALARM_TYPE]
    return page_of(
        call,
        "alarms",
        [each for each in of_vehicle(call, model.Alarm) if not types or _type(each[1]) in types],
        lambda shown: [_details(alarm, call.vin_of(vehicle)) for vehicle, alarm in shown],
        "no alarm of the vehicle is of these types, times and indexes",
    )


def read_alarm(call: Call) -> AlarmDetails:
    vehicle, alarm = one_of_vehicle(call, model.Alarm, "aid")
    return _details(alarm, call.vin_of(vehicle))


def trigger_of(alarm: model.Alarm, vin: str | UnsetType) -> AlarmTrigger | None:
    """The trigger, of an alarm that is one. `vin`: what its position says of whose it is."""
    if alarm.trigger is None:
        return None
    trigger = AlarmTrigger(type=alarm.trigger, start_at=rfc3339(alarm.started_at_ms))
    if alarm.position is not None:
        trigger.position = feature(alarm.position, vin)
    return trigger


def stamped_trigger_of(alarm: model.Alarm, vin: str | UnsetType) -> StampedAlarmTrigger | UnsetType:
    trigger = trigger_of(alarm, vin)
    return UNSET if trigger is None else StampedAlarmTrigger(created_at=trigger.start_at, **structs.asdict(trigger))


def _type(alarm: model.Alarm) -> str:
    return "vehicle.alarm.status" if alarm.trigger is None else "vehicle.alarm.trigger"


def _details(alarm: model.Alarm, vin: str | UnsetType) -> AlarmDetails:
    details = AlarmDetails(id=alarm.id, trigger=stamped_trigger_of(alarm, vin))
    if alarm.activation is not None:
        details.status = StampedAlarmStatus(activation=alarm.activation, created_at=rfc3339(alarm.started_at_ms))
    return details
