"""Alarms: one record each time the alarm is armed or disarmed, and each time that it goes off.

`alarm.status.activation` with another value than before is a record; the first that is ever heard is one too, of the
moment at which it was said. `alarm.trigger.type` is one when it is news (`records.news`) and names a break-in;
`NoBreakIn` is none, and what comes after it is news.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cloud_bridge.records.identity import record_id
from cloud_bridge.records.messages import NO_BREAK_IN
from cloud_bridge.records.model import Alarm, Message, Position
from cloud_bridge.records.news import News

ACTIVATION = "alarm.status.activation"
TRIGGER = "alarm.trigger.type"


def follow(news: Mapping[str, News], message: Message, position: Position | None, vin: str) -> list[Alarm]:
    """The records that `message` makes; `position` is the newest that may be told at its time."""
    made = []
    at_ms = message.at_ms
    activation, trigger = news.get(ACTIVATION), news.get(TRIGGER)
    if activation is not None and activation.changed:
        armed: Literal["Inactive", "Active"] = "Active" if activation.value == "Active" else "Inactive"
        made.append(Alarm(record_id(vin, ACTIVATION, message), at_ms, activation=armed, updated_at_ms=at_ms))
    if trigger is not None and trigger.value != NO_BREAK_IN:
        made.append(
            Alarm(
                record_id(vin, TRIGGER, message),
                at_ms,
                trigger=str(trigger.value),
                position=position,
                updated_at_ms=at_ms,
            )
        )
    return made
