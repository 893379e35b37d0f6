"""What the API reads, on SQLite.

Before it answers about a vehicle, the reader derives what is pending for it, so that an answer reflects every upload
that was receipted before the question.
"""

from __future__ import annotations

import logging
import operator
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import msgspec
from msgspec.structs import astuple

from cloud_bridge.clock import clock_ms
from cloud_bridge.records.model import Message, Position, Status
from cloud_bridge.store.port.damage import DamagedError
from cloud_bridge.store.port.derived import Extent
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Client, Fleet, Theft, Vehicle
from cloud_bridge.store.port.times import Interval
from cloud_bridge.store.sqlite import damage, fleet, records, registry, telemetry, thefts
from cloud_bridge.store.sqlite.damage import SqliteDamage
from cloud_bridge.store.sqlite.database import UNREADABLE, Database
from cloud_bridge.store.sqlite.extent import extent_of, is_fleet_folded, is_folded
from cloud_bridge.threads.remembered import Remembered
from cloud_bridge.threads.waiting import before_waiting

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

log = logging.getLogger(__name__)
_status = msgspec.msgpack.Decoder(Status).decode


class SqliteReader:
    """`cloud_bridge.store.port.reading.Reader` on SQLite. `derive` brings the records of a vehicle up to its uploads,
    `derive_fleet` those of a fleet; `is_current` says that a vehicle with this extent needs no `derive`."""

    def __init__(
        self,
        database: Database,
        derive: Callable[[str], None],
        derive_fleet: Callable[[str], None],
        is_current: Callable[[str, Extent], bool] = lambda _vin, _extent: False,
        clock_ms: Callable[[], int] = clock_ms,
    ) -> None:
        self._database = database
        self._derive = derive
        self._derive_fleet = derive_fleet
        self._is_current = is_current
        self._clock_ms = clock_ms
        self._damage = SqliteDamage(database)
        self._statuses: Remembered[str, bytes, Status] = Remembered(_status, same=operator.eq)

    def snapshot(self) -> AbstractContextManager[None]:
        return self._database.snapshot()

    @contextmanager
    def _derived(self, vin: str) -> Iterator[sqlite3.Connection]:
        """A snapshot in which the vehicle's records are of its chunks, all of them. Raises DamagedError."""
        with self._readable(vin):
            with self._database.read() as connection:
                if self._is_current(vin, extent_of(connection, vin)):
                    yield connection
                    return
            with self._settled(
                f"vehicle {vin}", lambda: self._derive(vin), lambda connection: is_folded(connection, vin)
            ) as connection:
                yield connection

    @contextmanager
    def _derived_fleet(self, fleet_id: str) -> Iterator[sqlite3.Connection]:
        """The same of all vehicles of a fleet that are not set aside."""
        try:
            with self._settled(
                f"fleet {fleet_id}",
                lambda: self._derive_fleet(fleet_id),
                lambda connection: is_fleet_folded(connection, fleet_id),
            ) as connection:
                yield connection
        except fleet.UnreadableRowError as error:
            raise self._put_aside(error.vin, error) from error

    @contextmanager
    def _readable(self, vin: str) -> Iterator[None]:
        """Sets the vehicle aside where what is stored of it cannot be read in the block. Raises DamagedError."""
        try:
            yield
        except UNREADABLE as error:
            raise self._put_aside(vin, error) from error

    def _put_aside(self, vin: str, error: Exception) -> DamagedError:
        before_waiting()
        log.error("of vehicle %s something stored cannot be read, it has to be rebuilt", vin, exc_info=error)
        self._damage.set_aside(vin, self._clock_ms(), reading=True)
        return DamagedError(vin)

    @contextmanager
    def _settled(
        self, what: str, derive: Callable[[], None], settled: Callable[[sqlite3.Connection], bool]
    ) -> Iterator[sqlite3.Connection]:
        before_waiting()
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
        try:
            return None if body is None else self._statuses.of(vin, body)
        except UNREADABLE as error:
            raise self._put_aside(vin, error) from error

    def messages(
        self,
        vin: str,
        within: Sequence[Interval],
        kinds: frozenset[str],
        offset: int,
        limit: int,
        data: frozenset[str] | None = None,
    ) -> tuple[int, list[Message]]:
        with self._derived(vin) as connection:
            return telemetry.page_of_messages(connection, vin, _union(within), kinds, data, (offset, limit))

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]:
        with self._derived(vin) as connection:
            return telemetry.positions(connection, vin, _union(within))

    def page_of_positions(
        self, vin: str, within: Sequence[Interval], offset: int, limit: int
    ) -> tuple[int, list[Position]]:
        with self._derived(vin) as connection:
            return telemetry.page_of_positions(connection, vin, _union(within), (offset, limit))

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        with self._derived(vin) as connection:
            return telemetry.position_at(connection, vin, min(at_ms, _INTEGERS[1]))

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
            found = fleet.one_of_fleet(connection, kind, fleet_id, record_id)
        if found is not None and self._damage.is_set_aside(found[0].vin):
            raise DamagedError(found[0].vin)
        return found

    def set_aside(self, fleet_id: str) -> list[Vehicle]:
        with self._database.read() as connection:
            return damage.of_fleet(connection, fleet_id)


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
