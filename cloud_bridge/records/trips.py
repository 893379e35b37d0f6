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
  way. An odometer of which something is not believed on the way (`records.plausibility`; 0 does not count), or that is
  replaced there, is no measure of it; nor is a path that jumps.
* start values (mileage, energies): of the samples nearest to the start, up to 60 s before or after it; end values: the
  last in the trip, up to ten minutes before its end. Positions: first and last fix in the trip.
* consumption: the difference of the vehicle's own counter of that energy, where it serves one, it was said within 60 s
  of start and end, and not reset on the way (or gone back: what a brake gives back is not counted off).
* segments: the distance by what propelled the vehicle. A vehicle of one engine has one, all of it, as its profile's
  motorization says; of another the profile maps `propulsion`, and they are in the ratio in which the integral of the
  speed parts. What propels holds until said otherwise, as long as it is restated; where it is not known
  for more than 5 % of the way, or the speed does not cover the trip, there are none.
* faults, by the place where data lack: *Unstarted* when it was moving already when first heard of; *Unfinished* when it
  was moving still when last heard of and nobody said that it ended; *DataLacking* when nothing was said for more than
  two minutes in between. Privacy has the same places, and is then the cause (`records.veil`).

Everything is computed message by message with a small state, so that where the flow is cut makes no difference.
"""

from __future__ import annotations

from copy import copy

import msgspec

from cloud_bridge.records import measures
from cloud_bridge.records.identity import record_id
from cloud_bridge.records.model import Fault, Known, Message, Propulsion, Trip
from cloud_bridge.records.progress import (
    AT_ENDS,
    BRIDGED_MS,
    MILEAGE,
    MOVING_KMH,
    NEAR_END_MS,
    NEAR_START_MS,
    PROPULSION,
    Progress,
    absorb,
)
from cloud_bridge.records.veil import Veil, drawn
from cloud_bridge.unify.privacy import STATE

Counters = tuple[str, ...]


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
    propels_ms: int = 120_000
    """The same of what propels the vehicle."""
    always: Propulsion | None = None
    """What propels a vehicle that has one engine."""


class OpenTrip(msgspec.Struct):
    """A trip that goes on."""

    id: str
    started_ms: int
    announced: bool
    """It was seen to start: an inactive sample came before."""
    holds_ms: int
    """For how long the rule's datum holds after it was said."""
    always: Propulsion | None
    """What propels a vehicle that has one engine."""
    said_ms: int
    """When it was last said."""
    sure: Progress
    """As it was then."""
    now: Progress
    paused_ms: int | None = None
    """Since when the datum is inactive."""


def begin(
    vin: str,
    message: Message,
    known: dict[str, Known],
    rule: TripRule,
    *,
    announced: bool,
    hidden: bool,
    doubtful: Counters,
) -> OpenTrip:
    """A trip that starts with `message`; `known` is what was known before it. `hidden`: full privacy was on since the
    rule's datum was last heard. `doubtful`: counters that went where driving does not take them."""
    now = Progress(
        message.at_ms,
        jumped=doubtful,
        start={
            datum: value
            for datum in sorted(AT_ENDS)
            if (value := known.get(datum)) is not None and message.at_ms - value.at_ms <= NEAR_START_MS
        },
    )
    now.propulsion = known.get(PROPULSION)
    now.veil = Veil.at_start(drawn(message, known), hidden=hidden)
    identity = record_id(vin, "trip", message)
    trip = OpenTrip(identity, message.at_ms, announced, rule.holds_ms, rule.always, message.at_ms, now, now)
    absorb(now, message, message.at_ms, rule.propels_ms, announced=announced)
    trip.sure = copy(trip.now)
    return trip


def follow(
    trip: OpenTrip, message: Message, known: dict[str, Known], rule: TripRule, *, hidden: bool, doubtful: Counters
) -> None:
    """Take `message`, of a time at which the trip has not ended by silence, into the trip (changed in place); the rest
    as `begin` has it."""
    said = message.values.get(rule.datum)
    cause = drawn(message, known)
    if cause is None and hidden and said not in rule.active:
        cause = "FullPrivacy"
    if cause == "FullPrivacy" and message.position is None and message.values.keys() <= {STATE}:
        trip.now.veil = trip.now.veil.then(cause)  # That nothing may be said is nothing of the trip.
        return
    trip.now.jumped = tuple(sorted({*trip.now.jumped, *doubtful}))
    absorb(trip.now, message, trip.started_ms, rule.propels_ms, announced=trip.announced)
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


def record(trip: OpenTrip, *, done: bool) -> Trip | None:
    """The trip as it is known; None when nothing moved, or, for a trip that goes on, when nothing surely did."""
    told = trip.paused_ms is not None
    holds = not told and trip.now.last_ms - trip.said_ms <= trip.holds_ms
    shown = trip.now if holds else trip.sure
    if not (shown if done else trip.sure).moved:
        return None
    duration_ms = shown.last_ms - trip.started_ms
    distance = measures.distance_km(shown, trip.started_ms, duration_ms)
    start = {key: known for key, known in shown.start.items() if known.at_ms - trip.started_ms <= NEAR_START_MS}
    end = {key: known for key, known in shown.end.items() if shown.last_ms - known.at_ms < NEAR_END_MS}
    mileage = start.get(MILEAGE)
    return Trip(
        id=trip.id,
        started_at_ms=trip.started_ms,
        stopped_at_ms=shown.last_ms if done else None,
        distance_km=None if distance is None else round(distance, 3),
        start_mileage_km=None if mileage is None else float(mileage.value),
        start_position=shown.start_position,
        stop_position=shown.stop_position if done else None,
        start_energies=measures.energies(start),
        end_energies=measures.energies(end),
        consumptions=measures.consumptions(shown, trip.started_ms, distance),
        average_speed_kmh=None if distance is None or not duration_ms else round(distance / duration_ms * 3.6e6, 2),
        maximum_speed_kmh=shown.maximum_kmh,
        faults=_faults(shown, trip.sure.veil if told else trip.now.veil, done=done, told=told),
        updated_at_ms=shown.last_ms,
        segments=measures.segments(shown, duration_ms, distance, trip.always),
    )


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
