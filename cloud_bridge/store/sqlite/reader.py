"""What the API reads, on SQLite.

Before it answers about a vehicle, the reader derives what is pending for it, so that an answer reflects every upload
that was receipted before the question. Telemetry is read out of chunks. A chunk that lies within one range and overlaps
no other is counted by its index of kinds, and opened only when it holds messages of the page asked for; others, and
those of which something is not believed, are opened and merged.
"""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import msgspec
from msgspec.structs import astuple

from cloud_bridge.records.messages import data_of, data_of_kinds, kinds_of, merge
from cloud_bridge.records.model import Message, Position, Status
from cloud_bridge.remembered import Remembered
from cloud_bridge.store.port import Client, Extent, Fleet, Interval, One, StoreError, Theft, Vehicle
from cloud_bridge.store.ranges import overlapping
from cloud_bridge.store.sqlite import fleet, records, registry, thefts
from cloud_bridge.store.sqlite.chunks import count, count_data, unpack
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import extent_of, is_fleet_folded, is_folded
from cloud_bridge.store.sqlite.implausible import Left

_LONGEST_CHUNK = "SELECT max(to_ms - from_ms) FROM chunk WHERE vin = ?"
_CHUNKS = """
SELECT boot, sequence, from_ms, to_ms, positions, kinds FROM chunk
WHERE vin = ? AND from_ms >= ? AND from_ms < ? AND to_ms > ? AND messages > 0
ORDER BY from_ms, to_ms, boot, sequence
"""
_WITH_POSITIONS = """
SELECT boot, sequence, from_ms, to_ms, positions, kinds FROM chunk INDEXED BY chunk_with_positions
WHERE vin = ? AND from_ms <= ? AND positions > 0 ORDER BY from_ms DESC
"""
_BODY = "SELECT body FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_DATA = "SELECT data FROM chunk WHERE vin = ? AND boot = ? AND sequence = ?"
_STATUS = "SELECT body FROM status WHERE vin = ?"
# The columns of an `Extent`, then the body.
_STATUS_AND_EXTENT = """
SELECT revision, dirty_from_ms, profile,
    EXISTS (SELECT 1 FROM pending WHERE pending.vin = derived.vin AND waits = 0), status.body
FROM derived LEFT JOIN status USING (vin) WHERE vin = ?
"""
_NEVER_DERIVED = (*astuple(Extent()), None)
_INTEGERS = (-(2**62), 2**62)
"""Times beyond are not in any database."""

_ATTEMPTS = 100

_status = msgspec.msgpack.Decoder(Status).decode


class _Chunk(NamedTuple):
    boot: bytes
    sequence: int
    from_ms: int
    to_ms: int
    positions: int
    kinds: bytes


class SqliteReader:
    """`cloud_bridge.store.port.Reader` on SQLite. `derive` brings the records of a vehicle up to its uploads,
    `derive_fleet` those of a fleet; `is_current` says that a vehicle with this extent needs no `derive`."""

    def __init__(
        self,
        database: Database,
        derive: Callable[[str], None],
        derive_fleet: Callable[[str], None],
        is_current: Callable[[str, Extent], bool] = lambda _vin, _extent: False,
    ) -> None:
        self._database = database
        self._derive = derive
        self._derive_fleet = derive_fleet
        self._is_current = is_current
        self._statuses: Remembered[str, bytes, Status] = Remembered(_status, same=operator.eq)

    def snapshot(self) -> AbstractContextManager[None]:
        return self._database.snapshot()

    @contextmanager
    def _derived(self, vin: str) -> Iterator[sqlite3.Connection]:
        """A snapshot in which the vehicle's records are of its chunks, all of them."""
        with self._database.read() as connection:
            if self._is_current(vin, extent_of(connection, vin)):
                yield connection
                return
        with self._settled(
            f"vehicle {vin}", lambda: self._derive(vin), lambda connection: is_folded(connection, vin)
        ) as connection:
            yield connection

    def _derived_fleet(self, fleet_id: str) -> AbstractContextManager[sqlite3.Connection]:
        """The same of all vehicles of a fleet."""
        return self._settled(
            f"fleet {fleet_id}",
            lambda: self._derive_fleet(fleet_id),
            lambda connection: is_fleet_folded(connection, fleet_id),
        )

    @contextmanager
    def _settled(
        self, what: str, derive: Callable[[], None], settled: Callable[[sqlite3.Connection], bool]
    ) -> Iterator[sqlite3.Connection]:
        for _ in range(_ATTEMPTS):
            with self._database.outside():
                derive()
            with self._database.read() as connection:
                # More may have come since, and be half derived now.
                if settled(connection):
                    yield connection
                    return
        raise StoreError(f"{what} is derived all the time by another process: its records cannot be read")

    def client(self, client_id: str) -> Client | None:
        with self._database.read() as connection:
            return registry.client_of(connection, client_id)

    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]:
        with self._database.read() as connection:
            return registry.fleets_of(connection, msgspec.json.encode(list(ids)).decode(), offset, limit)

    def fleet(self, fleet_id: str) -> Fleet | None:
        with self._database.read() as connection:
            return registry.fleet_of(connection, fleet_id)

    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]:
        with self._database.read() as connection:
            return registry.vehicles_of(connection, fleet_id, vin_prefix, offset, limit)

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        with self._database.read() as connection:
            return registry.vehicle_of(connection, fleet_id, vehicle_id)

    def status(self, vin: str) -> Status | None:
        # Asked more than anything else: with one look where nothing is to be derived.
        with self._database.read() as connection:
            *extent, body = connection.execute(_STATUS_AND_EXTENT, (vin,)).fetchone() or _NEVER_DERIVED
        if not self._is_current(vin, Extent(*extent)):
            with self._derived(vin) as connection:
                (body,) = connection.execute(_STATUS, (vin,)).fetchone() or (None,)
        return None if body is None else self._statuses.of(vin, body)

    def messages(
        self,
        vin: str,
        within: Sequence[Interval],
        kinds: frozenset[str],
        offset: int,
        limit: int,
        data: frozenset[str] | None = None,
    ) -> tuple[int, list[Message]]:
        wanted = None if data is None else data_of_kinds(data, kinds)
        with self._derived(vin) as connection:
            return _page(
                connection,
                vin,
                _union(within),
                (offset, limit),
                lambda chunk: _count(connection, vin, chunk, kinds, wanted),
                lambda message: _has(message, kinds, wanted),
            )

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]:
        with self._derived(vin) as connection:
            return _positions(connection, vin, _union(within))

    def page_of_positions(
        self, vin: str, within: Sequence[Interval], offset: int, limit: int
    ) -> tuple[int, list[Position]]:
        with self._derived(vin) as connection:
            total, messages = _page(
                connection,
                vin,
                _union(within),
                (offset, limit),
                lambda chunk: chunk.positions,
                lambda message: message.position is not None,
            )
        return total, [message.position for message in messages if message.position is not None]

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        with self._derived(vin) as connection:
            newest_ms = _newest_position_ms(connection, vin, min(at_ms, _INTEGERS[1]))
            found = [] if newest_ms is None else _positions(connection, vin, [(newest_ms, newest_ms + 1)])
        return found[-1] if found else None

    def thefts(self, vin: str) -> list[Theft]:
        with self._database.read() as connection:
            return thefts.thefts_of(connection, vin)

    def records(self, kind: type[One], vin: str, within: Sequence[Interval]) -> list[One]:
        with self._derived(vin) as connection:
            return records.overlapping(connection, kind, vin, _union(within))

    def record(self, kind: type[One], vin: str, record_id: str) -> One | None:
        with self._derived(vin) as connection:
            return records.one(connection, kind, vin, record_id)

    def has_services(self, fleet_id: str) -> bool:
        with self._database.read() as connection:
            return fleet.has_services(connection, fleet_id)

    def statuses(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[tuple[Vehicle, Status]]]:
        with self._derived_fleet(fleet_id) as connection:
            return fleet.statuses(connection, fleet_id, offset, limit)

    def fleet_records(
        self,
        kind: type[One],
        fleet_id: str,
        within: Sequence[Interval],
        offset: int,
        limit: int,
        *,
        lasted: Interval | None = None,
        counts: Callable[[Vehicle, One], bool] | None = None,
    ) -> tuple[int, list[tuple[Vehicle, One]]]:
        with self._derived_fleet(fleet_id) as connection:
            return fleet.page(connection, kind, fleet_id, _union(within), offset, limit, lasted, counts)

    def fleet_record(self, kind: type[One], fleet_id: str, record_id: str) -> tuple[Vehicle, One] | None:
        with self._derived_fleet(fleet_id) as connection:
            return fleet.one_of_fleet(connection, kind, fleet_id, record_id)


def _union(within: Sequence[Interval]) -> list[Interval]:
    """The ranges in order, joined where they overlap, and within what the database can say."""
    lowest, highest = _INTEGERS
    result: list[Interval] = []
    for from_ms, to_ms in sorted((max(lowest, from_ms), min(highest, to_ms)) for from_ms, to_ms in within):
        if from_ms >= to_ms:
            continue
        if result and from_ms <= result[-1][1]:
            result[-1] = (result[-1][0], max(to_ms, result[-1][1]))
        else:
            result.append((from_ms, to_ms))
    return result


def _page(
    connection: sqlite3.Connection,
    vin: str,
    union: Sequence[Interval],
    page: tuple[int, int],
    count_of: Callable[[_Chunk], int | None],
    is_wanted: Callable[[Message], bool],
) -> tuple[int, list[Message]]:
    """How many messages are wanted, and those of the page (offset, limit). `count_of` gives the number of those in a
    chunk, None where that cannot be told without opening it."""
    offset, limit = page
    total, found = 0, []
    for interval in union:
        left = Left(connection, vin, interval)
        for together in _groups(connection, vin, interval):
            number = count_of(together[0]) if _is_one_and_whole(together, interval, left) else None
            first, last = offset - total, offset - total + limit
            if number is not None and (first >= number or last <= 0):
                total += number
                continue
            wanted = [message for message in _open(connection, vin, together, interval, left) if is_wanted(message)]
            found += wanted[max(0, first) : max(0, last)]
            total += len(wanted)
    return total, found


def _positions(connection: sqlite3.Connection, vin: str, union: Sequence[Interval]) -> list[Position]:
    return [
        message.position
        for interval in union
        for left in [Left(connection, vin, interval)]
        for together in _groups(connection, vin, interval)
        if any(chunk.positions for chunk in together)
        for message in _open(connection, vin, together, interval, left)
        if message.position is not None
    ]


def _newest_position_ms(connection: sqlite3.Connection, vin: str, at_ms: int) -> int | None:
    """The time of the newest position of `at_ms` or before."""
    newest_ms: int | None = None
    (longest_ms,) = connection.execute(_LONGEST_CHUNK, (vin,)).fetchone()
    for chunk in map(_Chunk._make, connection.execute(_WITH_POSITIONS, (vin, at_ms))):
        # One that begins earlier may end later, but not by more than the longest.
        if newest_ms is not None and chunk.from_ms + longest_ms <= newest_ms:
            break
        interval = (chunk.from_ms, min(at_ms + 1, chunk.to_ms))
        messages = _open(connection, vin, [chunk], interval, Left(connection, vin, interval))
        times = [message.at_ms for message in messages if message.position is not None]
        newest_ms = max(times if newest_ms is None else [*times, newest_ms], default=None)
    return newest_ms


def _groups(connection: sqlite3.Connection, vin: str, interval: Interval) -> Iterator[list[_Chunk]]:
    """The chunks with messages that reach into the interval, in order; those that overlap together."""
    from_ms, to_ms = interval
    (longest_ms,) = connection.execute(_LONGEST_CHUNK, (vin,)).fetchone()
    if longest_ms is None:
        return
    earliest_ms = max(_INTEGERS[0], from_ms - longest_ms)
    rows = map(_Chunk._make, connection.execute(_CHUNKS, (vin, earliest_ms, to_ms, from_ms)))
    yield from overlapping(rows, lambda chunk: (chunk.from_ms, chunk.to_ms))


def _has(message: Message, kinds: frozenset[str], data: frozenset[str] | None) -> bool:
    return not kinds.isdisjoint(kinds_of(message)) if data is None else not data.isdisjoint(data_of(message))


def _is_one_and_whole(together: list[_Chunk], interval: Interval, left: Left) -> bool:
    """Whether all of one chunk is asked for and believed, so that what is counted of it holds."""
    chunk = together[0]
    return (
        len(together) == 1
        and not left.is_within(chunk.from_ms, chunk.to_ms)
        and chunk.from_ms >= interval[0]
        and chunk.to_ms <= interval[1]
    )


def _count(
    connection: sqlite3.Connection, vin: str, chunk: _Chunk, kinds: frozenset[str], data: frozenset[str] | None
) -> int | None:
    """How many messages of `kinds` the chunk has, where `data` are given with one of these, if it can be told without
    opening it."""
    number = count(chunk.kinds, kinds)
    if not number or data is None:
        return number
    (index,) = connection.execute(_DATA, (vin, chunk.boot, chunk.sequence)).fetchone()
    return count_data(index, data) if index else None


def _open(
    connection: sqlite3.Connection, vin: str, together: list[_Chunk], interval: Interval, left: Left
) -> list[Message]:
    bodies = [connection.execute(_BODY, (vin, chunk.boot, chunk.sequence)).fetchone()[0] for chunk in together]
    parts = [unpack(body) for body in bodies]
    from_ms, to_ms = interval
    merged = parts[0] if len(parts) == 1 else merge(*parts)
    return [left.out_of(message) for message in merged if from_ms <= message.at_ms < to_ms]
