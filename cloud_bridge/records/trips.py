"""Trips: from the start of driving to its end, as the vehicle's profile defines them.

The rule names a datum (`ignition.type`) and the values of it that are a trip (`Start`). A trip

* starts at the first message in which the datum has such a value;
* ends at the message in which it has another, or, if the rule has a pause (engines that stop at a red light), there
  unless it is active again before the pause is over;
* ends without being told when the buses sleep, when nothing is said for longer than the rule's silence, or when the
  datum itself is not said for that long while others are. Then it ended with the last message that the datum still
  held for (data are restated once in a while only), else when the datum was last said.

A trip in which nothing moved is not a trip, and there is no record of it. What a record says:

* distance: the first of these that covers the trip up to 5 % or 30 s of it: odometer at both ends, if its steps are no
  coarser than 0.5 km or 1 % of the distance; the integral of the speed (trapezoids, samples more than 10 s apart are
  not bridged); the odometer, however coarse; the path of the positions; the odometer, silent for a minute at either end
  (it is said when it changes and restated once a minute). Without any there is no distance: half the way is not the
  way. An odometer that goes back during the trip, or ahead faster than any vehicle, is no measure of it.
* start values (mileage, energies): of the samples nearest to the start, up to 60 s before or after it; end values: the
  last in the trip, up to ten minutes before its end. Positions: first and last fix in the trip.
* consumption: the difference of the vehicle's own counter, where it serves one, it was said within 60 s of start and
  end, and not reset on the way.
* faults, by the place where data lack: *Unstarted* when it was moving already when first heard of; *Unfinished* when it
  was moving still when last heard of and nobody said that it ended; *DataLacking* when nothing was said for more than
  two minutes in between. Privacy has the same places, and is then the cause (`records.veil`).

Everything is computed message by message with a small state, so that where the flow is cut makes no difference.
"""

from __future__ import annotations

from copy import copy
from typing import Literal

import msgspec

from cloud_bridge.records.identity import record_id
from cloud_bridge.records.model import EnergyConsumption, EnergyLevel, Fault, Known, Message, Position, Trip
from cloud_bridge.records.positions import distance_km
from cloud_bridge.records.veil import Veil, drawn
from cloud_bridge.unify.privacy import STATE

GAP_MS = 120_000
"""A longer gap between messages is lacking data."""
NEAR_START_MS = 60_000
"""How far from the start a value may have been said to be the start value."""
NEAR_END_MS = 600_000
"""How long before the end a value may have been said to be the end value."""
BRIDGED_MS = 10_000
"""Speeds no further apart are integrated across; a speed no older is still the speed."""
MOVING_KMH = 5.0
"""Faster is moving, for the faults."""
STANDING_KMH = 1.0
"""Slower is standing, for whether there was a trip at all: receivers and sensors report some motion at rest."""
STEP_KM = 0.02
"""Positions closer than this are not summed up: a receiver at rest wanders."""
MOVED_KM = 0.1
"""So far from the first position is a movement, when neither speed nor odometer is known."""

FASTEST_KMH = 400.0
RESTATED_MS = 60_000
"""How long an odometer that does not change may be silent."""
ODOMETER_SLACK_KM = 2.0
"""An odometer may be ahead of the fastest drive by so much: the coarse ones step by a kilometre or a mile."""

_ENERGIES: tuple[Literal["Fuel", "Electric"], ...] = ("Fuel", "Electric")
_MILEAGE = "odometer.mileage"
_FUEL_USED = "energies.Fuel.consumption.total"
_AT_ENDS = frozenset(
    {_MILEAGE, _FUEL_USED, *(f"energies.{energy}.{what}" for energy in _ENERGIES for what in ("level", "autonomy"))}
)


class TripRule(msgspec.Struct, frozen=True):
    """What a trip is, for one model."""

    datum: str
    active: frozenset[str | bool]
    """Its values while a trip goes on."""
    silence_ms: int
    """Silence longer than this ends a trip."""
    pause_ms: int = 0
    """An inactive time up to this long does not end a trip."""
    holds_ms: int = 60_000
    """For how long the datum holds after it was said; longer than it takes to be restated."""


class Progress(msgspec.Struct):
    """What a trip has shown so far. Values are replaced, never changed in place: a shallow copy is a snapshot."""

    last_ms: int
    """The newest message."""
    moved: bool = False
    speed: Known | None = None
    maximum_kmh: float | None = None
    integral_km: float = 0.0
    integrated_ms: int = 0
    odometer_step_km: float | None = None
    """The smallest step seen."""
    jumped: tuple[str, ...] = ()
    """Counters that did what none does on the road: went back, or ahead faster than any vehicle."""
    start: dict[str, Known] = {}
    end: dict[str, Known] = {}
    start_position: Position | None = None
    stop_position: Position | None = None
    path_km: float = 0.0
    path_end: Position | None = None
    unstarted: bool = False
    lacking: bool = False
    veil: Veil = Veil()


class OpenTrip(msgspec.Struct):
    """A trip that goes on."""

    started_ms: int
    announced: bool
    """It was seen to start: an inactive sample came before."""
    holds_ms: int
    """For how long the rule's datum holds after it was said."""
    said_ms: int
    """When it was last said."""
    sure: Progress
    """As it was then."""
    now: Progress
    paused_ms: int | None = None
    """Since when the datum is inactive."""


def begin(message: Message, known: dict[str, Known], rule: TripRule, *, announced: bool, hidden: bool) -> OpenTrip:
    """A trip that starts with `message`; `known` is what was known before it. `hidden`: full privacy was on since the
    rule's datum was last heard."""
    now = Progress(
        message.at_ms,
        start={
            datum: value
            for datum in sorted(_AT_ENDS)
            if (value := known.get(datum)) is not None and message.at_ms - value.at_ms <= NEAR_START_MS
        },
    )
    now.veil = Veil.at_start(drawn(message, known), hidden=hidden)
    trip = OpenTrip(message.at_ms, announced, rule.holds_ms, message.at_ms, now, now)
    _absorb(trip, message)
    trip.sure = copy(trip.now)
    return trip


def follow(trip: OpenTrip, message: Message, known: dict[str, Known], rule: TripRule, *, hidden: bool) -> None:
    """Take `message`, of a time at which the trip has not ended by silence, into the trip (changed in place); the rest
    as `begin` has it."""
    said = message.values.get(rule.datum)
    cause = drawn(message, known)
    if cause is None and hidden and said not in rule.active:
        cause = "FullPrivacy"
    if cause == "FullPrivacy" and message.position is None and message.values.keys() <= {STATE}:
        trip.now.veil = trip.now.veil.then(cause)  # That nothing may be said is nothing of the trip.
        return
    _absorb(trip, message)
    trip.now.veil = trip.now.veil.then(cause)
    if said is None:
        return
    trip.said_ms = message.at_ms
    if said in rule.active:
        trip.paused_ms = None
        trip.sure = copy(trip.now)
    elif trip.paused_ms is None:
        trip.paused_ms = message.at_ms
        trip.sure = copy(trip.now)


def is_over(trip: OpenTrip, rule: TripRule, by_ms: int) -> bool:
    """Whether the trip has ended, when everything said before `by_ms` is known."""
    if trip.paused_ms is not None and by_ms - trip.paused_ms > rule.pause_ms:
        return True
    return by_ms - min(trip.now.last_ms, trip.said_ms) > rule.silence_ms


def record(trip: OpenTrip, vin: str, *, done: bool) -> Trip | None:
    """The trip as it is known; None when nothing moved, or, for a trip that goes on, when nothing surely did."""
    told = trip.paused_ms is not None
    holds = not told and trip.now.last_ms - trip.said_ms <= trip.holds_ms
    shown = trip.now if holds else trip.sure
    if not (shown if done else trip.sure).moved:
        return None
    duration_ms = shown.last_ms - trip.started_ms
    distance = _distance_km(shown, trip.started_ms, duration_ms)
    start = {key: known for key, known in shown.start.items() if known.at_ms - trip.started_ms <= NEAR_START_MS}
    end = {key: known for key, known in shown.end.items() if shown.last_ms - known.at_ms < NEAR_END_MS}
    mileage = start.get(_MILEAGE)
    return Trip(
        id=record_id(vin, "trip", trip.started_ms),
        started_at_ms=trip.started_ms,
        stopped_at_ms=shown.last_ms if done else None,
        distance_km=None if distance is None else round(distance, 3),
        start_mileage_km=None if mileage is None else float(mileage.value),
        start_position=shown.start_position,
        stop_position=shown.stop_position if done else None,
        start_energies=_energies(start),
        end_energies=_energies(end),
        consumptions=_consumptions(shown, trip.started_ms, distance),
        average_speed_kmh=None if distance is None or not duration_ms else round(distance / duration_ms * 3.6e6, 2),
        maximum_speed_kmh=shown.maximum_kmh,
        faults=_faults(shown, trip.sure.veil if told else trip.now.veil, done=done, told=told),
        updated_at_ms=shown.last_ms,
    )


def _absorb(trip: OpenTrip, message: Message) -> None:
    now, at_ms, values = trip.now, message.at_ms, message.values
    if at_ms - now.last_ms > GAP_MS and now.veil.now != "FullPrivacy":
        now.lacking = True
    now.last_ms = at_ms
    if not _AT_ENDS.isdisjoint(values):
        for datum in _AT_ENDS.intersection(values):
            _absorb_end(trip, datum, Known(values[datum], at_ms))
    speed = values.get("kinetic.speed")
    if speed is not None:
        _absorb_speed(trip, float(speed), at_ms)
    if values.get("kinetic.moving") is True:
        now.moved = True
    if message.position is not None:
        _absorb_position(now, message.position)


def _absorb_end(trip: OpenTrip, datum: str, said: Known) -> None:
    now = trip.now
    before = now.end.get(datum)
    if before is None:
        earlier = now.start.get(datum)
        if earlier is None or said.at_ms - trip.started_ms <= trip.started_ms - earlier.at_ms:
            now.start = now.start | {datum: said}
        before = now.start[datum]
    now.end = now.end | {datum: said}
    if datum in (_MILEAGE, _FUEL_USED) and _is_jump(datum, before, said):
        now.jumped = tuple(sorted({*now.jumped, datum}))
    elif datum == _MILEAGE and (step_km := float(said.value) - float(before.value)) > 0:
        now.moved = True
        now.odometer_step_km = min(step_km, now.odometer_step_km or step_km)


def _is_jump(datum: str, before: Known, said: Known) -> bool:
    """Whether a counter of kilometres or fuel went where driving does not take it."""
    step = float(said.value) - float(before.value)
    farthest_km = ODOMETER_SLACK_KM + FASTEST_KMH * (said.at_ms - before.at_ms) / 3.6e6
    return step < 0 or (datum == _MILEAGE and step > farthest_km)


def _absorb_speed(trip: OpenTrip, speed_kmh: float, at_ms: int) -> None:
    now = trip.now
    if now.speed is None:
        now.unstarted = not trip.announced and speed_kmh > MOVING_KMH and at_ms - trip.started_ms <= BRIDGED_MS
    elif at_ms - now.speed.at_ms <= BRIDGED_MS:
        now.integral_km += (float(now.speed.value) + speed_kmh) / 2 * (at_ms - now.speed.at_ms) / 3.6e6
        now.integrated_ms += at_ms - now.speed.at_ms
    now.speed = Known(speed_kmh, at_ms)
    now.maximum_kmh = max(speed_kmh, now.maximum_kmh or 0.0)
    if speed_kmh >= STANDING_KMH:
        now.moved = True


def _absorb_position(now: Progress, position: Position) -> None:
    if now.start_position is None or now.path_end is None:
        now.start_position = now.path_end = position
    else:
        step_km = distance_km(now.path_end, position)
        if step_km >= STEP_KM:
            now.path_km += step_km
            now.path_end = position
        if now.speed is None and _MILEAGE not in now.end and distance_km(now.start_position, position) > MOVED_KM:
            now.moved = True
    now.stop_position = position


def _distance_km(shown: Progress, started_ms: int, duration_ms: int) -> float | None:
    """The first measure that covers the trip; what covers a part of it only is no distance."""
    fine: list[tuple[float, int]] = []
    coarse: list[tuple[float, int]] = []
    last_resort: list[tuple[float, int]] = []
    first, last = shown.start.get(_MILEAGE), shown.end.get(_MILEAGE)
    if first is not None and last is not None and last.at_ms > first.at_ms and _MILEAGE not in shown.jumped:
        driven_km = float(last.value) - float(first.value)
        step_km = shown.odometer_step_km
        is_fine = step_km is not None and step_km <= max(0.5, driven_km / 100)
        covered_ms = last.at_ms - max(first.at_ms, started_ms)
        (fine if is_fine else coarse).append((driven_km, covered_ms))
        last_resort.append((driven_km, covered_ms + 2 * RESTATED_MS))
    if shown.integrated_ms:
        fine.append((shown.integral_km, shown.integrated_ms))
    if shown.start_position is not None and shown.stop_position is not None and shown.path_km > 0:
        coarse.append((shown.path_km, shown.stop_position.at_ms - shown.start_position.at_ms))
    enough_ms = duration_ms - max(30_000, duration_ms // 20)
    measures = fine + coarse + last_resort
    return next((distance for distance, covered_ms in measures if covered_ms >= enough_ms), None)


def _energies(values: dict[str, Known]) -> tuple[EnergyLevel, ...]:
    levels = []
    for energy in _ENERGIES:
        level, autonomy = values.get(f"energies.{energy}.level"), values.get(f"energies.{energy}.autonomy")
        if level is not None or autonomy is not None:
            levels.append(
                EnergyLevel(
                    energy,
                    None if level is None else float(level.value),
                    None if autonomy is None else int(autonomy.value),
                )
            )
    return tuple(levels)


def _consumptions(shown: Progress, started_ms: int, distance: float | None) -> tuple[EnergyConsumption, ...]:
    first, last = shown.start.get(_FUEL_USED), shown.end.get(_FUEL_USED)
    if first is None or last is None or first.at_ms == last.at_ms or _FUEL_USED in shown.jumped:
        return ()
    if first.at_ms - started_ms > NEAR_START_MS or shown.last_ms - last.at_ms > NEAR_START_MS:
        return ()
    used_cl = round(float(last.value) - float(first.value), 3)
    return (EnergyConsumption("Fuel", used_cl, round(used_cl / distance * 100, 2) if distance else None),)


def _faults(shown: Progress, last: Veil, *, done: bool, told: bool) -> tuple[Fault, ...]:
    """`last`: the veil over the end. Where privacy was on, that is the cause."""
    speed, veil = shown.speed, shown.veil
    moving = speed is not None and float(speed.value) > MOVING_KMH and shown.last_ms - speed.at_ms <= BRIDGED_MS
    start = veil.over_start or ("FullPrivacy" if veil.hid_start and shown.unstarted else None)
    faults = [Fault("Unstarted", start)] if start or shown.unstarted else []
    between = {*veil.between, last.now} if done and last.over_all else set(veil.between)
    faults += [Fault("DataLacking", cause) for cause in ("FullPrivacy", "GeoPrivacy") if cause in between]
    if shown.lacking and not between:
        faults.append(Fault("DataLacking"))
    if done and (last.now or (moving and not told)):
        faults.append(Fault("Unfinished", last.now))
    return tuple(faults)
