"""What vehicles are to watch, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

import msgspec

from cloud_bridge.store.port.watch_lists import Covered, Due, Listed
from cloud_bridge.store.sqlite.database import Database
from contract.watching import Condition, WatchList, condition_item, decode_list, encode_list
from contract.wire import digest, write

_CHANGE = "SELECT number FROM watch_change"
_DUE = "SELECT fleet_id FROM watch_due ORDER BY fleet_id"
_VEHICLES = """
SELECT vin, model, (SELECT json_group_array(fleet_id) FROM fleet_vehicle AS other WHERE other.vin = vehicle.vin)
FROM vehicle WHERE vin IN (SELECT vin FROM fleet_vehicle JOIN watch_due USING (fleet_id)) ORDER BY vin
"""
_SETTLED = "DELETE FROM watch_due WHERE fleet_id = ?"
_MODELS = "SELECT DISTINCT model FROM vehicle ORDER BY model"
_PROFILES = "SELECT model, digest FROM watch_profile"
_PROFILE = "INSERT OR REPLACE INTO watch_profile (model, digest) VALUES (?, ?)"
_MODEL_DUE = """
INSERT OR REPLACE INTO watch_due (fleet_id)
SELECT DISTINCT fleet_id FROM fleet_vehicle JOIN vehicle USING (vin) WHERE model = ?
"""
_COLUMNS = "SELECT vin, number, document, published, skipped FROM watch_list "
_LISTED = _COLUMNS + "WHERE vin = ?"
# Those whose certificates are all revoked find nothing, until they have another one.
_TO_PUBLISH = """
SELECT vin, number, document, published, skipped FROM watch_list WHERE published = 0 AND (
    EXISTS (SELECT 1 FROM certificate WHERE certificate.vin = watch_list.vin AND revoked_at_ms IS NULL)
    OR NOT EXISTS (SELECT 1 FROM certificate WHERE certificate.vin = watch_list.vin)
) ORDER BY vin LIMIT ?
"""
_REGISTERED = "SELECT 1 FROM vehicle WHERE vin = ?"
_DIGEST = "SELECT number, digest FROM watch_list WHERE vin = ?"
_LIST = """
INSERT OR REPLACE INTO watch_list (vin, number, document, digest, published, skipped) VALUES (?, ?, ?, ?, 0, NULL)
"""
_PUBLISHED = "UPDATE watch_list SET published = 1 WHERE vin = ? AND number = ?"
_AGAIN = "UPDATE watch_list SET published = 0 WHERE vin = ?"
_ALL_AGAIN = "UPDATE watch_list SET published = 0"
_REPORTED = "UPDATE watch_list SET skipped = ?1 WHERE vin = ?2 AND number = ?3 AND skipped IS NOT ?1"
_NOTHING: tuple[Condition, ...] = ()

_texts = msgspec.json.Decoder(tuple[str, ...]).decode


class SqliteWatchLists:
    """`cloud_bridge.store.port.watch_lists.WatchLists` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self) -> Due | None:
        with self._database.read() as connection:
            fleets = tuple(fleet for (fleet,) in connection.execute(_DUE))
            if not fleets:
                return None
            (change,) = connection.execute(_CHANGE).fetchone()
            vehicles = tuple(
                Covered(vin, model, _texts(all_of)) for vin, model, all_of in connection.execute(_VEHICLES)
            )
            return Due(change, fleets, vehicles)

    def models(self) -> list[str]:
        with self._database.read() as connection:
            return [model for (model,) in connection.execute(_MODELS)]

    def profiles(self, digests: Mapping[str, bytes]) -> None:
        with self._database.read() as connection:
            before = dict(connection.execute(_PROFILES).fetchall())
        changed = {model: each for model, each in digests.items() if before.get(model) != each}
        if changed:
            with self._database.write() as connection:
                connection.executemany(_PROFILE, changed.items())
                connection.executemany(_MODEL_DUE, [(model,) for model in changed])

    def settle(self, due: Due, lists: Mapping[str, Sequence[Condition]], now_ms: int) -> bool:
        with self._database.write() as connection:
            (change,) = connection.execute(_CHANGE).fetchone()
            if change != due.change:
                return False
            for vin, conditions in lists.items():
                _list(connection, vin, tuple(conditions), now_ms)
            connection.executemany(_SETTLED, [(fleet,) for fleet in due.fleets])
            return True

    def listed(self, vin: str) -> Listed | None:
        with self._database.read() as connection:
            return _find(connection, vin)

    def to_publish(self, limit: int) -> list[Listed]:
        with self._database.read() as connection:
            return [_listed(row) for row in connection.execute(_TO_PUBLISH, (limit,))]

    def published(self, lists: Collection[Listed]) -> set[str]:
        with self._database.write() as connection:
            connection.executemany(_PUBLISHED, [(each.vin, each.number) for each in lists])
            return {each.vin for each in lists if connection.execute(_LISTED, (each.vin,)).fetchone() is None}

    def publish_again(self, vin: str | None = None) -> None:
        with self._database.write() as connection:
            connection.execute(_ALL_AGAIN) if vin is None else connection.execute(_AGAIN, (vin,))

    def renumber(self, vin: str, above: int, now_ms: int) -> bool:
        with self._database.write() as connection:
            if connection.execute(_REGISTERED, (vin,)).fetchone() is None:
                return False
            before = _find(connection, vin)
            conditions = _NOTHING if before is None else decode_list(before.document).conditions
            _write(connection, vin, max(above + 1, now_ms, 0 if before is None else before.number + 1), conditions)
            return True

    def reported(self, vin: str, number: int, skipped: Sequence[str]) -> bool:
        with self._database.write() as connection:
            text = msgspec.json.encode(list(skipped)).decode()
            return connection.execute(_REPORTED, (text, vin, number)).rowcount > 0


def _list(connection: sqlite3.Connection, vin: str, conditions: tuple[Condition, ...], now_ms: int) -> None:
    row = connection.execute(_DIGEST, (vin,)).fetchone()
    if row is None and not conditions:
        return
    number, before = (0, None) if row is None else row
    if before != _digest(conditions):
        _write(connection, vin, max(number + 1, now_ms), conditions)


def _write(connection: sqlite3.Connection, vin: str, number: int, conditions: tuple[Condition, ...]) -> None:
    document = encode_list(WatchList(number, conditions))
    connection.execute(_LIST, (vin, number, document, _digest(conditions)))


def _digest(conditions: tuple[Condition, ...]) -> bytes:
    return digest(write([condition_item(each) for each in conditions]))


def _find(connection: sqlite3.Connection, vin: str) -> Listed | None:
    row = connection.execute(_LISTED, (vin,)).fetchone()
    return None if row is None else _listed(row)


def _listed(row: Sequence[object]) -> Listed:
    vin, number, document, published, skipped = row
    return Listed(
        str(vin),
        msgspec.convert(number, int),
        msgspec.convert(document, bytes),
        bool(published),
        None if skipped is None else _texts(str(skipped)),
    )
