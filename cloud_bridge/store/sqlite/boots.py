"""Which boots of vehicles' boxes are known, and when they ran, on SQLite."""

from __future__ import annotations

from cloud_bridge.store.port.boots import Lived
from cloud_bridge.store.sqlite.database import Database

_HEARD = "SELECT vin FROM intake WHERE last_upload_at_ms >= ? ORDER BY vin"
_LIVED = """
SELECT substr(boot, 1, 8) AS kernel, min(from_ms), max(to_ms), (
    SELECT coalesce(min(uncertainty_ms), 0) FROM anchor
    WHERE anchor.vin = chunk.vin AND anchor.kernel = substr(chunk.boot, 1, 8) AND believed
)
FROM chunk INDEXED BY chunk_by_time WHERE vin = ? AND from_ms >= ? GROUP BY kernel
"""


class SqliteBoots:
    """`cloud_bridge.store.port.boots.Boots` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def heard(self, since_ms: int) -> list[str]:
        with self._database.read() as connection:
            return [vin for (vin,) in connection.execute(_HEARD, (since_ms,))]

    def lived(self, vin: str, since_ms: int) -> list[Lived]:
        with self._database.read() as connection:
            return [Lived(*row) for row in connection.execute(_LIVED, (vin, since_ms))]
