"""The veil: where in a trip the vehicle's privacy hides something, and so which of the published faults it is.

Under `Geolocation` the places lack, under `Full` everything. By the place of what lacks:

* over the start: *Unstarted*. The trip begins under it; or it is moving already when first heard of after `Full`.
* over the end: *Unfinished*. The trip ends under it; or what is heard first after `Full` is that it is over.
* between, so that it was lifted again in the same trip: *DataLacking*.
* over all of it: all three.

What a trip that goes on lacks at its end so far is none of these yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from cloud_bridge.records.model import Known, Message, Value
from cloud_bridge.unify.privacy import STATE

Cause = Literal["GeoPrivacy", "FullPrivacy"]
_CAUSES: dict[Value | None, Cause] = {"Geolocation": "GeoPrivacy", "Full": "FullPrivacy"}


def drawn(message: Message, known: Mapping[str, Known]) -> Cause | None:
    """What is hidden at `message`, by its own word or else by the last one, of `known` before it."""
    if STATE in message.values:
        return _CAUSES.get(message.values[STATE])
    last = known.get(STATE)
    return None if last is None else _CAUSES.get(last.value)


class Veil(msgspec.Struct, frozen=True, omit_defaults=True):
    """What privacy hid of a trip so far."""

    over_start: Cause | None = None
    hid_start: bool = False
    """Full privacy hid whether the trip had started before it was first heard of."""
    between: tuple[Cause, ...] = ()
    """Set in and lifted again, in ascending order."""
    now: Cause | None = None
    over_all: bool = False
    """What is hidden now was hidden from the start on."""

    @classmethod
    def at_start(cls, cause: Cause | None, *, hidden: bool) -> Veil:
        return cls(over_start=cause, hid_start=hidden, now=cause, over_all=cause is not None)

    def then(self, cause: Cause | None) -> Veil:
        """After a message under `cause`."""
        if cause == self.now:
            return self
        between = self.between
        if self.now is not None and not self.over_all:
            between = tuple(sorted({*between, self.now}))
        return msgspec.structs.replace(self, between=between, now=cause, over_all=False)
