"""The records that a path names: of its vehicle, its fleet or its trip, all of the asked times or one by its id.

What may not be shown (`api.scope`) is as if it were not there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cloud_bridge.api.call import Call
from cloud_bridge.api.errors import Code, RefusedError, damaged
from cloud_bridge.api.timestamps import EVER, intersect, union
from cloud_bridge.records.model import Record, Status, Trip
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.store.port.times import Interval

Found = tuple[Vehicle, One]
"""A record, and whose it is."""
TripsAt = Mapping[tuple[str, int], Trip | None]
"""By VIN and time."""
_STATUSES_AT_ONCE = 500


def of_vehicle(call: Call, kind: type[One]) -> list[Found[One]]:
    """In ascending time, as all others."""
    return _within(call, kind, call.intervals)


def of_fleet(
    call: Call,
    kind: type[One],
    *,
    lasted: Interval | None = None,
    chosen: Callable[[One], bool] | None = None,
) -> tuple[int, list[Found[One]]]:
    """How many there are, and those of the page. Those only that are over and `lasted` from so many to so many ms, and
    that are `chosen`. Each is looked at only where it may be that not all are shown."""
    if not call.intervals:
        return 0, []
    window = call.window

    def counts(vehicle: Vehicle, one: One) -> bool:
        seen = call.scope_of(vehicle).see(one)
        return seen is not None and (chosen is None or chosen(seen))

    total, found = call.reader.fleet_records(
        kind,
        call.fleet_id,
        call.intervals,
        window.offset,
        window.limit,
        lasted=lasted,
        counts=counts if chosen is not None or is_limited(call) else None,
    )
    return total, [(vehicle, one) for vehicle, each in found if (one := call.scope_of(vehicle).see(each)) is not None]


def is_limited(call: Call) -> bool:
    """Whether something of a vehicle of the fleet may not be shown."""
    return not call.shows_everything or call.reader.has_services(call.fleet_id)


def of_trip(call: Call, kind: type[One]) -> list[Found[One]]:
    """Those that overlap the trip of the path."""
    _, intervals = trip_of_path(call)
    return _within(call, kind, intervals)


def one_of_vehicle(call: Call, kind: type[One], path_id: str) -> Found[One]:
    """Raises RefusedError where the vehicle has no such record."""
    found = call.reader.record(kind, call.vehicle.vin, call.ids[path_id])
    one = None if found is None else call.scope.see(found)
    if one is None:
        raise _unknown(call, kind, path_id, "vehicle")
    return call.vehicle, one


def one_of_fleet(call: Call, kind: type[One], path_id: str) -> Found[One]:
    """Raises RefusedError where no vehicle of the fleet has such a record."""
    found = call.reader.fleet_record(kind, call.fleet_id, call.ids[path_id])
    one = None if found is None else call.scope_of(found[0]).see(found[1])
    if found is None or one is None:
        if missing := call.reader.set_aside(call.fleet_id):
            raise damaged([vehicle.vin for vehicle in missing])  # It may be of one of these.
        raise _unknown(call, kind, path_id, "fleet")
    return found[0], one


def one_of_trip(call: Call, kind: type[One], path_id: str) -> Found[One]:
    """Raises RefusedError where the vehicle has no such trip, or no such record overlaps it."""
    trip, _ = trip_of_path(call)
    vehicle, one = one_of_vehicle(call, kind, path_id)
    if not overlaps(one, [extent(trip)]):
        raise _unknown(call, kind, path_id, "trip")
    return vehicle, one


def overlaps(record: Record, within: Sequence[Interval]) -> bool:
    until_ms = record.until_ms
    return any(record.started_at_ms < end and (until_ms is None or until_ms >= first) for first, end in within)


def all_statuses(call: Call) -> Iterator[tuple[Vehicle, Status]]:
    """Of the vehicles of the fleet, by VIN."""
    offset = 0
    while True:
        total, found = call.reader.statuses(call.fleet_id, offset, _STATUSES_AT_ONCE)
        for vehicle, each in found:
            status = call.scope_of(vehicle).status(each)
            if status is not None:
                yield vehicle, status
        offset += _STATUSES_AT_ONCE
        if offset >= total:
            return


def trip_of_path(call: Call) -> tuple[Trip, list[Interval]]:
    """The trip of the path, and the asked times during it. Raises RefusedError where the vehicle has no such trip."""
    _, trip = one_of_vehicle(call, Trip, "tid")
    during = extent(trip)
    return trip, intersect(call.intervals_within(lambda: during), during)


def trip_at(trips: Sequence[Trip], at_ms: int) -> Trip | None:
    """The trip, of `trips` in ascending time, that goes on at `at_ms`."""
    index = bisect_right(trips, at_ms, key=lambda trip: trip.started_at_ms)
    trip = trips[index - 1] if index else None
    if trip is None or (trip.stopped_at_ms is not None and trip.stopped_at_ms < at_ms):
        return None
    return trip


def trips_at(call: Call, moments: Iterable[tuple[Vehicle, int]]) -> TripsAt:
    """The trips that went on at these times."""
    times: dict[str, list[int]] = {}
    vehicles: dict[str, Vehicle] = {}
    for vehicle, at_ms in moments:
        vehicles[vehicle.vin] = vehicle
        times.setdefault(vehicle.vin, []).append(at_ms)
    found: dict[tuple[str, int], Trip | None] = {}
    for vin, wanted in times.items():
        trips = trips_of(call, vehicles[vin], union([(at_ms, at_ms + 1) for at_ms in wanted]))
        found.update({(vin, at_ms): trip_at(trips, at_ms) for at_ms in wanted})
    return found


def trips_of(call: Call, vehicle: Vehicle, within: list[Interval]) -> list[Trip]:
    """The vehicle's trips at these times, in ascending time."""
    scope = call.scope_of(vehicle)
    seen = (scope.see(trip) for trip in call.reader.records(Trip, vehicle.vin, within))
    return [trip for trip in seen if trip is not None]


def extent(trip: Trip) -> Interval:
    return trip.started_at_ms, EVER[1] if trip.stopped_at_ms is None else trip.stopped_at_ms + 1


def _within(call: Call, kind: type[One], intervals: list[Interval]) -> list[Found[One]]:
    found = call.reader.records(kind, call.vehicle.vin, intervals) if intervals else []
    seen = (call.scope.see(one) for one in found)
    return [(call.vehicle, one) for one in seen if one is not None]


def _unknown(call: Call, kind: type[One], path_id: str, owner: str) -> RefusedError:
    return RefusedError(Code.NO_DATA, f"The {owner} has no {kind.__name__.lower()} '{call.ids[path_id]}'.")
