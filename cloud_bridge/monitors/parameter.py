"""A monitor as it is asked for: the body of POST and PUT, in the published shape.

`read` checks the shape (types, limits, names of fields), `cloud_bridge.monitors.watch` what the parts mean together.

What the specification bounds on one side only is bounded on the other as well, by far more than is of use.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.monitors.data import WATCHED, Operator
from cloud_bridge.monitors.geodesic import FARTHEST_KM
from cloud_bridge.shapes.bodies import Part, read_body
from cloud_bridge.shapes.webhooks import BatchNotify, Callback, RetryDelay, RetryNumber, Text
from contract.catalog import TELEMETRY_KINDS

MOST_TRIGGERS = 5
DAY_S = 86_400
TIME_ZONE = "Europe/Paris"
"""The published default."""

_EXTENSIONS = (
    "vehicle.doorsState", "vehicle.status", "vehicle.maintenance", "vehicle.position", "vehicle.telemetry",
    "vehicle.alerts", "vehicle.collisions", "vehicle.trip", "vehicle.stolen",
)  # fmt: skip
EXTENSIONS = frozenset(_EXTENSIONS) | {f"vehicle.telemetry.{kind}" for kind in TELEMETRY_KINDS}
VARIABLES = ("$vin", "$monitorID", "$fleetID", "$vid")

_DOUBLE = {"format": "double"}
_Extension = Annotated[str, Meta(max_length=256, extra_json_schema={"enum": sorted(EXTENSIONS)})]
_Value = Annotated[str, Meta(max_length=256)]


class MonitorRetryPolicy(Part, frozen=True):
    policy: Literal["None", "Bounded", "Always"]
    retry_number: RetryNumber | UnsetType = UNSET
    retry_delay: RetryDelay | UnsetType = UNSET


class Subscription(Part, frozen=True):
    callback: Callback
    refresh_event: Annotated[int, Meta(ge=60, le=366 * DAY_S)] | UnsetType = UNSET
    retry_policy: MonitorRetryPolicy | UnsetType = UNSET
    batch_notify: BatchNotify | UnsetType = UNSET


class Center(Part, frozen=True):
    longitude: Annotated[float, Meta(ge=-180, le=180, extra_json_schema=_DOUBLE)]
    latitude: Annotated[float, Meta(ge=-90, le=90, extra_json_schema=_DOUBLE)]


class Place(Part, frozen=True):
    radius: Annotated[int, Meta(ge=1, le=int(FARTHEST_KM) - 1000)]
    """km"""
    center: Center


class Zone(Part, frozen=True):
    transition: Literal["In", "Out"]
    place: Place


class TimeOccurrence(Part, frozen=True):
    day: Annotated[
        tuple[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ...], Meta(min_length=1, max_length=7)
    ]
    week: Annotated[tuple[_Value, ...], Meta(min_length=1, max_length=52)] | UnsetType = UNSET


class TimeEntry(Part, frozen=True):
    start: _Value
    recurrence: Annotated[Literal["None", "Daily"], Meta(extra_json_schema={"default": "Daily"})] | UnsetType = UNSET
    duration: _Value | UnsetType = UNSET
    occurence: TimeOccurrence | UnsetType = UNSET


class Time(Part, frozen=True):
    times: Annotated[tuple[TimeEntry, ...], Meta(min_length=1, max_length=32)]
    time_zone: Annotated[str, Meta(max_length=256, extra_json_schema={"default": TIME_ZONE})] | UnsetType = UNSET


class Data(Part, frozen=True):
    data: Annotated[str, Meta(max_length=256, extra_json_schema={"enum": list(WATCHED)})]
    op: Operator
    value: Annotated[tuple[_Value, ...], Meta(max_length=128)] | UnsetType = UNSET


class Trigger(Part, frozen=True):
    name: Annotated[str, Meta(max_length=64, pattern=r"^[a-zA-Z]+[._]?[0-9]*\Z")]
    zone: Zone | UnsetType = UNSET
    time: Time | UnsetType = UNSET
    data: Data | UnsetType = UNSET


class TriggerParameter(Part, frozen=True):
    triggers: Annotated[tuple[Trigger, ...], Meta(min_length=1, max_length=MOST_TRIGGERS)]
    bool_exp: str


class MonitorParameter(Part, frozen=True):
    label: Text
    subscribe_param: Subscription
    trigger_param: TriggerParameter
    extended_event_param: Annotated[tuple[_Extension, ...], Meta(max_length=32)] | UnsetType = UNSET


def read(body: bytes) -> MonitorParameter:
    """The monitor that `body`, JSON, asks for. RefusedBodyError where it has not the published shape."""
    return read_body(_DECODER, body)


_DECODER = msgspec.json.Decoder(MonitorParameter)
