"""A monitor as it is asked for: the body of POST and PUT, in the published shape.

`read` checks the shape (types, limits, names of fields), `cloud_bridge.monitors.watch` what the parts mean together.
Both stop at the first fault and say which field it is and why. A field that is not published is a fault too: of a
misspelt one nothing would ever be heard.

What the specification bounds on one side only is bounded on the other as well, by far more than is of use.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.monitors.data import Operator
from cloud_bridge.monitors.geodesic import FARTHEST_KM
from contract.catalog import TELEMETRY_KINDS

LARGEST = 65_536
"""Bytes of a body."""
MOST_TRIGGERS = 5
DAY_S = 86_400
LONGEST_RETRY_S = 3 * DAY_S
"""No message is kept for longer, so nothing is asked again later."""

RETRY_NUMBER = 3
RETRY_DELAY_S = 10
TIME_WINDOW_S = 60
TIME_ZONE = "Europe/Paris"
"""The published defaults."""

_EXTENSIONS = (
    "vehicle.doorsState", "vehicle.status", "vehicle.maintenance", "vehicle.position", "vehicle.telemetry",
    "vehicle.alerts", "vehicle.collisions", "vehicle.trip", "vehicle.stolen",
)  # fmt: skip
EXTENSIONS = frozenset(_EXTENSIONS) | {f"vehicle.telemetry.{kind}" for kind in TELEMETRY_KINDS}
VARIABLES = ("$vin", "$monitorID", "$fleetID", "$vid")

_Text = Annotated[str, Meta(min_length=1, max_length=256)]
_Value = Annotated[str, Meta(max_length=256)]


class RefusedMonitorError(ValueError):
    """A monitor that cannot be: `field` is its place in the body, `why` what was found and what is expected."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"`{field}`: {why}" if field else why)
        self.field = field
        self.why = why


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Told again as it was given: what was absent stays so."""


class Attribute(_Part, frozen=True):
    type: Literal["Header", "Body", "Query"]
    key: _Text
    value: Annotated[str, Meta(max_length=4096)]
    """Literal, or one of `VARIABLES`."""


class Webhook(_Part, frozen=True):
    target: Annotated[str, Meta(max_length=2048)]
    name: _Text
    attributes: Annotated[tuple[Attribute, ...], Meta(max_length=32)] | UnsetType = UNSET


class Callback(_Part, frozen=True):
    webhook: Webhook


class RetryPolicy(_Part, frozen=True):
    policy: Literal["None", "Bounded", "Always"]
    retry_number: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    retry_delay: Annotated[int, Meta(ge=1, le=LONGEST_RETRY_S)] | UnsetType = UNSET


class BatchNotify(_Part, frozen=True):
    size: Annotated[int, Meta(ge=1, le=1000)]
    time_window: Annotated[int, Meta(ge=5, le=DAY_S)] | UnsetType = UNSET


class Subscription(_Part, frozen=True):
    callback: Callback
    refresh_event: Annotated[int, Meta(ge=60, le=366 * DAY_S)] | UnsetType = UNSET
    retry_policy: RetryPolicy | UnsetType = UNSET
    batch_notify: BatchNotify | UnsetType = UNSET


class Center(_Part, frozen=True):
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    latitude: Annotated[float, Meta(ge=-90, le=90)]


class Place(_Part, frozen=True):
    radius: Annotated[int, Meta(ge=1, le=int(FARTHEST_KM) - 1000)]
    """km"""
    center: Center


class Zone(_Part, frozen=True):
    transition: Literal["In", "Out"]
    place: Place


class Occurrence(_Part, frozen=True):
    day: Annotated[
        tuple[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ...], Meta(min_length=1, max_length=7)
    ]
    week: Annotated[tuple[_Value, ...], Meta(min_length=1, max_length=52)] | UnsetType = UNSET


class TimeEntry(_Part, frozen=True):
    start: _Value
    recurrence: Literal["None", "Daily"] | UnsetType = UNSET
    duration: _Value | UnsetType = UNSET
    occurence: Occurrence | UnsetType = UNSET


class Time(_Part, frozen=True):
    times: Annotated[tuple[TimeEntry, ...], Meta(min_length=1, max_length=32)]
    time_zone: _Value | UnsetType = UNSET


class Data(_Part, frozen=True):
    data: _Value
    op: Operator
    value: Annotated[tuple[_Value, ...], Meta(max_length=128)] | UnsetType = UNSET


class Trigger(_Part, frozen=True):
    name: Annotated[str, Meta(max_length=64, pattern=r"^[a-zA-Z]+[._]?[0-9]*\Z")]
    zone: Zone | UnsetType = UNSET
    time: Time | UnsetType = UNSET
    data: Data | UnsetType = UNSET


class TriggerParameter(_Part, frozen=True):
    triggers: Annotated[tuple[Trigger, ...], Meta(min_length=1, max_length=MOST_TRIGGERS)]
    bool_exp: str


class MonitorParameter(_Part, frozen=True):
    label: _Text
    subscribe_param: Subscription
    trigger_param: TriggerParameter
    extended_event_param: Annotated[tuple[_Value, ...], Meta(max_length=32)] | UnsetType = UNSET


def read(body: bytes) -> MonitorParameter:
    """The monitor that `body`, JSON, asks for. RefusedMonitorError where it has not the published shape."""
    if len(body) > LARGEST:
        raise RefusedMonitorError("", f"a monitor has at most {LARGEST} bytes, this one has {len(body)}")
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        why, _, path = str(error).partition(" - at `")
        raise RefusedMonitorError(path.removesuffix("`").removeprefix("$").removeprefix("."), why) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedMonitorError("", "the body is not JSON in UTF-8") from None


_DECODER = msgspec.json.Decoder(MonitorParameter)
