"""The life of a remote action: what its callback is told, from the request to what came of it.

A function of what the bridge knows, what the vehicle answers and what time it is. In the published words:

    refused at once        Failed (who asks may not, the vehicle cannot, …)
    month used up          TooManyWakeUpsOverMonth, Failed
    battery too low        VehicleBatteryChargeTooLow, Failed
    the vehicle is awake   Accepted, SentToVehicle, then Success, AlreadyDone or Failed
    it sleeps              Accepted, WakingUpVehicle, CheckingVehicle, and on as above
    it is shut out         Failed, also while something is waited for
    the cloud's alone      Accepted, Success or AlreadyDone: that a vehicle is stolen, or was recovered

`Navigation` wakes nothing and begins with SentToVehicle. CheckingVehicle says that the vehicle was heard again and that
what it says is looked at before anything is asked of it; SentToVehicle, that the vehicle has the request. Whatever is
waited for ends with a time, and then the action has failed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, get_args

import msgspec
from msgspec.structs import replace

RemoteType = Literal[
    "ThermalPreconditioning", "ElectricBatteryChargingRequest", "Horn", "Doors", "Lights", "Immobilization", "Stolen",
    "WakeUp", "Navigation",
]  # fmt: skip
PendingStatus = Literal[
    "Accepted", "WakingUpVehicle", "CheckingVehicle", "SentToVehicle", "VehicleBatteryChargeTooLow",
    "TooManyWakeUpsOverMonth",
]  # fmt: skip
DoneStatus = Literal["Success", "AlreadyDone", "Failed"]
Status = Literal[PendingStatus, DoneStatus]
FailureCause = Literal[
    "GeneralError", "VehicleError", "WrongCommand", "VehicleConnectionTimeout", "MissingRights",
    "NotPossibleDueToVehicleBatteryLevel", "NotPossibleDueToVehiclePrivacyLevel", "TooManyWakeUpsOverMonth",
    "TooManyRequestInShortTime", "SameActionInProgress", "NotPossibleDueToVehicleStolenState", "VehicleInUse",
    "TooManyRequestSent", "DoorsOpen", "VehicleErrorOrCidInside", "CidInside", "ExternalChargingSystemError",
    "VehicleChargingSystemError", "VehicleIsNotLocked", "CanceledByDriver",
]  # fmt: skip
REMOTE_TYPES: tuple[RemoteType, ...] = get_args(RemoteType)

AWAKE_MS = 180_000
"""A stopped vehicle stays awake so long, and again so long for each message that is sent to it."""
SETTLE_MS = 5_000
"""So long a vehicle that woke up may take to say how it is."""

_OF_A_THEFT: frozenset[RemoteType] = frozenset({"Stolen", "Immobilization", "WakeUp"})
"""What is done with a vehicle that is stolen, and then whatever its privacy is."""
_COSTS_NOTHING: frozenset[RemoteType] = frozenset(
    {"ElectricBatteryChargingRequest", "Navigation", "Stolen", "Immobilization"}
)
"""What a traction battery need not be spared of."""


class Event(msgspec.Struct, frozen=True):
    """What the callback is told."""

    status: Status
    cause: FailureCause | None = None
    """Why it failed."""

    @property
    def is_last(self) -> bool:
        return self.status in get_args(DoneStatus)


class Phase(IntEnum):
    """What is waited for."""

    WAKING = 0
    """That the vehicle is heard."""
    CHECKING = 1
    """What it says, now that it is awake."""
    SENDING = 2
    """That it has the request."""
    SENT = 3
    """What came of it."""
    DONE = 4


class Life(msgspec.Struct, frozen=True):
    phase: Phase
    since_ms: int
    excuse: FailureCause = "VehicleConnectionTimeout"
    """Why it will have failed if the time runs out."""
    issued_ms: int = 0
    expires_ms: int = 0
    """Of what the vehicle is sent. Both stay while that has the same id: a vehicle forgets an id that has expired."""


class Request(msgspec.Struct, frozen=True):
    """What of an action decides its life."""

    type: RemoteType
    declares: bool | None = None
    """That the vehicle is stolen, or was recovered. That is the cloud's to know; but a vehicle that is tracked is told
    that it was recovered."""
    of_theft: bool = False
    """There is sense in it only while the vehicle is stolen."""


class Known(msgspec.Struct, frozen=True):
    """What the bridge knows of the vehicle, and of who asks."""

    is_permitted: bool = True
    """Who asks may ask for it."""
    is_able: bool = True
    """Vehicles of its model can do it."""
    is_shut_out: bool = False
    """All of its certificates are revoked: it cannot connect, and nothing is taken from it."""
    is_same_in_progress: bool = False
    """Another action of the type is not done yet."""
    lately: int = 0
    """Actions asked of the vehicle in the last minute."""
    wake_ups: int = 0
    """This month."""
    is_waking: bool = False
    """It is being woken up already."""
    heard_at_ms: int | None = None
    """Anything at all."""
    said_at_ms: int | None = None
    """How it is."""
    sent_at_ms: int | None = None
    """Something was, when it was awake."""
    battery_percent: float | None = None
    """Of the traction battery, of a vehicle that has one."""
    is_charging: bool = False
    is_private: bool = False
    """Everything is kept back, by the wish of who drives it."""
    is_stolen: bool = False
    is_tracked: bool = False
    """It was told how often to upload while it is stolen, and not yet that it was recovered."""


class Rules(msgspec.Struct, frozen=True):
    wake_ups: int = 100
    """In a month, of one vehicle."""
    most_in_a_minute: int = 20
    """Actions, of one vehicle."""
    lowest_battery_percent: float = 10.0
    reach_ms: int = 120_000
    """For the vehicle to be heard, and as long again for it to have the request."""
    answer_ms: int = 120_000
    """For it to say what came of the request."""

    @property
    def longest_ms(self) -> int:
        """From the request to the last event, at most, if somebody looks when it is time."""
        return 2 * self.reach_ms + SETTLE_MS + 2 * self.answer_ms


class Answer(msgspec.Struct, frozen=True):
    """What the vehicle says of the request; nothing: that it has it."""

    status: DoneStatus | None = None
    cause: FailureCause | None = None


class Step(msgspec.Struct, frozen=True):
    life: Life
    events: tuple[Event, ...] = ()
    wakes: bool = False
    """It counts as a wake-up."""
    sends: bool = False
    """The vehicle is sent something, and is awake."""
    declares: bool | None = None
    """That the vehicle is stolen, or was recovered: to be recorded."""


def begin(request: Request, known: Known, rules: Rules, now_ms: int) -> Step:
    refusal = _refusal(request, known, rules)
    if refusal is not None:
        return _failed(refusal, now_ms)
    declares = None if request.declares == known.is_stolen else request.declares
    if request.declares is not None and (request.declares or not known.is_tracked):
        last = Event("AlreadyDone" if declares is None else "Success")
        return Step(Life(Phase.DONE, now_ms), (Event("Accepted"), last), declares=declares)
    if known.is_shut_out:
        return replace(_failed("VehicleConnectionTimeout", now_ms), declares=declares)
    is_asleep = request.type != "Navigation" and not is_awake(known, now_ms)
    wakes = request.type == "WakeUp" or (is_asleep and not known.is_waking)
    if wakes and known.wake_ups >= rules.wake_ups and request.declares is None:
        return _failed("TooManyWakeUpsOverMonth", now_ms)
    if _is_drained(request, known, rules):
        return _failed("NotPossibleDueToVehicleBatteryLevel", now_ms)
    if is_asleep:
        # What wakes it up may be what it is asked for: then it is sent until it has it, too.
        lasts_ms = 2 * rules.reach_ms if request.type == "WakeUp" else rules.reach_ms
        waking = (Event("Accepted"), Event("WakingUpVehicle"))
        life = Life(Phase.WAKING, now_ms, issued_ms=now_ms, expires_ms=now_ms + lasts_ms)
        return Step(life, waking, wakes, declares=declares)
    accepted = () if request.type == "Navigation" else (Event("Accepted"),)
    return Step(_sending(rules, now_ms), accepted, wakes, is_awake(known, now_ms), declares)


def look(life: Life, request: Request, known: Known, rules: Rules, now_ms: int) -> Step:
    """What time, and what was heard meanwhile, make of it. The same life: nothing."""
    if life.phase is not Phase.DONE and known.is_shut_out:
        return _failed("VehicleConnectionTimeout", now_ms)
    if life.phase is Phase.WAKING and _since(known.heard_at_ms, life):
        checking = Event("CheckingVehicle")
        if not _since(known.said_at_ms, life):
            return Step(replace(life, phase=Phase.CHECKING, since_ms=now_ms), (checking,))
        checked = _checked(life, request, known, rules, now_ms)
        return Step(checked.life, (checking, *checked.events), sends=checked.sends)
    if life.phase is Phase.CHECKING and (_since(known.said_at_ms, life) or now_ms >= until_ms(life, rules)):
        return _checked(life, request, known, rules, now_ms)
    if life.phase is not Phase.DONE and now_ms >= until_ms(life, rules):
        return _failed(life.excuse, now_ms)
    return Step(life)


def _checked(life: Life, request: Request, known: Known, rules: Rules, now_ms: int) -> Step:
    refusal = _unfit(request, known)
    if refusal is None and _is_drained(request, known, rules):
        refusal = "NotPossibleDueToVehicleBatteryLevel"
    if refusal is not None:
        return _failed(refusal, now_ms)
    if request.type == "WakeUp":
        return Step(replace(life, phase=Phase.SENDING, since_ms=now_ms), sends=True)
    return Step(_sending(rules, now_ms), sends=True)


def _sending(rules: Rules, now_ms: int) -> Life:
    return Life(Phase.SENDING, now_ms, issued_ms=now_ms, expires_ms=now_ms + rules.reach_ms)


def answered(life: Life, answer: Answer, now_ms: int) -> Step:
    """The vehicle answered the request, maybe again."""
    if life.phase is Phase.DONE:
        return Step(life)
    sent = () if life.phase is Phase.SENT else (Event("SentToVehicle"),)
    if answer.status is None:
        return Step(replace(life, phase=Phase.SENT, since_ms=now_ms), sent) if sent else Step(life)
    return Step(Life(Phase.DONE, now_ms), (*sent, Event(answer.status, answer.cause)))


def postponed(life: Life, excuse: FailureCause) -> Life:
    """The vehicle cannot now, and may when it is asked again."""
    return life if life.phase is Phase.DONE else replace(life, excuse=excuse)


def given_up(now_ms: int) -> Step:
    """Nothing more can be done about it."""
    return _failed("GeneralError", now_ms)


def until_ms(life: Life, rules: Rules) -> int:
    """When it is over with what is waited for."""
    lasts_ms = {
        Phase.WAKING: rules.reach_ms,
        Phase.CHECKING: SETTLE_MS,
        # The request holds as long as it is sent; what is done in its last moment is still answered.
        Phase.SENDING: rules.reach_ms + rules.answer_ms,
        Phase.SENT: rules.answer_ms,
        Phase.DONE: 0,
    }
    return life.since_ms + lasts_ms[life.phase]


def is_awake(known: Known, now_ms: int) -> bool:
    times = [at_ms for at_ms in (known.heard_at_ms, known.sent_at_ms) if at_ms is not None]
    return bool(times) and now_ms < max(times) + AWAKE_MS


def _refusal(request: Request, known: Known, rules: Rules) -> FailureCause | None:
    if not known.is_permitted:
        return "MissingRights"
    if not known.is_able:
        return "WrongCommand"
    if known.is_same_in_progress:
        return "SameActionInProgress"
    if known.lately >= rules.most_in_a_minute:
        return "TooManyRequestInShortTime"
    return _unfit(request, known)


def _unfit(request: Request, known: Known) -> FailureCause | None:
    """What the vehicle's state forbids."""
    if request.declares is not None:
        return None
    if known.is_stolen:
        return None if request.type in _OF_A_THEFT else "NotPossibleDueToVehicleStolenState"
    if request.of_theft:
        return "NotPossibleDueToVehicleStolenState"
    return "NotPossibleDueToVehiclePrivacyLevel" if known.is_private else None


def _is_drained(request: Request, known: Known, rules: Rules) -> bool:
    if request.type in _COSTS_NOTHING or known.is_charging or known.battery_percent is None:
        return False
    return known.battery_percent < rules.lowest_battery_percent


def _since(at_ms: int | None, life: Life) -> bool:
    return at_ms is not None and at_ms >= life.since_ms


_ANNOUNCED: dict[FailureCause, PendingStatus] = {
    "TooManyWakeUpsOverMonth": "TooManyWakeUpsOverMonth",
    "NotPossibleDueToVehicleBatteryLevel": "VehicleBatteryChargeTooLow",
}
"""Causes that have a pending status of their own: published as if nothing came after, so both are told."""


def _failed(cause: FailureCause, now_ms: int) -> Step:
    announced = _ANNOUNCED.get(cause)
    events = (Event("Failed", cause),) if announced is None else (Event(announced), Event("Failed", cause))
    return Step(Life(Phase.DONE, now_ms), events)
