"""What is read of all vehicles of a fleet at once, on SQLite: statuses, and pages of records.

Records of a fleet come in the order of their start, and indexes are by vehicle. So the asked times are halved until a
part holds few enough records to be sorted at once. Counting a part reads its index alone: a page far behind costs no
more than the first, and what is held in memory does not grow with the fleet's history.

Vehicles that are set aside (`store.port.damage`) are not there: not shown, not counted.

Each range of time costs a look at every vehicle. Of many ranges (a repetition has up to 10,000) the whole time from the
first to the last is read once instead, and what overlaps none of them left out.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

import msgspec

from cloud_bridge.records.model import Status
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.store.port.times import Interval
from cloud_bridge.store.sqlite.database import UNREADABLE
from cloud_bridge.store.sqlite.records import decoder, name_of
from cloud_bridge.store.sqlite.vehicles import vehicle_from

SORTED_AT_ONCE = 5000
FEW_RANGES = 50
"""So many are looked for one by one."""

_ONE_OF_FLEET = """
SELECT vehicle.id, vin, model, brand, motorization, vehicle.created_at_ms, vehicle.updated_at_ms, services, body
FROM fleet_vehicle JOIN vehicle USING (vin) JOIN record USING (vin)
WHERE fleet_id = ? AND record.id = ? AND kind = ?
"""
_VEHICLE = """
SELECT id, vin, model, brand, motorization, created_at_ms, updated_at_ms, services FROM vehicle WHERE vin = ?
"""
_HAS_SERVICES = """
SELECT 1 FROM fleet_vehicle JOIN vehicle USING (vin) WHERE fleet_id = ? AND services <> '' LIMIT 1
"""
_COUNT_STATUSES = """
SELECT count(*) FROM fleet_vehicle JOIN status USING (vin)
WHERE fleet_id = ? AND vin NOT IN (SELECT vin FROM set_aside)
"""
_STATUSES = """
SELECT vehicle.id, vin, model, brand, motorization, vehicle.created_at_ms, vehicle.updated_at_ms, services, body
FROM fleet_vehicle JOIN vehicle USING (vin) JOIN status USING (vin)
WHERE fleet_id = ? AND vin NOT IN (SELECT vin FROM set_aside) ORDER BY vin LIMIT ? OFFSET ?
"""

# Those that are over: of each vehicle, from as long before as its longest record lasts.
_CLOSED = """
SELECT {columns}
FROM fleet_vehicle CROSS JOIN record INDEXED BY record_by_start ON record.vin = fleet_vehicle.vin
WHERE fleet_id = :fleet AND kind = :kind AND from_ms < :to AND until_ms >= :reached
AND fleet_vehicle.vin NOT IN (SELECT vin FROM set_aside)
AND from_ms >= max(:from, :reached - (
    SELECT coalesce(max(until_ms - from_ms), 0) FROM record AS other
    WHERE other.vin = fleet_vehicle.vin AND other.kind = :kind
))
"""
_LASTED = "AND until_ms - from_ms BETWEEN :shortest AND :longest"
# Those that go on, by length: by start it would look at all that began before.
_OPEN = """
UNION ALL SELECT {columns}
FROM fleet_vehicle CROSS JOIN record INDEXED BY record_by_length ON record.vin = fleet_vehicle.vin
WHERE fleet_id = :fleet AND kind = :kind AND until_ms - from_ms IS NULL AND from_ms >= :from AND from_ms < :to
AND fleet_vehicle.vin NOT IN (SELECT vin FROM set_aside)
"""
_COUNT = "SELECT coalesce(sum(n), 0), min(first), max(last) FROM ({records})"
_COUNTED = "count(*) AS n, min(from_ms) AS first, max(from_ms) AS last"
_SORT = "{records} ORDER BY from_ms, 2, id LIMIT :limit OFFSET :offset"
_SORTED = "from_ms, record.vin, id, body"

_status = msgspec.msgpack.Decoder(Status).decode
Decoded = TypeVar("Decoded")


class UnreadableRowError(Exception):
    """What is stored of the vehicle `vin` is not as it was written; the cause says how."""

    def __init__(self, vin: str) -> None:
        super().__init__(vin)
        self.vin = vin


def page(
    connection: sqlite3.Connection,
    kind: type[One],
    fleet_id: str,
    union: Sequence[Interval],
    offset: int,
    limit: int,
    lasted: Interval | None = None,
    counts: Callable[[Vehicle, One], bool] | None = None,
    at_once: int = SORTED_AT_ONCE,
    few: int = FEW_RANGES,
) -> tuple[int, list[tuple[Vehicle, One]]]:
    """As `Reader.fleet_records`, of ranges in ascending order and apart. `at_once`: records sorted together, most.
    `few`: ranges looked for one by one, most. Raises UnreadableRowError, as the others do."""
    if len(union) > few:
        counts = _in_one_of(union, counts)
        union = [(union[0][0], union[-1][1])]

    @cache
    def vehicle_of(vin: str) -> Vehicle:
        return vehicle_from(connection.execute(_VEHICLE, (vin,)).fetchone())

    records = _Records(connection, name_of(kind), fleet_id, lasted, at_once)
    decode = decoder(kind)
    total = 0
    found: list[tuple[Vehicle, One]] = []
    for whole in _parts(records, union):
        if counts is None:
            for part, first, last in _cut(records, whole, offset - total, offset - total + limit):
                found += [
                    (vehicle_of(vin), _decoded(decode, vin, body)) for vin, body in records.sorted(part, first, last)
                ]
            total += whole.number
            continue
        for part, first, last in _cut(records, whole, 0, whole.number):
            for vin, body in records.sorted(part, first, last):
                each = vehicle_of(vin), _decoded(decode, vin, body)
                if counts(*each):
                    if offset <= total < offset + limit:
                        found.append(each)
                    total += 1
    return total, found


def one_of_fleet(
    connection: sqlite3.Connection, kind: type[One], fleet_id: str, record_id: str
) -> tuple[Vehicle, One] | None:
    row = connection.execute(_ONE_OF_FLEET, (fleet_id, record_id, name_of(kind))).fetchone()
    if row is None:
        return None
    vehicle = vehicle_from(row[:-1])
    return vehicle, _decoded(decoder(kind), vehicle.vin, row[-1])


def has_services(connection: sqlite3.Connection, fleet_id: str) -> bool:
    return connection.execute(_HAS_SERVICES, (fleet_id,)).fetchone() is not None


def statuses(
    connection: sqlite3.Connection, fleet_id: str, offset: int, limit: int
) -> tuple[int, list[tuple[Vehicle, Status]]]:
    (total,) = connection.execute(_COUNT_STATUSES, (fleet_id,)).fetchone()
    rows = connection.execute(_STATUSES, (fleet_id, limit, offset))
    found = [(vehicle_from(row[:-1]), row[-1]) for row in rows]
    return total, [(vehicle, _decoded(_status, vehicle.vin, body)) for vehicle, body in found]


def _decoded(decode: Callable[[bytes], Decoded], vin: str, body: bytes) -> Decoded:
    try:
        return decode(body)
    except UNREADABLE as error:
        raise UnreadableRowError(vin) from error


def _in_one_of(
    union: Sequence[Interval], counts: Callable[[Vehicle, One], bool] | None
) -> Callable[[Vehicle, One], bool]:
    """That a record overlaps one of the ranges, and `counts` says so of it."""
    ends = [end_ms for _, end_ms in union]

    def overlaps(vehicle: Vehicle, one: One) -> bool:
        place = bisect_right(ends, one.started_at_ms)
        if place == len(union) or (one.until_ms is not None and one.until_ms < union[place][0]):
            return False
        return counts is None or counts(vehicle, one)

    return overlaps


class _Part(NamedTuple):
    """The records that are not over before `reached_ms`, and begin from `first_ms` to `last_ms`, both included."""

    reached_ms: int
    number: int
    first_ms: int
    last_ms: int


class _Records:
    """Of one type and fleet, those that `lasted` so long."""

    def __init__(
        self, connection: sqlite3.Connection, kind: str, fleet_id: str, lasted: Interval | None, at_once: int
    ) -> None:
        self._connection = connection
        self.at_once = at_once
        self._asked: dict[str, object] = {"kind": kind, "fleet": fleet_id}
        records = _CLOSED + _OPEN
        if lasted is not None:
            records = _CLOSED + _LASTED
            self._asked |= {"shortest": lasted[0], "longest": lasted[1]}
        self._count = _COUNT.format(records=records.format(columns=_COUNTED))
        self._sort = _SORT.format(records=records.format(columns=_SORTED))

    def part(self, from_ms: int, to_ms: int, reached_ms: int) -> _Part | None:
        """Those that begin in [from, to); None where there are none."""
        asked = {**self._asked, "from": from_ms, "to": to_ms, "reached": reached_ms}
        number, first_ms, last_ms = self._connection.execute(self._count, asked).fetchone()
        return _Part(reached_ms, number, first_ms, last_ms) if number else None

    def sorted(self, part: _Part, first: int, last: int) -> list[tuple[str, bytes]]:
        """VIN and body of those with these indexes in the part, the last not included."""
        times = {"from": part.first_ms, "to": part.last_ms + 1, "reached": part.reached_ms}
        limits = {"offset": first, "limit": last - first}
        rows = self._connection.execute(self._sort, {**self._asked, **times, **limits}).fetchall()
        return [(vin, body) for _, vin, _, body in rows]


def _parts(records: _Records, union: Sequence[Interval]) -> Iterator[_Part]:
    """One for each range: a record that overlaps several is of the first, and begins before the end of it."""
    end_ms = -(2**62)
    for from_ms, to_ms in union:
        part = records.part(end_ms, to_ms, from_ms)
        if part is not None:
            yield part
        end_ms = to_ms


def _cut(records: _Records, part: _Part, first: int, last: int) -> Iterator[tuple[_Part, int, int]]:
    """What holds the records with indexes [first, last) of the part, in order: parts small enough to be sorted, and
    which of their indexes these are."""
    first, last = max(0, first), min(part.number, last)
    if first >= last:
        return
    if part.number <= records.at_once or part.first_ms == part.last_ms:
        yield part, first, last
        return
    middle_ms = (part.first_ms + part.last_ms) // 2 + 1
    before = records.part(part.first_ms, middle_ms, part.reached_ms)
    number = 0 if before is None else before.number
    if before is not None:
        yield from _cut(records, before, first, last)
    if last > number:
        after = records.part(middle_ms, part.last_ms + 1, part.reached_ms)
        if after is not None:
            yield from _cut(records, after, first - number, last - number)
