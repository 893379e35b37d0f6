"""[trip]: what a trip is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from contract.catalog import DATA
from contract.configuration import Duration, Keys, nearest
from contract.profile.data import Mapping as DatumMapping
from contract.profile.data import wrong_value


class Trip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    datum: str
    """A trip lasts while this datum has one of the active values."""
    active: tuple[str | bool, ...]
    silence: Duration = Duration(300_000)
    """Buses silent for this long end a trip, at the last datum before."""
    pause: Duration = Duration(0)
    """An inactive time up to this long does not end a trip: for a datum that rests at red lights, as engines do."""


def trip_contradictions(trip: Trip, data: Mapping[str, DatumMapping]) -> Iterator[tuple[Keys, str]]:
    """What is wrong, with its place in the profile."""
    if trip.datum not in data:
        yield ("trip", "datum"), f"[data] does not map {trip.datum}{nearest(trip.datum, data)}"
        return
    datum = DATA.get(trip.datum)
    if not trip.active:
        yield ("trip", "active"), "a trip needs at least one active value"
    for value in trip.active:
        wrong = wrong_value(datum, value) if datum is not None else None
        if wrong:
            yield ("trip", "active"), wrong
