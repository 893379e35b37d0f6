"""Plausibility: what a vehicle says that cannot be, by what it said before. It is published nowhere, and counted.

A function of the messages in order of their time, so that late uploads, another dating or a rebuild judge anew. What
one value tells by itself (655 km/h) is left out before (`contract.limits`).

**Odometer.** It neither goes back nor ahead faster than any vehicle: from the last one believed by no more than
400 km/h, and 2 km, which coarse ones step by at once. 0 km is never believed: instruments say it before they have read
their memory, in the moments in which they wake up.

**Position.** No further from the last one believed than 400 km/h takes, and 300 m, by which receivers err. 0 degrees
north and 0 degrees east is in the sea, and what a receiver says that has no fix.

**What stays becomes the truth.** An instrument is replaced; the first position after a long night is the old one. So
what was not believed is, once it has been said at least five times, each time plausible by the time before and none in
between plausible by the old truth, for ten minutes (odometer) or one minute (position). From then on it is published;
what was left out until then stays so.

Of two boxes that send as one vehicle, from different places, the one heard first is therefore believed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from cloud_bridge.records.model import Implausible, Known, Message, Position
from cloud_bridge.records.positions import distance_km
from cloud_bridge.records.progress import MILEAGE, ODOMETER_SLACK_KM, POSITION, POSITION_SLACK_KM
from contract.limits import FASTEST_KMH

ZERO = "zero"
TIMES = 5
MILEAGE_STAYS_MS = 600_000
POSITION_STAYS_MS = 60_000


class Doubt(msgspec.Struct, frozen=True, array_like=True):
    """What was not believed last, and how long it has been said."""

    first_ms: int
    times: int
    mileage: Known | None = None
    position: Position | None = None


class Doubts(msgspec.Struct, frozen=True, omit_defaults=True):
    mileage: Doubt | None = None
    position: Doubt | None = None


class Judged(msgspec.Struct, frozen=True):
    message: Message
    """What is believed of it."""
    doubts: Doubts
    refused: tuple[Implausible, ...] = ()

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The counters that went where driving does not take them. One that says 0 only has not woken up."""
        return (MILEAGE,) if any(one.datum == MILEAGE and one.reason != ZERO for one in self.refused) else ()


def judge(message: Message, doubts: Doubts, known: Mapping[str, Known], position: Position | None) -> Judged:
    """`known` and `position`: what is believed of the messages before."""
    if message.position is None and MILEAGE not in message.values:
        return Judged(message, doubts)
    mileage, about_mileage = _mileage(message, doubts.mileage, known.get(MILEAGE))
    place, about_position = _position(message, doubts.position, position)
    refused = tuple(
        Implausible(message.at_ms, datum, reason)
        for datum, reason in ((MILEAGE, mileage), (POSITION, place))
        if reason is not None
    )
    believed = without(message, {one.datum for one in refused}) if refused else message
    return Judged(believed, Doubts(about_mileage, about_position), refused)


def without(message: Message, data: Collection[str]) -> Message:
    """`message` without some data, of which its position is one; it may say nothing then."""
    values = {datum: value for datum, value in message.values.items() if datum not in data}
    return Message(message.at_ms, values, None if POSITION in data else message.position, message.origin)


def _mileage(message: Message, doubt: Doubt | None, truth: Known | None) -> tuple[str | None, Doubt | None]:
    """Why it is not believed, and the doubt there is then."""
    if MILEAGE not in message.values:
        return None, doubt
    said = Known(message.values[MILEAGE], message.at_ms)
    if said.value == 0:
        return ZERO, doubt
    if truth is None or _drives(truth, said):
        return None, None
    goes_on = doubt is not None and doubt.mileage is not None and _drives(doubt.mileage, said)
    after = _said_again(doubt if goes_on else None, Doubt(said.at_ms, 1, mileage=said))
    if _stays(after, said.at_ms, MILEAGE_STAYS_MS):
        return None, None
    return "back" if float(said.value) < float(truth.value) else "jump", after


def _position(message: Message, doubt: Doubt | None, truth: Position | None) -> tuple[str | None, Doubt | None]:
    said = message.position
    if said is None:
        return None, doubt
    if said.longitude == said.latitude == 0:
        return ZERO, doubt
    if truth is None or _reaches(truth, said):
        return None, None
    goes_on = doubt is not None and doubt.position is not None and _reaches(doubt.position, said)
    after = _said_again(doubt if goes_on else None, Doubt(said.at_ms, 1, position=said))
    if _stays(after, said.at_ms, POSITION_STAYS_MS):
        return None, None
    return "jump", after


def _drives(before: Known, said: Known) -> bool:
    step_km = float(said.value) - float(before.value)
    return 0 <= step_km <= ODOMETER_SLACK_KM + _farthest_km(before.at_ms, said.at_ms)


def _reaches(before: Position, said: Position) -> bool:
    return distance_km(before, said) <= POSITION_SLACK_KM + _farthest_km(before.at_ms, said.at_ms)


def _farthest_km(before_ms: int, at_ms: int) -> float:
    return FASTEST_KMH * (at_ms - before_ms) / 3.6e6


def _said_again(doubt: Doubt | None, new: Doubt) -> Doubt:
    if doubt is None:
        return new
    return msgspec.structs.replace(new, first_ms=doubt.first_ms, times=doubt.times + 1)


def _stays(doubt: Doubt, at_ms: int, long_ms: int) -> bool:
    return doubt.times >= TIMES and at_ms - doubt.first_ms >= long_ms
