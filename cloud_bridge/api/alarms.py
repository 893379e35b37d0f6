"""`…/alarms` and `…/alarms/{aid}`: each time the alarm was armed, disarmed or went off; and what documents show of it.

An alarm is one of the two, a change of the status or a trigger. It is of one moment, its `createdAt`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from cloud_bridge.api.blocks import AlarmStatus, StampedAlarmStatus, of
from cloud_bridge.api.call import Call
from cloud_bridge.api.documents import DateTime, Document
from cloud_bridge.api.listing import collection_of, page_of
from cloud_bridge.api.parameters import ALARM_TYPE
from cloud_bridge.api.positions import Feature, feature
from cloud_bridge.api.records import of_vehicle, one_of_vehicle
from cloud_bridge.api.times import rfc3339
from cloud_bridge.records import model
from cloud_bridge.records.model import Json


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
    position_shown, types = call.position_shown, call.query[ALARM_TYPE]
    return page_of(
        call,
        "alarms",
        [alarm for _, alarm in of_vehicle(call, model.Alarm) if not types or _type(alarm) in types],
        lambda shown: [_details(alarm, position_shown) for alarm in shown],
        "no alarm of the vehicle is of these types, times and indexes",
    )


def read_alarm(call: Call) -> AlarmDetails:
    _, alarm = one_of_vehicle(call, model.Alarm, "aid")
    return _details(alarm, call.position_shown)


def trigger_of(alarm: model.Alarm, position_shown: bool) -> StampedAlarmTrigger | UnsetType:
    """The trigger, of an alarm that is one."""
    if alarm.trigger is None:
        return UNSET
    at = rfc3339(alarm.started_at_ms)
    trigger = StampedAlarmTrigger(created_at=at, type=alarm.trigger, start_at=at)
    if alarm.position is not None and position_shown:
        trigger.position = feature(alarm.position)
    return trigger


def _type(alarm: model.Alarm) -> str:
    return "vehicle.alarm.status" if alarm.trigger is None else "vehicle.alarm.trigger"


def _details(alarm: model.Alarm, position_shown: bool) -> AlarmDetails:
    details = AlarmDetails(id=alarm.id, trigger=trigger_of(alarm, position_shown))
    if alarm.activation is not None:
        details.status = StampedAlarmStatus(activation=alarm.activation, created_at=rfc3339(alarm.started_at_ms))
    return details
