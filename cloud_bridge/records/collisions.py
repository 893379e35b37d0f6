"""Collisions: one record for one crash, of all that is said of it.

Signs of a collision are the crash event of the vehicle (`unify.events`), which knows nothing but the moment, and news
(`records.news`) in the data `collision.*`: a side, a severity, that it tipped over, that a pedestrian was hit. That
neither is so is no sign, but told of a collision that there is.

The first sign is the collision's moment. What follows within ten seconds of the last that was new belongs to it, for a
minute at most: a crash is heard of by an event, then by an airbag's computer, and may be of several sides. A side is
told once, with the greatest severity said of it. A severity is of the side said with it, else of the last one said,
else of the first that is; without any side it is not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from cloud_bridge.records.identity import record_id
from cloud_bridge.records.model import Collision, Impact, Message
from cloud_bridge.records.news import News
from cloud_bridge.unify.events import CRASHED

TOGETHER_MS = 10_000
LONGEST_MS = 60_000

_PREFIX = "collision."
_SIDE = "collision.side"
_SEVERITY = "collision.severity"
_SENSED = {"collision.tippedOver": "tipped_over", "collision.pedestrian": "pedestrian"}

Side = Literal["Front", "Rear", "Lateral"]
Severity = Literal["Minimal", "Minor", "Major"]
_SIDES: tuple[Side, ...] = ("Front", "Rear", "Lateral")
_SEVERITIES: tuple[Severity, ...] = ("Minimal", "Minor", "Major")


class Latest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last collision, which may not be told whole yet."""

    collision: Collision
    severity: Severity | None = None
    """Said before any side."""


def follow(latest: Latest | None, message: Message, news: Mapping[str, News], vin: str) -> Latest | None:
    """The last collision after `message`: `latest` itself when nothing is new of it."""
    if message.values.keys().isdisjoint(_DATA):
        return latest
    at_ms = message.at_ms
    is_sign = CRASHED in message.values or any(_is_sign(datum, one) for datum, one in news.items())
    if latest is not None and may_grow(latest.collision, at_ms):
        grown = _with(latest, message)
        if not is_sign and grown == latest:
            return latest
        return replace(grown, collision=replace(grown.collision, updated_at_ms=at_ms))
    if not is_sign:
        return latest
    return _with(Latest(Collision(record_id(vin, "collision", message), at_ms, updated_at_ms=at_ms)), message)


def may_grow(collision: Collision, at_ms: int) -> bool:
    """Whether what is said at `at_ms`, or later, can belong to it."""
    return at_ms - collision.updated_at_ms <= TOGETHER_MS and at_ms - collision.started_at_ms <= LONGEST_MS


def _is_sign(datum: str, news: News) -> bool:
    return datum.startswith(_PREFIX) and news.value is not False


def _with(latest: Latest, message: Message) -> Latest:
    """With all that `message` says of it."""
    values, collision = message.values, latest.collision
    side = next((one for one in _SIDES if one == values.get(_SIDE)), None)
    said = next((one for one in _SEVERITIES if one == values.get(_SEVERITY)), None)
    severity = _graver(latest.severity, said)
    impacts = list(collision.impacts)
    if side is not None and all(one.side != side for one in impacts):
        impacts.append(Impact(side))
    if severity is not None and impacts:
        place = len(impacts) - 1 if side is None else [one.side for one in impacts].index(side)
        impacts[place] = replace(impacts[place], severity=_graver(impacts[place].severity, severity))
        severity = None
    sensed = {
        name: bool(values[datum]) or bool(getattr(collision, name))
        for datum, name in _SENSED.items()
        if datum in values
    }
    return Latest(replace(collision, impacts=tuple(impacts), **sensed), severity)


def _graver(one: Severity | None, other: Severity | None) -> Severity | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=_SEVERITIES.index)


_DATA = frozenset({CRASHED, _SIDE, _SEVERITY, *_SENSED})
