"""What a trip has shown so far, message by message: a small state that everything told of a trip is computed from."""

from __future__ import annotations

from typing import Literal

import msgspec

from cloud_bridge.records.model import Known, Message, Position
from cloud_bridge.records.positions import distance_km
from cloud_bridge.records.veil import Veil
from contract.limits import FASTEST_KMH

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

RESTATED_MS = 60_000
"""How long an odometer that does not change may be silent."""
POSITION_SLACK_KM = 0.3
"""A position may be further than the fastest drive by so much: receivers err."""
ODOMETER_SLACK_KM = 2.0
"""An odometer may be ahead of the fastest drive by so much: the coarse ones step by a kilometre or a mile."""

ENERGIES: tuple[Literal["Fuel", "Electric"], ...] = ("Fuel", "Electric")
MILEAGE = "odometer.mileage"
PROPULSION = "propulsion"
POSITION = "position"
"""What a message's position is called among the data that are not believed."""
COUNTERS = frozenset({MILEAGE, *(f"energies.{energy}.consumption.total" for energy in ENERGIES)})
AT_ENDS = COUNTERS | {f"energies.{energy}.{what}" for energy in ENERGIES for what in ("level", "autonomy")}


class Progress(msgspec.Struct):
    """What a trip has shown so far. Values are replaced, never changed in place: a shallow copy is a snapshot."""

    last_ms: int
    """The newest message."""
    moved: bool = False
    speed: Known | None = None
    maximum_kmh: float | None = None
    integral_km: float = 0.0
    integrated_ms: int = 0
    propulsion: Known | None = None
    propelled_km: dict[str, float] = {}
    """Parts of the integral, by what propelled the vehicle."""
    odometer_step_km: float | None = None
    """The smallest step seen."""
    jumped: tuple[str, ...] = ()
    """Counters, or the position, that did what none does on the road: went back, or ahead faster than any vehicle."""
    start: dict[str, Known] = {}
    end: dict[str, Known] = {}
    start_position: Position | None = None
    stop_position: Position | None = None
    path_km: float = 0.0
    path_end: Position | None = None
    unstarted: bool = False
    lacking: bool = False
    veil: Veil = Veil()


def absorb(now: Progress, message: Message, started_ms: int, holds_ms: int, *, announced: bool) -> None:
    """Take `message` into `now`, which is changed. `announced`: the trip was seen to start at `started_ms`; `holds_ms`:
    for how long what propels the vehicle holds after it was said."""
    at_ms, values = message.at_ms, message.values
    if at_ms - now.last_ms > GAP_MS and now.veil.now != "FullPrivacy":
        now.lacking = True
    now.last_ms = at_ms
    if not AT_ENDS.isdisjoint(values):
        for datum in AT_ENDS.intersection(values):
            _absorb_end(now, datum, Known(values[datum], at_ms), started_ms)
    speed = values.get("kinetic.speed")
    if speed is not None:
        if now.speed is None:
            now.unstarted = not announced and float(speed) > MOVING_KMH and at_ms - started_ms <= BRIDGED_MS
        _absorb_speed(now, Known(speed, at_ms), holds_ms)
    if PROPULSION in values:
        now.propulsion = Known(values[PROPULSION], at_ms)
    if values.get("kinetic.moving") is True:
        now.moved = True
    if message.position is not None:
        _absorb_position(now, message.position)


def _absorb_end(now: Progress, datum: str, said: Known, started_ms: int) -> None:
    before = now.end.get(datum)
    if before is None:
        earlier = now.start.get(datum)
        if earlier is None or said.at_ms - started_ms <= started_ms - earlier.at_ms:
            now.start = now.start | {datum: said}
        before = now.start[datum]
    now.end = now.end | {datum: said}
    if datum in COUNTERS and _is_jump(datum, before, said):
        now.jumped = tuple(sorted({*now.jumped, datum}))
    elif datum == MILEAGE and (step_km := float(said.value) - float(before.value)) > 0:
        now.moved = True
        now.odometer_step_km = min(step_km, now.odometer_step_km or step_km)


def _is_jump(datum: str, before: Known, said: Known) -> bool:
    """Whether a counter went where driving does not take it."""
    step = float(said.value) - float(before.value)
    farthest_km = ODOMETER_SLACK_KM + FASTEST_KMH * (said.at_ms - before.at_ms) / 3.6e6
    return step < 0 or (datum == MILEAGE and step > farthest_km)


def _absorb_speed(now: Progress, said: Known, holds_ms: int) -> None:
    before, speed_kmh = now.speed, float(said.value)
    if before is not None and said.at_ms - before.at_ms <= BRIDGED_MS:
        step_km = (float(before.value) + speed_kmh) / 2 * (said.at_ms - before.at_ms) / 3.6e6
        now.integral_km += step_km
        now.integrated_ms += said.at_ms - before.at_ms
        by = now.propulsion
        if by is not None and said.at_ms - by.at_ms <= holds_ms:
            name = str(by.value)
            now.propelled_km = now.propelled_km | {name: now.propelled_km.get(name, 0.0) + step_km}
    now.speed = said
    now.maximum_kmh = max(speed_kmh, now.maximum_kmh or 0.0)
    if speed_kmh >= STANDING_KMH:
        now.moved = True


def _absorb_position(now: Progress, position: Position) -> None:
    if now.start_position is None or now.path_end is None:
        now.start_position = now.path_end = position
    else:
        step_km = distance_km(now.path_end, position)
        if step_km >= STEP_KM:
            if step_km > POSITION_SLACK_KM + FASTEST_KMH * (position.at_ms - now.path_end.at_ms) / 3.6e6:
                now.jumped = tuple(sorted({*now.jumped, POSITION}))
            now.path_km += step_km
            now.path_end = position
        if now.speed is None and MILEAGE not in now.end and distance_km(now.start_position, position) > MOVED_KM:
            now.moved = True
    now.stop_position = position
