"""A remote action as it is asked for: the body of POST, in the published shape, and what it asks of the vehicle.

`read` checks all of it and stops at the first fault, which it names by its field. What the specification leaves open is
bounded: texts, and times of day by a day. Where it contradicts itself the more liberal holds: a program that is deleted
needs its slot only, and may have more.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.actions.life import RemoteType, Request
from cloud_bridge.actions.times import moment, time_of_day
from cloud_bridge.shapes.bodies import Part, RefusedBodyError, read_body
from contract import actions
from contract.action_codec import LONGEST_TRACKING_S, MOST_POSITIONS, SHORTEST_RUNNING_S, SHORTEST_SHUTDOWN_S
from contract.actions import Action
from contract.catalog import DAYS, SLOTS

Value = TypeVar("Value")

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_Label = Annotated[str, Meta(max_length=256)]
_Time = Annotated[str, Meta(max_length=64)]
_Slot = Annotated[int, Meta(ge=min(SLOTS), le=max(SLOTS))]


class WakeUp(Part, frozen=True):
    action: Literal["WakeUp"] | UnsetType = UNSET


class Door(Part, frozen=True):
    state: Literal["Unlocked", "Locked"]
    forced: bool | UnsetType = UNSET
    """Deprecated, and without effect."""


class Horn(Part, frozen=True):
    state: Literal["Activated", "Unactivated"]


class Lights(Part, frozen=True):
    on: bool


class AskedOccurrence(Part, frozen=True):
    day: Annotated[tuple[Day, ...], Meta(max_length=7)]


class ConditioningProgram(Part, frozen=True):
    slot: _Slot
    enabled: bool | UnsetType = UNSET
    recurrence: Literal["None", "Daily"] | UnsetType = UNSET
    start: _Time | UnsetType = UNSET
    occurence: AskedOccurrence | UnsetType = UNSET
    actions_type: Literal["Delete", "Set"] | UnsetType = UNSET


class AskedAirConditioning(Part, frozen=True):
    immediate: bool | UnsetType = UNSET
    programs: Annotated[tuple[ConditioningProgram, ...], Meta(min_length=1, max_length=len(SLOTS))] | UnsetType = UNSET


class AskedPreconditioning(Part, frozen=True):
    air_conditioning: AskedAirConditioning


class AskedChargingProgram(Part, frozen=True):
    slot: _Slot
    enabled: bool
    start: _Time
    occurence: AskedOccurrence
    end: _Time | UnsetType = UNSET


class Schedule(Part, frozen=True):
    next_delayed_time: _Time | UnsetType = UNSET
    programs: Annotated[tuple[AskedChargingProgram, ...], Meta(min_length=1, max_length=len(SLOTS))] | UnsetType = UNSET


class Preferences(Part, frozen=True):
    level: Literal["Level1", "Level2", "Level3", "Level4", "Level5"] | UnsetType = UNSET
    type: Literal["Partial", "Full"] | UnsetType = UNSET


class AskedCharging(Part, frozen=True):
    immediate: bool | UnsetType = UNSET
    schedule: Schedule | UnsetType = UNSET
    preferences: Preferences | UnsetType = UNSET
    next_delayed_time: _Time | UnsetType = UNSET
    """Deprecated; as the schedule's."""


class AskedPoint(Part, frozen=True):
    type: Literal["Point"]
    coordinates: Annotated[tuple[float, ...], Meta(min_length=2, max_length=3)]
    """Longitude, latitude and maybe altitude."""


class Navigation(Part, frozen=True):
    positions: Annotated[tuple[AskedPoint, ...], Meta(min_length=1, max_length=MOST_POSITIONS)]
    driver_approval: bool | UnsetType = UNSET
    """Deprecated, and without effect."""


class TrackingPeriod(Part, frozen=True):
    """Seconds."""

    running: Annotated[int, Meta(ge=SHORTEST_RUNNING_S, le=LONGEST_TRACKING_S)] | UnsetType = UNSET
    shutdown: Annotated[int, Meta(ge=SHORTEST_SHUTDOWN_S, le=LONGEST_TRACKING_S)] | UnsetType = UNSET


class Immobilization(Part, frozen=True):
    activate: bool


class AskedStolen(Part, frozen=True):
    stolen: bool | UnsetType = UNSET
    tracking_period: TrackingPeriod | UnsetType = UNSET
    immobilization: Immobilization | UnsetType = UNSET


class Remote(Part, frozen=True):
    """What a vehicle is asked to do: one of these."""

    label: _Label | UnsetType = UNSET
    preconditioning: AskedPreconditioning | UnsetType = UNSET
    immobilization: Immobilization | UnsetType = UNSET
    door: Door | UnsetType = UNSET
    horn: Horn | UnsetType = UNSET
    charging: AskedCharging | UnsetType = UNSET
    stolen: AskedStolen | UnsetType = UNSET
    lights: Lights | UnsetType = UNSET
    wake_up: WakeUp | UnsetType = UNSET
    navigation: Navigation | UnsetType = UNSET


class Asked(NamedTuple):
    remote: Remote
    request: Request
    action: Action | None
    """What the vehicle is asked for; None: nothing, the cloud does it."""

    @property
    def body(self) -> bytes:
        """JSON: as it was given."""
        return msgspec.json.encode(self.remote)


def read(body: bytes) -> Asked:
    """What `body`, JSON, asks for. RefusedBodyError where it has not the published shape or asks for what cannot be."""
    remote = read_body(_DECODER, body)
    given = [name for name in _ACTIONS if getattr(remote, name) is not UNSET]
    if len(given) != 1:
        published = ", ".join(f"`{_published(name)}`" for name in _ACTIONS)
        found = " and ".join(f"`{_published(name)}`" for name in given) or "none"
        raise RefusedBodyError("", f"expected exactly one of {published}, found {found}")
    match getattr(remote, given[0]):
        case WakeUp():
            return _asks(remote, "WakeUp", actions.WakeUp())
        case Door(state=state):
            return _asks(remote, "Doors", actions.Doors(state == "Locked"))
        case Horn(state=state):
            return _asks(remote, "Horn", actions.Horn(state == "Activated"))
        case Lights(on=on):
            return _asks(remote, "Lights", actions.Lights(on))
        case AskedPreconditioning(air_conditioning=asked):
            return _asks(remote, "ThermalPreconditioning", _preconditioning(asked))
        case AskedCharging() as charging:
            return _asks(remote, "ElectricBatteryChargingRequest", _charging(charging))
        case Navigation(positions=positions):
            places = tuple(_place(point, f"navigation.positions[{n}]") for n, point in enumerate(positions))
            return _asks(remote, "Navigation", actions.Navigation(places))
        case Immobilization(activate=activate):
            return _asks(remote, "Immobilization", actions.Immobilization(activate))
        case stolen:
            return _stolen(remote, stolen)


_DECODER = msgspec.json.Decoder(Remote)
_ACTIONS = tuple(name for name in Remote.__struct_fields__ if name != "label")


def _published(name: str) -> str:
    return Remote.__struct_encode_fields__[Remote.__struct_fields__.index(name)]


def _asks(remote: Remote, type_: RemoteType, action: Action) -> Asked:
    return Asked(remote, Request(type_), action)


def _preconditioning(asked: AskedAirConditioning) -> actions.Preconditioning:
    field = "preconditioning.airConditioning"
    immediate, programs = _given(asked.immediate), _given(asked.programs)
    if immediate is None and programs is None:
        raise RefusedBodyError(field, "expected `immediate`, `programs` or both")
    made = tuple(_conditioning(program, f"{field}.programs[{n}]") for n, program in enumerate(programs or ()))
    _expect_different([program.slot for program in made], f"{field}.programs")
    return actions.Preconditioning(immediate, made)


def _conditioning(program: ConditioningProgram, field: str) -> actions.ConditioningProgram | actions.DeletedProgram:
    if program.actions_type == "Delete":
        return actions.DeletedProgram(program.slot)
    enabled, start, occurrence = program.enabled, program.start, program.occurence
    if isinstance(enabled, UnsetType):
        raise RefusedBodyError(f"{field}.enabled", "is required where a program is set")
    if isinstance(start, UnsetType):
        raise RefusedBodyError(f"{field}.start", "is required where a program is set")
    if isinstance(occurrence, UnsetType):
        raise RefusedBodyError(f"{field}.occurence", "is required where a program is set")
    recurrence = "Daily" if isinstance(program.recurrence, UnsetType) else program.recurrence
    start_s = time_of_day(start, f"{field}.start")
    return actions.ConditioningProgram(program.slot, enabled, start_s, _days(occurrence), recurrence)


def _charging(asked: AskedCharging) -> actions.Charging:
    immediate, schedule, preferences = _given(asked.immediate), _given(asked.schedule), _given(asked.preferences)
    older = _given(asked.next_delayed_time)
    if preferences is not None:
        if immediate is not None or schedule is not None or older is not None:
            raise RefusedBodyError(
                "charging.preferences", "cannot go with `immediate`, `schedule` or `nextDelayedTime`"
            )
        return actions.Charging(preferences=_preferences(preferences))
    if schedule is not None and older is not None:
        raise RefusedBodyError("charging.nextDelayedTime", "is the older form of `schedule`: expected one of the two")
    if immediate is None and schedule is None and older is None:
        raise RefusedBodyError("charging", "expected `immediate`, `schedule`, both, or `preferences`")
    if older is not None:
        return actions.Charging(immediate, next=moment(older, "charging.nextDelayedTime"))
    return actions.Charging(immediate) if schedule is None else _scheduled(immediate, schedule)


def _scheduled(immediate: bool | None, schedule: Schedule) -> actions.Charging:
    field = "charging.schedule"
    programs, next_time = _given(schedule.programs), _given(schedule.next_delayed_time)
    if (programs is None) == (next_time is None):
        raise RefusedBodyError(field, "expected one of `programs` and `nextDelayedTime`")
    if next_time is not None:
        return actions.Charging(immediate, next=moment(next_time, f"{field}.nextDelayedTime"))
    made = tuple(_charge(program, f"{field}.programs[{n}]") for n, program in enumerate(programs or ()))
    _expect_different([program.slot for program in made], f"{field}.programs")
    return actions.Charging(immediate, made)


def _charge(program: AskedChargingProgram, field: str) -> actions.ChargingProgram:
    start_s, end = time_of_day(program.start, f"{field}.start"), _given(program.end)
    end_s = None if end is None else time_of_day(end, f"{field}.end")
    return actions.ChargingProgram(program.slot, program.enabled, start_s, end_s, _days(program.occurence))


def _preferences(asked: Preferences) -> actions.ChargingPreferences:
    level = _given(asked.level)
    type_: Literal["Partial", "Full"] | None = None if isinstance(asked.type, UnsetType) else asked.type
    if level is None and type_ is None:
        raise RefusedBodyError("charging.preferences", "expected `level`, `type` or both")
    return actions.ChargingPreferences(None if level is None else int(level.removeprefix("Level")), type_)


def _place(point: AskedPoint, field: str) -> actions.Place:
    longitude, latitude = point.coordinates[:2]
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        why = "expected a longitude within -180 and 180, and then a latitude within -90 and 90"
        raise RefusedBodyError(f"{field}.coordinates", why)
    return actions.Place(longitude, latitude)


def _stolen(remote: Remote, asked: AskedStolen) -> Asked:
    stolen, tracking, immobilization = _given(asked.stolen), _given(asked.tracking_period), _given(asked.immobilization)
    if [stolen, tracking, immobilization].count(None) != 2:
        raise RefusedBodyError("stolen", "expected exactly one of `stolen`, `trackingPeriod` and `immobilization`")
    if immobilization is not None:
        # Who has the vehicle back must be able to let it go.
        request = Request("Stolen", of_theft=immobilization.activate)
        return Asked(remote, request, actions.Immobilization(immobilization.activate))
    if tracking is not None:
        running, shutdown = _given(tracking.running), _given(tracking.shutdown)
        if running is None and shutdown is None:
            raise RefusedBodyError("stolen.trackingPeriod", "expected `running`, `shutdown` or both")
        action = actions.Stolen(tracking=actions.Tracking(running, shutdown))
        return Asked(remote, Request("Stolen"), action)
    return Asked(remote, Request("Stolen", declares=stolen), None if stolen else actions.Stolen(stolen=False))


def _days(occurrence: AskedOccurrence) -> tuple[str, ...]:
    return tuple(day for day in DAYS if day in occurrence.day)


def _expect_different(slots: list[int], field: str) -> None:
    for slot in slots:
        if slots.count(slot) > 1:
            raise RefusedBodyError(field, f"slot {slot} comes twice")


def _given(value: Value | UnsetType) -> Value | None:
    return None if isinstance(value, UnsetType) else value
