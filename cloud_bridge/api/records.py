"""The records that a path names: of its vehicle, its fleet or its trip, all of the asked times or one by its id."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from cloud_bridge.api.call import Call
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.timestamps import EVER, intersect, union
from cloud_bridge.records.model import Trip
from cloud_bridge.store.port import Interval, One, Vehicle

Found = tuple[Vehicle, One]
"""A record, and whose it is."""


def of_vehicle(call: Call, kind: type[One]) -> list[Found[One]]:
    """In ascending time, as all others. Raises RefusedError where nothing of the vehicle may be shown."""
    call.require_data()
    return _within(call, kind, call.intervals)


def of_trip(call: Call, kind: type[One]) -> list[Found[One]]:
    """Those that overlap the trip of the path."""
    _, intervals = trip_of_path(call)
    return _within(call, kind, intervals)


def one_of_vehicle(call: Call, kind: type[One], path_id: str) -> Found[One]:
    """Raises RefusedError where the vehicle has no such record, or nothing of it may be shown."""
    call.require_data()
    one = call.reader.record(kind, call.vehicle.vin, call.ids[path_id])
    if one is None:
        raise _unknown(call, kind, path_id, "vehicle")
    return call.vehicle, one


def one_of_trip(call: Call, kind: type[One], path_id: str) -> Found[One]:
    """Raises RefusedError where the vehicle has no such trip, or no such record overlaps it."""
    trip, _ = trip_of_path(call)
    vehicle, one = one_of_vehicle(call, kind, path_id)
    first_ms, end_ms = _extent(trip)
    if one.started_at_ms >= end_ms or (one.until_ms is not None and one.until_ms < first_ms):
        raise _unknown(call, kind, path_id, "trip")
    return vehicle, one


def trip_of_path(call: Call) -> tuple[Trip, list[Interval]]:
    """The trip of the path, and the asked times during it. Raises RefusedError where the vehicle has no such trip."""
    _, trip = one_of_vehicle(call, Trip, "tid")
    return trip, intersect(call.intervals, _extent(trip))


def trip_at(trips: Sequence[Trip], at_ms: int) -> Trip | None:
    """The trip, of `trips` in ascending time, that goes on at `at_ms`."""
    index = bisect_right(trips, at_ms, key=lambda trip: trip.started_at_ms)
    trip = trips[index - 1] if index else None
    if trip is None or (trip.stopped_at_ms is not None and trip.stopped_at_ms < at_ms):
        return None
    return trip


def trips_at(call: Call, moments: Iterable[tuple[Vehicle, int]]) -> dict[tuple[str, int], Trip | None]:
    """The trip that went on, by VIN and time, of all these."""
    times: dict[str, list[int]] = {}
    for vehicle, at_ms in moments:
        times.setdefault(vehicle.vin, []).append(at_ms)
    found = {}
    for vin, wanted in times.items():
        trips = call.reader.records(Trip, vin, union([(at_ms, at_ms + 1) for at_ms in wanted]))
        found.update({(vin, at_ms): trip_at(trips, at_ms) for at_ms in wanted})
    return found


def _extent(trip: Trip) -> Interval:
    return trip.started_at_ms, EVER[1] if trip.stopped_at_ms is None else trip.stopped_at_ms + 1


def _within(call: Call, kind: type[One], intervals: list[Interval]) -> list[Found[One]]:
    found = call.reader.records(kind, call.vehicle.vin, intervals) if intervals else []
    return [(call.vehicle, one) for one in found]


def _unknown(call: Call, kind: type[One], path_id: str, owner: str) -> RefusedError:
    return RefusedError(Code.NO_DATA, f"The {owner} has no {kind.__name__.lower()} '{call.ids[path_id]}'.")
